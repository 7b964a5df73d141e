"""What a value of a loss says about a model; each verdict prints the comparison that it made."""

import math
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from initlab.losslab.call import class_dim
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.substitution import four_decimals

CLOSE = 0.02  # relative distance at which two losses are called equal
ENOUGH = 20  # samples from which class frequencies mean something


def verdicts(e: Evaluation) -> list[str]:
    """One line for each thing that is worth saying; empty where there is none."""
    if not e.working.losses.numel():
        return []
    return [*JUDGES.get(e.call.loss.name, _nothing)(e), *_kink(e)]


def _nothing(_: Evaluation) -> Iterator[str]:
    yield from ()


def _kink(e: Evaluation) -> Iterator[str]:
    losses = e.working.losses
    gradient = e.gradients.get(e.call.loss.operands[0].name)
    if gradient is not None and not losses.any() and gradient.any():
        yield "loss 0, but the gradient is not: the inputs stand on a kink"


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= CLOSE * abs(b)


# classes -----------------------------------------------------------------------------------------


def _cross_entropy(e: Evaluation) -> Iterator[str]:
    """Ln C, the entropy of the class frequencies, the floor of label smoothing."""
    call, t = e.call, e.call.target
    shape = call.logits_shape
    classes = shape[0 if len(shape) == 1 else 1]
    if "weight" in call.options:
        return
    hard = not t.is_floating_point()
    kept = (
        (t != call.options["ignore_index"]) if hard else torch.ones(e.working.losses.shape).bool()
    )
    if not kept.any():
        return
    loss, knows_nothing = float(e.working.losses[kept].mean()), math.log(classes)
    compared = (
        f"loss {four_decimals(loss)} against ln C = {four_decimals(knows_nothing)} (C = {classes})"
    )
    if _close(loss, knows_nothing):
        yield f"{compared}: the model knows nothing"
    elif loss > knows_nothing:
        yield f"{compared}: confidently wrong, worse than guessing evenly"
    if hard and int(kept.sum()) >= ENOUGH:
        yield from _prior(loss, t[kept], classes)
    smoothing = call.options.get("label_smoothing", 0.0)
    if hard and smoothing and classes > 1:
        right, other = 1 - smoothing + smoothing / classes, smoothing / classes
        terms = [q * math.log(q) for q in (right, *[other] * (classes - 1)) if q > 0]
        floor = -math.fsum(terms)
        lower = "; it cannot go lower" if _close(loss, floor) else ""
        compared = f"loss {four_decimals(loss)} against the floor {four_decimals(floor)}"
        yield f"{compared} of label smoothing {smoothing:g}{lower}"


def _prior(loss: float, t: Tensor, classes: int) -> Iterator[str]:
    frequencies = torch.bincount(t.flatten(), minlength=classes) / t.numel()
    used = frequencies[frequencies > 0].double()
    prior = -float((used * used.log()).sum())
    if not prior:
        return
    only = "; only the class frequencies are learnt" if _close(loss, prior) else ""
    skill = f"skill 1 - {four_decimals(loss)}/{four_decimals(prior)} = {1 - loss / prior:.3f}"
    yield f"{skill} over the class frequencies{only}"


def _negative(e: Evaluation) -> Iterator[str]:
    low = float(e.working.losses.min())
    if e.call.loss.name == "kl_div":
        losses = e.working.losses
        low = float((losses.sum(class_dim(e.call)) if losses.ndim else losses).min())
    if low < -1e-6:
        yield f"a loss of {four_decimals(low)} < 0: the input holds no log-probabilities"


def _binary(e: Evaluation) -> Iterator[str]:
    if e.call.options.keys() & {"weight", "pos_weight"}:
        return
    losses = e.working.losses
    loss = float(losses.mean())
    compared = f"loss {four_decimals(loss)} against ln 2 = 0.6931"
    if _close(loss, math.log(2)):
        yield f"{compared}: the model knows nothing"
    elif loss > math.log(2):
        yield f"{compared}: worse than answering 1/2 always"


def _clamp(e: Evaluation) -> Iterator[str]:
    yield from _binary(e)
    lost = int(torch.isinf(e.working.losses).sum())
    if lost:
        yield f"{lost} cells are infinite: torch holds them at 100"


# numbers -----------------------------------------------------------------------------------------


def _regression(e: Evaluation) -> Iterator[str]:
    """What a constant prediction would cost, and who makes the loss."""
    x, t = (e.call.operands[n].double() for n in ("input", "target"))
    losses = e.working.losses
    if e.call.loss.name == "mse" and "weight" not in e.call.options and losses.numel() > 1:
        loss, var, zero = float(losses.mean()), float(t.var(correction=0)), float((t**2).mean())
        constants = f"var(target) = {four_decimals(var)}, mean(target^2) = {four_decimals(zero)}"
        compared = f"loss {four_decimals(loss)} against {constants}"
        if var and _close(loss, var):
            yield f"{compared}: no better than predicting the mean"
        elif zero and _close(loss, zero):
            yield f"{compared}: no better than predicting 0"
        else:
            yield compared
    worst = math.ceil(losses.numel() / 10)
    if losses.numel() >= 10 and losses.sum() > 0:
        share = float(losses.flatten().topk(worst).values.sum() / losses.sum())
        yield f"the worst {worst} of {losses.numel()} values make {share:.0%} of the loss"
    r = x - t
    size = r.abs()
    rivals = {
        "l1": size,
        "mse": r**2,
        "smooth_l1": torch.where(size < 1, r**2 / 2, size - 0.5),
        "huber(delta=2)": torch.where(size <= 2, r**2 / 2, 2 * (size - 1)),
    }
    means = ", ".join(f"{k} {four_decimals(float(v.mean()))}" for k, v in rivals.items())
    yield f"on the same residuals, means: {means}"


def _gaussian(e: Evaluation) -> Iterator[str]:
    z = e.working.columns["z"]
    spread = float((z**2).mean())
    if not math.isfinite(spread):
        return
    state = "as they should be"
    if spread > 2:
        state = "the variances are too small: overconfident"
    elif spread < 0.5:
        state = "the variances are too large: underconfident"
    yield f"mean z^2 = {four_decimals(spread)} against 1: {state}"


# margins -----------------------------------------------------------------------------------------


def _active(e: Evaluation) -> Iterator[str]:
    losses = e.working.losses
    active = int((losses > 0).sum())
    none = ": no gradient at all" if not active else ""
    yield f"{active} of {losses.numel()} {e.call.loss.unit}s are active{none}"


def _triplet(e: Evaluation) -> Iterator[str]:
    near, far = e.working.columns["d(a, p)"], e.working.columns["d(a, n)"]
    far = torch.minimum(far, e.working.columns.get("d(p, n)", far))
    margin = e.call.options["margin"]
    easy, hard = int((far > near + margin).sum()), int((far < near).sum())
    middle = near.numel() - easy - hard
    yield f"{easy} easy, {middle} semi-hard, {hard} hard of {near.numel()} triplets"
    if not (near.any() or far.any()):
        yield f"every distance is 0, the loss is the margin {margin:g}: embeddings collapsed"
    elif not (e.working.losses > 0).any():
        yield "no triplet is active: no gradient"


def _cosine(e: Evaluation) -> Iterator[str]:
    cos, t = e.working.columns["cos"], e.call.target
    orthogonal = int(((cos.abs() < 1e-6) & (t == 1)).sum())
    if orthogonal:
        yield f"{orthogonal} similar pairs have cos = 0: orthogonal, or vectors of length 0"
    yield from _active(e)


def _ctc(e: Evaluation) -> Iterator[str]:
    losses, columns = e.working.losses.reshape(-1), e.working.columns
    needed, given = (columns[k].reshape(-1) for k in ("frames needed", "frames"))
    for sample in (needed > given).nonzero().flatten().tolist()[:3]:
        lacking = int(needed[sample] - given[sample])
        yield f"sample {sample} cannot be aligned: {lacking} frames are missing"
    worst = int(losses.argmax())
    if len(losses) > 1:
        its = four_decimals(float(losses[worst]))
        yield f"the worst of {len(losses)} sequences is {worst}, with {its}"


JUDGES: Mapping[str, Callable[[Evaluation], Iterator[str]]] = {
    "cross_entropy": _cross_entropy,
    "linear_cross_entropy": _cross_entropy,
    "nll": _negative,
    "kl_div": _negative,
    "bce": _clamp,
    "bce_with_logits": _binary,
    "soft_margin": _binary,
    "mse": _regression,
    "l1": _regression,
    "smooth_l1": _regression,
    "huber": _regression,
    "gaussian_nll": _gaussian,
    "multi_margin": _active,
    "multilabel_margin": _active,
    "margin_ranking": _active,
    "hinge_embedding": _active,
    "cosine_embedding": _cosine,
    "triplet_margin": _triplet,
    "triplet_margin_with_distance": _triplet,
    "ctc": _ctc,
}
