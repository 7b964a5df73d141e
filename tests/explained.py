"""Calls of every loss with every option, and the blocks of the view that explains them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from initlab.catalog import LOSSES
from initlab.losslab.evaluate import Evaluation, evaluate
from initlab.losslab.explain import gradient
from initlab.losslab.settings import Settings

BLOCKS = ["CONTRACT", "FORMULA", "VALUES", "REDUCTION", "GRADIENT", "VERDICTS", "TORCH"]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pair(x, t):
    return {"input": x, "target": t}


def operands(name, n, c):
    """Random operands of n samples and c classes or features, smooth with probability 1."""
    x, y, z = (draw(n, c, seed=s) for s in range(3))
    ids, bits = torch.arange(n) % c, z.gt(0)
    signs = 2 * bits.float() - 1
    match name:
        case "cross_entropy" | "multi_margin":
            return pair(x, ids)
        case "nll":
            return pair(x.log_softmax(1), ids)
        case "linear_cross_entropy":
            weight, bias = draw(4, c, seed=3), draw(4, seed=4)
            return {"input": x, "linear_weight": weight, "linear_bias": bias, "target": ids % 4}
        case "kl_div":
            return pair(x.log_softmax(1), y.softmax(1))
        case "poisson_nll":
            return {"log_input": x, "target": (2 * y).abs().floor()}
        case "gaussian_nll":
            return {**pair(x, y), "var": z.exp()}
        case "bce":
            return pair(x.sigmoid(), bits)
        case "bce_with_logits" | "multilabel_soft_margin":
            return pair(x, bits)
        case "soft_margin":
            return pair(x, signs)
        case "multilabel_margin":
            padded = torch.full((n, c - 1), -1)
            return pair(x, torch.cat([ids[:, None], padded], 1))
        case "margin_ranking":
            return {"input1": x, "input2": y, "target": signs}
        case "hinge_embedding":
            return pair(x.abs(), signs)
        case "cosine_embedding":
            return {"input1": x, "input2": y, "target": signs[:, 0]}
        case "triplet_margin" | "triplet_margin_with_distance":
            return {"anchor": x, "positive": y, "negative": z}
        case "ctc":
            # n frames of c classes for two sequences
            return {
                "log_probs": draw(n, 2, c).log_softmax(2),
                "targets": torch.tensor([[1, 2], [1, 1]]),
                "input_lengths": torch.tensor([n, n]),
                "target_lengths": torch.tensor([2, 1]),
            }
        case _:  # the regressions
            return pair(x, y)


def options(name, n, c):
    """Other than the defaults; `weight` is of the size that the loss takes."""
    per_class = {"weight": draw(c, seed=8).exp()}
    per_value = {"weight": draw(n, c, seed=8).exp()}
    return {
        "mse": [per_value],
        "l1": [per_value],
        "smooth_l1": [{"beta": 0.3}],
        "huber": [{"delta": 0.3, **per_value}],
        "poisson_nll": [{"full": True}],
        "gaussian_nll": [{"full": True}],
        "cross_entropy": [per_class, {"ignore_index": 1}, {"label_smoothing": 0.1}],
        "nll": [per_class, {"ignore_index": 1}],
        "linear_cross_entropy": [
            {"weight": draw(4, seed=8).exp(), "label_smoothing": 0.1},
            {"ignore_index": 1},
        ],
        "bce": [per_value],
        "bce_with_logits": [{"pos_weight": per_class["weight"]}, per_value],
        "multilabel_soft_margin": [per_class],
        "multi_margin": [{"p": 2, "margin": 0.4}, per_class],
        "margin_ranking": [{"margin": 0.4}],
        "hinge_embedding": [{"margin": 0.4}],
        "cosine_embedding": [{"margin": 0.1}],
        "triplet_margin": [{"p": 3, "swap": True, "margin": 2}],
        "triplet_margin_with_distance": [
            {"distance": d, "swap": True, "margin": 0.7} for d in ("squared", "manhattan", "cosine")
        ],
        "ctc": [{"zero_infinity": True}, {"blank": c - 1}],
    }.get(name, [])


def special():
    """Calls of other shapes and kinds than the losses have in common."""
    x, soft = draw(2, 3), draw(2, 3, seed=1).softmax(1)
    yield "cross_entropy", pair(x, soft), {}
    yield "cross_entropy", pair(x, soft), {"label_smoothing": 0.3}
    yield "cross_entropy", pair(x, soft), {"weight": [1, 2, 3]}
    yield "cross_entropy", pair(x[0], 2), {}
    yield "cross_entropy", pair(x[0], soft[0]), {}
    yield "cross_entropy", pair(draw(2, 3, 4), torch.arange(8).reshape(2, 4) % 3), {}
    yield "cross_entropy", pair(draw(2, 3, 2), draw(2, 3, 2, seed=1).softmax(1)), {}
    yield "cross_entropy", pair(draw(2, 30), [0, 29]), {}
    yield "nll", pair(draw(3).log_softmax(0), 1), {}
    yield "linear_cross_entropy", {"input": draw(2), "linear_weight": x.T, "target": 1}, {}
    many = {"input": draw(2, 5), "linear_weight": draw(3, 4, 5), "target": torch.ones(2, 4).long()}
    yield "linear_cross_entropy", many, {}
    yield "linear_cross_entropy", {**many, "target": draw(2, 3, 4).softmax(1)}, {}
    yield "mse", pair(1.5, -2), {}
    yield "mse", pair(draw(2, 3, 2), draw(2, 3, 2, seed=1)), {}
    yield "kl_div", pair(draw(3).log_softmax(0), soft[0]), {}
    yield "kl_div", pair(x.log_softmax(1), soft.log()), {"log_target": True}
    yield "poisson_nll", {"log_input": [0.5, 2], "target": [3, 0]}, {"log_input": False}
    yield "gaussian_nll", {**pair(x, x + 1), "var": 2}, {}
    yield "gaussian_nll", {**pair(x, x + 1), "var": [1, 2]}, {}
    yield "gaussian_nll", {**pair(x, x + 1), "var": [[1, 2, 3]]}, {}
    yield "bce", pair(0.2, 0.3), {"weight": 2}
    yield "bce_with_logits", pair([-2, 0.5], [1, 0]), {"pos_weight": [3]}
    yield "multi_margin", pair(x[0], 1), {}
    yield "multi_margin", pair([[0.1, 2]], [0]), {"p": 2, "weight": [3, 1]}
    yield "multilabel_margin", pair(draw(4), [2, 0, -1, -1]), {}
    yield "multilabel_soft_margin", pair(draw(2, 2, 3), draw(2, 2, 3, seed=1).gt(0)), {}
    yield "cosine_embedding", {"input1": x[0], "input2": x[1], "target": 1}, {}
    triplet = {"anchor": x[0], "positive": x[1], "negative": soft[0]}
    yield "triplet_margin", triplet, {}
    yield "triplet_margin", {k: draw(2, 2, 3, seed=i) for i, k in enumerate(triplet)}, {}
    single = {"log_probs": draw(5, 3).log_softmax(1), "targets": [1, 2]}
    yield "ctc", {**single, "input_lengths": 5, "target_lengths": 2}, {}
    row = operands("ctc", 6, 4) | {"targets": torch.tensor([1, 2, 3])}
    yield "ctc", row, {}
    yield "ctc", row | {"targets": torch.tensor([1, 2]), "target_lengths": torch.tensor([2, 0])}, {}
    # 9 states in 8 frames, the most that a lattice shows
    lattice = {"log_probs": draw(8, 1, 6).log_softmax(2), "targets": [[1, 2, 3, 4]]}
    yield "ctc", {**lattice, "input_lengths": [8], "target_lengths": [4]}, {}
    large = operands("ctc", 40, 20) | {"targets": torch.arange(60).reshape(2, 30) % 19 + 1}
    yield "ctc", large | {"target_lengths": torch.tensor([30, 12])}, {}


def calls():
    for name in LOSSES:
        # 6 values or fewer, which are all written; 50, of which few are shown
        for n, c in ((2, 3), (10, 5)):
            n, c = (5, 4) if name == "ctc" and n == 2 else (n, c)
            for i, given in enumerate([{}, *options(name, n, c)]):
                taken = operands(name, n, c)
                yield pytest.param(name, taken, given, id=f"{name}-{n}x{c}-{i}")
    for i, (name, taken, given) in enumerate(special()):
        yield pytest.param(name, taken, given, id=f"special-{i}-{name}")


def computed(name, taken, chosen=None, **settings):
    return evaluate(name, taken, chosen or {}, Settings(grad=True, **settings))


def blocks(text):
    """Lines of each block by its title, without their indent."""
    found, lines = {}, []
    for line in text.splitlines():
        if line in BLOCKS:
            found[line] = lines = []
        else:
            assert line.startswith("  ")
            lines.append(line[2:])
    return found


class Differences:
    """Central differences of the explain view, each computed once for calls that are equal.

    They are most of a view's time, and several tests look at several views of the same call.
    """

    def __init__(self) -> None:
        self._compute, self._known = gradient._difference, {}
        self._last: tuple[Evaluation | None, str] = (None, "")

    def __call__(self, e: Evaluation, operand: str, at: tuple[int, ...]) -> float:
        if self._last[0] is not e:
            self._last = e, written(e)
        key = self._last[1], operand, at
        if key not in self._known:
            self._known[key] = self._compute(e, operand, at)
        return self._known[key]


def written(e: Evaluation) -> str:
    """All that a central difference depends on."""
    tensors = {**e.call.options, **e.call.operands}
    values = {
        name: (str(x.dtype), x.shape, x.tolist()) if isinstance(x, torch.Tensor) else x
        for name, x in tensors.items()
    }
    return repr((e.call.loss.name, gradient.derived(e), values))


DIFFERENCES = Differences()


@contextmanager
def differences_kept() -> Iterator[None]:
    """Views of a call that was viewed before take its central differences from there."""
    gradient._difference = DIFFERENCES
    try:
        yield
    finally:
        gradient._difference = DIFFERENCES._compute
