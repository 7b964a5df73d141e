"""Logits that look like something else: computed all the same, with a warning."""

from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.errors import Finding
from initlab.losslab.call import Call, class_dim, row
from initlab.losslab.rounding import normalised_dims, outside

SURE = 0.9  # what a sigmoid gives of logits that training has moved; small logits stay below


def double_softmax(call: Call) -> Iterator[Finding]:
    """Logits that look as if softmax, or a sigmoid, had been taken already."""
    x = _as_given(call)
    dim = class_dim(call)
    if call.settings.given or not x.numel() or outside(x).any():
        return
    sums_to_one = normalised_dims(x)
    if dim not in sums_to_one:
        if not sums_to_one and _fractions(x):
            yield _sigmoid_before_softmax(call)
        return
    classes = x.shape[dim]
    floor, ceiling = _window(classes)
    yield call.warning(
        "double-softmax",
        "input",
        f"every row lies in 0..1 and sums to 1 as after softmax, which {call.loss.class_name} takes"
        f" itself; of such input the loss lies in [{floor:.4f}, {ceiling:.4f}] (C = {classes})",
        "--from probs, if these are probabilities",
    )


def _fractions(x: Tensor) -> bool:
    """Whether values are as of a sigmoid: none is 0, and some lie near either end."""
    return bool((x > 0).all() and (x > SURE).any() and (x < 1 - SURE).any())


def _as_given(call: Call) -> Tensor:
    """The input before its logits were divided by a temperature."""
    return call.input * call.settings.temperature


def _sigmoid_before_softmax(call: Call) -> Finding:
    return call.warning(
        "double-sigmoid",
        "input",
        f"every score lies in 0..1, as after a sigmoid; {call.loss.class_name} takes a softmax of"
        " logits, any numbers, and of scores in 0..1 it makes probabilities that are nearly equal",
        "leave the sigmoid out and give its inputs, the logits",
    )


def _window(classes: int) -> tuple[float, float]:
    # log(e + C - 1) - 1 where all mass is on the right class, log(e + C - 1) where none is
    highest = float(torch.tensor(torch.e + classes - 1, dtype=torch.float64).log())
    return highest - 1, highest


def double_sigmoid(call: Call) -> Iterator[Finding]:
    """Logits that look as if sigmoid had been taken already."""
    x = _as_given(call)
    if not call.settings.given and x.numel() > 1 and not outside(x).any() and (x != 0).any():
        certain = ((x == 0) | (x == 1)).any()  # which have no finite logit
        yield call.warning(
            "double-sigmoid",
            "input",
            f"every value lies in 0..1, as after sigmoid, which {call.loss.class_name} takes; of"
            " such input the loss lies in [0.3133, 0.6931] for t = 1, [0.6931, 1.3133] for t = 0",
            f"{'' if certain else '--from probs, or '}--name bce, if these are probabilities",
        )


def masked_logits(call: Call) -> Iterator[Finding]:
    """Logits of -inf: a row of nothing else, or a masked class that must be counted."""
    x, t = call.input, call.target
    masked = torch.isneginf(x)
    if not masked.any():
        return
    dim = class_dim(call)
    empty = masked.all(dim)
    if empty.any():
        message = f"{row(empty)} is all -inf: no class is left"
        yield call.error("non-finite", "input", message)
        return
    mass = _mass(call, dim)
    lost = masked & (mass > 0)
    if lost.any():
        message = f"{row(lost.any(dim))} puts mass on a masked class (-inf): the loss is infinite"
        fix = "--label-smoothing 0" if call.options["label_smoothing"] else ""
        yield call.warning("non-finite", "input", message, fix)
    elif t.is_floating_point() or call.options["label_smoothing"]:
        message = "a masked class (-inf) has no mass; 0 log 0 counts as 0"
        yield call.warning("non-finite", "input", message)


def _mass(call: Call, dim: int) -> Tensor:
    """What each class counts in the loss of each sample: its target, smoothed and weighted."""
    x, t, smoothing = call.input, call.target, call.options["label_smoothing"]
    kept = torch.ones_like(x, dtype=torch.bool)
    if not t.is_floating_point():
        kept = (t != call.options["ignore_index"]).unsqueeze(dim).expand_as(x)
        t = torch.where(t != call.options["ignore_index"], t, 0).unsqueeze(dim)
        t = torch.zeros_like(x).scatter(dim, t, 1.0)
    weight = call.options.get("weight", x.new_ones(x.shape[dim]))
    along = weight.reshape([-1] + [1] * (x.ndim - dim - 1))
    return torch.where(kept, (t * (1 - smoothing) + smoothing / x.shape[dim]) * along, 0.0)


CHECKS = (double_softmax, double_sigmoid, masked_logits)
