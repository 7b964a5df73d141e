"""Tensor options: their shapes and signs. Scalar options were checked when they were read."""

from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.errors import Finding
from initlab.losslab.call import Call, class_dim, describe, shape


def classes_of(call: Call) -> int:
    """How many classes a call is about."""
    weight = call.operands.get("linear_weight")
    return call.input.shape[class_dim(call)] if weight is None else weight.shape[0]


def _range(call: Call, name: str, message: str, fix: str = "") -> Finding:
    return Finding("option-range", "error", call.option(name), message, fix)


def _signs(call: Call, name: str, weight: Tensor) -> Iterator[Finding]:
    bad = ~torch.isfinite(weight) | (weight < 0)
    if bad.any():
        message = f"{describe(weight, bad, 'negative or not finite')}; a weight is at least 0"
        yield _range(call, name, message)


def _class_weight(call: Call, classes: int) -> Iterator[Finding]:
    weight = call.options.get("weight")
    if weight is None:
        return
    if weight.shape != (classes,):
        message = f"has shape {shape(weight)}; needs one weight for each of {classes} classes"
        yield _range(call, "weight", message, f"give {classes} weights")
        return
    yield from _signs(call, "weight", weight)


def class_weight(call: Call) -> Iterator[Finding]:
    """A weight for each class, none negative."""
    yield from _class_weight(call, classes_of(call))


def class_weight_last(call: Call) -> Iterator[Finding]:
    """The same where classes are the last dimension."""
    if call.input.ndim == 0 or call.input.shape[-1] == 0:
        message = f"{shape(call.input)}; needs classes as the last dimension"
        yield Finding("degenerate-shape", "error", call.name_of("input"), message)
        return
    yield from _class_weight(call, call.input.shape[-1])


def elementwise_weight(call: Call) -> Iterator[Finding]:
    """A weight for each value; bce takes one that broadcasts to the input, mse and l1 do not."""
    weight = call.options.get("weight")
    if weight is None:
        return
    x = call.input
    same = "weight" not in call.loss.state  # of the function only, which does not broadcast it
    fits = weight.shape == x.shape if same else _broadcasts(weight, x)
    if not fits:
        how = "that shape" if same else "a shape that broadcasts to it"
        message = f"has shape {shape(weight)} for an input {shape(x)}; needs {how}"
        yield _range(call, "weight", message, "" if same else _turned(x, weight, samples=True))
        return
    yield from _signs(call, "weight", weight)
    if not same:
        yield from _falls_on(call, "weight", weight)


def positive_weight(call: Call) -> Iterator[Finding]:
    """A weight for the positives of each class, none negative, that broadcasts to the input."""
    weight = call.options.get("pos_weight")
    if weight is None:
        return
    if not _broadcasts(weight, call.input):
        message = (
            f"has shape {shape(weight)} for an input {shape(call.input)}; needs one weight for each"
            " class of the last dimension"
        )
        yield _range(call, "pos_weight", message, _turned(call.input, weight, samples=False))
        return
    yield from _signs(call, "pos_weight", weight)
    yield from _falls_on(call, "pos_weight", weight)


def _turned(x: Tensor, weight: Tensor, *, samples: bool) -> str:
    """What makes a weight of one dimension fall on one that has its length.

    The first may be meant where `samples` may have weights.
    """
    dims = (*range(1, x.ndim), *([0] if samples else []))
    found = [d for d in dims if weight.ndim == 1 and x.shape[d : d + 1] == weight.shape]
    if not found:
        return f"give {x.shape[-1]} weights" if x.ndim else ""
    fitting = (len(weight), *[1] * (x.ndim - found[0] - 1))
    return f"--class-dim {found[0]}, or give it as {shape(fitting)}"


def _falls_on(call: Call, name: str, weight: Tensor) -> Iterator[Finding]:
    """A weight of one dimension falls on the last one; images have their classes in dimension 1."""
    x = call.input
    if call.settings.class_dim is not None or x.ndim < 3 or weight.ndim != 1 or len(weight) < 2:
        return
    message = f"{shape(weight)} falls on the last dimension of {shape(x)}"
    if x.shape[1] == len(weight):
        along = (len(weight), *[1] * (x.ndim - 2))
        yield call.warning(
            "weight-dimension",
            call.option(name),
            f"{message}, as torch broadcasts; a weight for each of the {len(weight)} entries of"
            f" dimension 1 is {shape(along)}",
            "--class-dim 1, or --class-dim -1 if the last dimension is meant",
        )
    else:
        yield call.info("weight-dimension", call.option(name), message)


def _broadcasts(weight: Tensor, x: Tensor) -> bool:
    # from the last dimension on, each is 1 or the input's
    sizes = zip(reversed(weight.shape), reversed(x.shape), strict=False)
    return weight.ndim <= x.ndim and all(one in (1, size) for one, size in sizes)


CHECKS = (class_weight, class_weight_last, elementwise_weight, positive_weight)
