"""The line of Python that loads an operand too large to be written out, as it was computed."""

from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.losslab.call import Call, class_dim, name, shape
from initlab.losslab.settings import Settings

#: settings that change an operand after it was read, and the options that set them
CHANGES = {
    "given": "--from", "target_given": "--target-from", "temperature": "--temperature",
    "class_dim": "--class-dim", "batch_first": "--batch-first", "target_map": "--target-map",
    "classes": "--classes", "clamp": "--clamp", "normalise": "--normalise",
}  # fmt: skip


def loaded(call: Call, operand: str, value: Tensor) -> str:
    """Python that loads an operand or option, and a comment on what it is.

    Where it came from a file, the line loads that file and its key, and converts as was converted;
    it was tried on what was read, and so gives the same numbers. Where no such line is known, it
    loads a file of the operand's name, and the comment says what has to be in it.
    """
    comment = f"  # {name(value.dtype)} {shape(value)}"
    read = call.reads.get(operand)
    if read is not None and read.load is not None:
        if value.dtype == read.load.dtype and _same(read.tensor, value):
            return read.load.code + comment
        first = "" if value.dtype == read.load.dtype else f".to({value.dtype})"
        for code, converted in _conversions(call, read.tensor, value.dtype):
            if _same(converted, value):
                return f"{read.load.code}{first}{code}{comment}"
    if read is not None and read.path:
        is_input = operand == call.loss.operands[0].name
        others = ("target_given", "target_map", "classes") if is_input else ("given",)
        used = [o for field, o in CHANGES.items() if field not in others and _set(call, field)]
        comment += f", what {read.path}".replace("\n", " ")
        comment += f" is after {', '.join(used)}" if used else " holds"
    return f'torch.load("{operand}.pt"){comment}'


def _set(call: Call, field: str) -> bool:
    return bool(getattr(call.settings, field) != getattr(Settings(), field))


def _same(x: Tensor, y: Tensor) -> bool:
    return (
        x.dtype == y.dtype and x.shape == y.shape and bool(((x == y) | (x != x) & (y != y)).all())
    )


def _conversions(call: Call, read: Tensor, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    """What `prepare` may have done to an operand, as Python and as what comes of it."""
    plain = read.to(dtype)
    starts = [("", plain)]
    dim = call.settings.class_dim
    if dim is not None and -read.ndim <= dim < read.ndim:
        to = class_dim(call)
        starts.append((f".movedim({dim}, {to})", plain.movedim(dim, to)))
    yield from starts
    if not plain.is_floating_point() or not (call.settings.given or call.settings.target_given):
        return
    over = class_dim(call)
    for code, x in starts:
        yield f"{code}.log()", x.log()
        yield f"{code}.log_softmax({over})", x.log_softmax(over)
        yield f"{code}.sigmoid()", x.sigmoid()
        yield f"{code}.logit()", x.logit()
        yield f"{code}.exp()", x.exp()
        yield f"{code}.softmax({over})", x.softmax(over)
