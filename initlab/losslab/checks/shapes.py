"""Shapes: torch broadcasts many of them in silence, and then the number is another."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.catalog import Loss
from initlab.errors import Finding
from initlab.losslab.call import Call, shape
from initlab.losslab.operands.limits import BYTES, OPTION

MOST_WRITTEN = 8  # values of a suggestion


def against(call: Call, one: str, other: str) -> str:
    """The shapes of two operands, for a message."""
    x, y = call.operands[one], call.operands[other]
    return f"{shape(y)} against {shape(x)} of {call.name_of(one)}"


def mismatch(call: Call, where: str, message: str, fix: str = "") -> Finding:
    """An error of an operand whose shape does not fit."""
    return Finding("shape-mismatch", "error", call.name_of(where), message, fix)


def degenerate(call: Call, where: str, message: str, fix: str = "") -> Finding:
    """An error of an operand on which the loss would not depend."""
    return Finding("degenerate-shape", "error", call.name_of(where), message, fix)


def pairwise(loss: Loss) -> list[str]:
    """The operands of a loss that need one shape; none where each has a shape of its own."""
    if "same_shape" in loss.checks:
        return [o.name for o in loss.operands]
    by_check = {"triplet_shapes": 3, "gaussian_shapes": 2, "cosine_shapes": 2}
    count = max((by_check.get(check, 0) for check in loss.checks), default=0)
    return [o.name for o in loss.operands][:count]


def _pairwise(call: Call, names: list[str]) -> Iterator[Finding]:
    """All operands in the shape of the first; what torch would broadcast is named."""
    first = call.operands[names[0]]
    values = stretched([call.operands[name].shape for name in names])
    for name in names[1:]:
        other = call.operands[name]
        if other.shape == first.shape:
            continue
        try:
            result: torch.Size = torch.broadcast_shapes(  # type: ignore[no-untyped-call]
                first.shape, other.shape
            )
        except RuntimeError:
            message = f"{against(call, names[0], name)}; {call.loss.class_name} needs one shape"
            yield mismatch(call, name, message, _one_shape(call, names[0], name))
            continue
        yield from _broadcast(call, names[0], name, result, values)


def stretched(sizes: list[torch.Size]) -> int:
    """How many values come of broadcasting all shapes at once."""
    longest = max(map(len, sizes))
    aligned = zip(*((1,) * (longest - len(s)) + tuple(s) for s in sizes), strict=True)
    return math.prod(max(column) for column in aligned)


def _broadcast(
    call: Call, one: str, other: str, result: torch.Size, values: int
) -> Iterator[Finding]:
    alone = math.prod(result) == values  # no third operand stretches it further
    made = f"{values} values" + (f" of shape {shape(result)}" if alone else "")
    large = BYTES * values > call.settings.most
    made += f", beyond the {call.settings.max_mib} MiB of {OPTION}" if large else ""
    message = f"{against(call, one, other)} would broadcast to {made}; needs one shape"
    fix = _one_shape(call, one, other)
    if large:
        torch_does = f"no error, makes {values} values"
        where = call.name_of(other)
        yield Finding("shape-broadcast", "error", where, message, fix, torch_does)
        return
    if call.operands[other].numel() == 1:  # every other is a mistake more often than meant
        yield call.error("shape-broadcast", other, message, f"--allow-broadcast, or {fix}")
        return
    message += "; --allow-broadcast computes all of them"
    yield call.error("shape-broadcast", other, message, fix)


def _one_shape(call: Call, one: str, other: str) -> str:
    """What gives two operands one shape."""
    x, y, name = call.operands[one], call.operands[other], call.name_of(other)
    if call.loss.by_name[other].holds == "zero_one" and _are_class_ids(x, y):
        given = " --from probs" if call.loss.operands[0].holds == "probs" else ""
        return f"--name cross_entropy{given}, if {name} holds class ids"
    if x.numel() != y.numel():
        sizes = f"{shape(x)} or {shape(y)}"
        return f"give {call.name_of(one)} and {name} as many values, {sizes}"
    fix = f"give {name} as {shape(x)}"
    needed = [size for size in x.shape if size > 1]
    if y.numel() > MOST_WRITTEN or [size for size in y.shape if size > 1] != needed:
        return fix
    typed = str(y.reshape(x.shape).tolist()).replace(" ", "")
    return f"{fix}: '{typed}'"


def _are_class_ids(x: Tensor, t: Tensor) -> bool:
    """Whether a target has a whole number for each row of scores, within its classes."""
    rows = x.ndim > 1 and t.shape == (x.shape[0], *x.shape[2:])
    return rows and bool(((t == t.round()) & (t >= 0) & (t < x.shape[1])).all())


def same_shape(call: Call) -> Iterator[Finding]:
    """Every operand has the shape of the first."""
    yield from _pairwise(call, pairwise(call.loss))


def triplet_shapes(call: Call) -> Iterator[Finding]:
    """Anchor, positive and negative have one shape, with a dimension of features."""
    if call.input.ndim == 0:
        yield mismatch(call, "anchor", "is a single number; needs a vector (D) or rows (N, D)")
    elif call.input.shape[-1] == 0:
        yield degenerate(call, "anchor", "has no features")
    else:
        yield from _pairwise(call, pairwise(call.loss))


def gaussian_shapes(call: Call) -> Iterator[Finding]:
    """Input and target of one shape; a variance for each value, for each row, or for all."""
    yield from _pairwise(call, pairwise(call.loss))
    x, var = call.input.shape, call.operands["var"].shape
    fitting = var in (x, x[:-1], (*x[:-1], 1))
    differing = [b for a, b in zip(x, var, strict=False) if a != b]
    if not (fitting or (len(var) == len(x) and differing == [1])):
        message = (
            f"{against(call, 'input', 'var')}; needs that shape, {shape(x[:-1])} or one number"
        )
        yield mismatch(call, "var", message, "--var 1.0, for one variance for all")


def cosine_shapes(call: Call) -> Iterator[Finding]:
    """Vectors (D) with one sign, or rows (N, D) with N signs."""
    x, t = call.input, call.target
    if x.ndim not in (1, 2) or x.shape[-1] == 0:
        yield mismatch(call, "input1", f"{shape(x)}; needs vectors (D) or rows (N, D)")
        return
    yield from _pairwise(call, pairwise(call.loss))
    sizes = x.shape[:-1]
    if t.shape == sizes:
        return
    message = f"{shape(t)} for vectors {shape(x)}; needs {shape(sizes)}"
    fix = f"give one sign for each pair, {shape(sizes)}"
    if t.shape == (1,) and x.ndim == 2:
        yield call.error("shape-broadcast", "target", message, f"{fix}, or --allow-broadcast")
    else:
        yield mismatch(call, "target", message, fix)


CHECKS = (
    same_shape,
    triplet_shapes,
    gaussian_shapes,
    cosine_shapes,
)
