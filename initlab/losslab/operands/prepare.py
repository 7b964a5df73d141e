"""Makes a call of what was read: every operand under torch's name, in the form that torch wants."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from initlab.catalog import Loss
from initlab.errors import Finding, InputError
from initlab.losslab.call import Call
from initlab.losslab.operands import convert, mending, reading
from initlab.losslab.operands.reading import Read
from initlab.losslab.settings import Settings


def prepare(
    loss: Loss, given: Mapping[str, Any], options: Mapping[str, Any], settings: Settings
) -> tuple[Call, list[Finding]]:
    """A call with operands in the dtypes and the form that torch wants, and what was done to them.

    Args:
        loss: the record.
        given: operands under any of their names: tensors, arrays, nested lists or numbers.
        options: as `options.with_defaults` returns them.
        settings: of the user.

    Raises:
        InputError: an operand is missing, unknown, no tensor, or cannot be converted.
    """
    reads, typed = _named(loss, given, settings)
    findings: list[Finding] = []
    dtype = _dtype(reads[loss.operands[0].name], settings.dtype)
    raw = {name: read.tensor for name, read in reads.items()}
    tensors = {p.name for p in loss.parameters if p.kind == "tensor"}
    complete = {
        k: _weight(k, v, typed, settings.most).to(dtype) if k in tensors else v
        for k, v in options.items()
    }
    call = Call(loss, dict(raw), complete, typed, raw, settings)
    steps = (
        convert.map_target(call, settings),
        convert.cast(call, reads, dtype),
        convert.move_classes(call, settings),
        mending.clamp(call, settings),
        mending.normalise(call, settings),
        convert.given_as(call, settings),
        convert.fill(call),
    )
    for step in steps:  # in order: each sees the operands that the one before it left
        findings += step
    return call, findings


def _named(
    loss: Loss, given: Mapping[str, Any], settings: Settings
) -> tuple[dict[str, Read], dict[str, str]]:
    """Operands by torch's names, and each name as the user wrote it."""
    reads: dict[str, Read] = {}
    written: dict[str, str] = dict(settings.typed)
    for key, value in given.items():
        where = settings.typed.get(key, key)
        if key not in loss.names:
            takes = ", ".join(o.name for o in loss.operands)
            raise InputError(
                f"{where}: {loss.class_name} takes no such operand; it takes {takes}",
                f"initlab describe {loss.name}",
            )
        name = loss.names[key]
        if name in reads:
            raise InputError(f"{written[name]} and {where} both name the operand {name}")
        reads[name], written[name] = reading.literal(value, where, settings.most), where
    lacking = [o for o in loss.operands if o.name not in reads and not o.optional]
    if lacking:
        needs = " and ".join(f"{o.name} {o.shape}" for o in lacking)
        raise InputError(f"{loss.class_name} needs {needs}, too", f"initlab describe {loss.name}")
    return {o.name: reads[o.name] for o in loss.operands if o.name in reads}, written


def _dtype(first: Read, wanted: str | None) -> torch.dtype:
    if wanted is not None:
        return torch.__dict__[wanted]  # type: ignore[no-any-return]
    if first.literal or not first.tensor.is_floating_point():
        return torch.float32
    return first.tensor.dtype


def _weight(option: str, value: Any, typed: Mapping[str, str], most: int) -> Tensor:
    return reading.literal(value, typed.get(option, f"--option {option}"), most).tensor
