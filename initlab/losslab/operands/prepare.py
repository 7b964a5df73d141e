"""Makes a call of what was read: every operand under torch's name, in the form that torch wants."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch

from initlab.catalog import Loss, Operand
from initlab.catalog.values import flag
from initlab.errors import Finding, InputError
from initlab.losslab.call import Call
from initlab.losslab.checks.shapes import pairwise
from initlab.losslab.checks.weights import classes_of
from initlab.losslab.operands import arrange, conversions, convert, labels, mending, reading
from initlab.losslab.operands.source import Read
from initlab.losslab.settings import Settings

#: what a target may be in a word, in the input's shape
WORDS = {"zeros": 0, "ones": 1}


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
    weights = {k: _weight(k, v, typed, settings.most) for k, v in options.items() if k in tensors}
    complete = {k: weights[k].tensor.to(dtype) if k in weights else v for k, v in options.items()}
    call = Call(loss, dict(raw), complete, typed, raw, settings, reads={**reads, **weights})
    steps = (
        _read_findings(call),
        convert.map_target(call, settings),
        convert.cast(call, reads, dtype),
        arrange.broadcast(call, settings),
        arrange.move_classes(call, settings),
        arrange.batch_first(call, settings),
        mending.clamp(call, settings),
        mending.normalise(call, settings),
        conversions.both_sides(call, settings),
        convert.fill(call),
        _count_names(call),
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
    words: list[str] = []
    for key, value in given.items():
        where = settings.typed.get(key, key)
        if key not in loss.names:
            takes = ", ".join(o.name for o in loss.operands)
            raise InputError(
                f"{where}: {loss.class_name} takes no such operand; it takes {takes}",
                f"initlab describe {loss.name}",
            )
        name = loss.names[key]
        classes = labels.classes_of(loss, name, settings.classes)
        if name in reads:
            raise InputError(f"{written[name]} and {where} both name the operand {name}")
        written[name] = where
        if name in ("target", "targets") and is_word(value):
            reads[name] = Read(torch.tensor(WORDS[value.strip()]), literal=True)
            words.append(name)
        else:
            reads[name] = reading.literal(value, where, settings.most, classes)
    lacking = [o for o in loss.operands if o.name not in reads and o.needed]
    if lacking:
        needs = " and ".join(_needed(o, settings) for o in lacking)
        raise InputError(f"{loss.class_name} needs {needs}, too", f"initlab describe {loss.name}")
    for name in words:
        reads[name] = _as_input(loss, name, reads, written[name])
    return {o.name: reads[o.name] for o in loss.operands if o.name in reads}, written


def is_word(value: Any) -> bool:
    """Whether an operand is a word that stands for a tensor of the input's shape."""
    return isinstance(value, str) and value.strip() in WORDS


def _as_input(loss: Loss, name: str, reads: Mapping[str, Read], where: str) -> Read:
    """The number of a word in the input's shape, for a target that has it."""
    operand, first = loss.by_name[name], loss.operands[0]
    if name not in pairwise(loss):
        raise InputError(
            f"{where}: a word stands for the input's shape, and {name} of {loss.class_name} is"
            f" {operand.shape}",
            f"give {where} as numbers",
        )
    single = reads[name].tensor
    return Read(single.expand(reads[first.name].tensor.shape).clone(), literal=True)


def _needed(operand: Operand, settings: Settings) -> str:
    """An operand and its shape, as one types it."""
    bracketed = operand.shape if operand.shape.startswith("(") else f"({operand.shape})"
    return f"{settings.typed.get(operand.name, operand.name)} {bracketed}"


def _dtype(first: Read, wanted: str | None) -> torch.dtype:
    if wanted is not None:
        return torch.__dict__[wanted]  # type: ignore[no-any-return]
    if first.literal or not first.tensor.is_floating_point():
        return torch.float32
    return first.tensor.dtype


def _weight(option: str, value: Any, typed: Mapping[str, str], most: int) -> Read:
    return reading.literal(value, typed.get(option, flag(option)), most)


def _read_findings(call: Call) -> Iterable[Finding]:
    """What was said of operands while they were read, and of names of classes."""
    settings, loss = call.settings, call.loss
    holders = [o.name for o in loss.operands if o.holds in labels.HOLD_IDS]
    if settings.classes and not holders:
        raise InputError(f"--classes: {loss.class_name} takes no class ids", "leave it out")
    for name, read in call.reads.items():
        where = name if name in loss.by_name else flag(name)
        yield from (replace(found, operand=call.name_of(where)) for found in read.findings)
    named = any(f.rule == "classes" for read in call.reads.values() for f in read.findings)
    if settings.classes and not named:
        message = "holds numbers, which are class ids already; --classes changed nothing"
        yield call.info("classes", holders[0], message)


def _count_names(call: Call) -> Iterable[Finding]:
    """Fewer or more names than the input has classes are likely not in the order of its outputs."""
    names = len(call.settings.classes)
    if names and call.input.ndim and names != classes_of(call):
        message = f"{names} classes are named, of {classes_of(call)} that the input has"
        yield call.warning("classes", "classes", message)
