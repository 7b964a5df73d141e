"""Steps from the user's numbers to torch's: values replaced, dtypes, what was left out.

Each step is a generator that changes the operands of a call and reports that in findings.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from initlab.catalog.losses import INTEGERS
from initlab.errors import Finding, InputError
from initlab.losslab.call import Call, describe, name, whole
from initlab.losslab.operands.source import Read
from initlab.losslab.settings import Settings


def map_target(call: Call, settings: Settings) -> Iterable[Finding]:
    """`--target-map`: values of the target replaced, all at once."""
    if not settings.target_map:
        return
    if not any(o.name in ("target", "targets") for o in call.loss.operands):
        raise InputError(f"--target-map: {call.loss.class_name} has no target", "leave it out")
    old = call.target
    integers = all(
        float(after).is_integer() and abs(after) < 2**62 for _, after in settings.target_map
    )
    if not old.is_floating_point():
        # large ids keep their digits; unsigned ones and bools may become -1
        old = old.to(torch.int64 if integers else torch.float64)
    new, changed = old.clone(), torch.zeros(old.shape, dtype=torch.bool)
    replaced = call.raw[call.target_name].to(torch.float64)
    dtype = torch.int64 if integers else torch.float64
    for before, after in settings.target_map:
        hit = old == before
        value = torch.tensor(int(after) if integers else after, dtype=dtype)
        new = torch.where(hit, value.to(new.dtype), new)
        replaced = torch.where(hit, float(after), replaced)
        changed |= hit
    if new.is_floating_point():
        call.raw[call.target_name] = replaced  # for messages: the target's dtype may not hold it
    call.operands[call.target_name] = new
    yield call.info(
        "target-map", call.target_name, f"{int(changed.sum())} of {old.numel()} values replaced"
    )


def cast(call: Call, reads: Mapping[str, Read], dtype: torch.dtype) -> Iterable[Finding]:
    """Class ids and lengths to int64, everything else to the dtype of the computation."""
    for operand in call.loss.operands:
        value = call.operands.get(operand.name)
        if value is None:
            continue
        # a number for each class is a probability; a number for each sample is a class
        probabilities = (
            operand.holds == "classes_or_probs"
            and value.ndim > 0
            and tuple(value.shape) == call.logits_shape
        )
        if operand.holds in INTEGERS and not probabilities:
            cast = _to_integers(value)
            if cast is None:
                continue  # the checks report what is wrong with it
        else:
            cast = value.to(dtype)
        call.operands[operand.name] = cast
        # a number that was typed has no dtype: a cast is reported of 1.0 as a class id, or of true
        read = reads[operand.name]
        stays = value.dtype == torch.int64 or not value.numel()
        stays = stays or (value.dtype == torch.float64 and cast.is_floating_point())
        plain = read.literal and stays
        if not value.is_floating_point() and (cast.double() != value.double()).any():
            message = describe(value, cast.double() != value.double(), f"rounded in {name(dtype)}")
            yield call.warning("precision", operand.name, message, "--dtype float64")
        if cast.dtype != value.dtype and not plain:
            yield call.info(
                "dtype-target" if operand.holds in INTEGERS or operand.name == call.target_name
                else "dtype-input",
                operand.name,
                f"{name(value.dtype)} was cast to {name(cast.dtype)}",
            )  # fmt: skip


def _to_integers(value: Tensor) -> Tensor | None:
    """The same numbers as int64, or None where they are not whole."""
    if value.is_floating_point() and not whole(value).all():
        return None
    return value.to(torch.int64)


def fill(call: Call) -> Iterable[Finding]:
    """What torch wants written out: padding of label lists, a variance for every value, lengths."""
    for operand in call.loss.operands:
        x, t = call.input, call.operands.get(operand.name)
        if t is None:
            continue
        if operand.holds == "label_lists" and x.ndim == t.ndim > 0 and t.shape[:-1] == x.shape[:-1]:
            missing = x.shape[-1] - t.shape[-1]
            if missing > 0:
                call.operands[operand.name] = torch.nn.functional.pad(t, (0, missing), value=-1)
                message = f"padded with -1 to {x.shape[-1]} entries a sample"
                yield call.info("padding", operand.name, message)
        if operand.holds == "variances" and t.ndim == 0 < x.ndim:
            call.operands[operand.name] = t.expand(x.shape).clone()
    if "input_lengths" in call.loss.by_name:
        yield from _full_lengths(call)


def _full_lengths(call: Call) -> Iterable[Finding]:
    """Lengths of sequences that were left out: all frames, and all labels of a row."""
    x, t = call.input, call.target
    if x.ndim not in (2, 3) or t.ndim not in (1, 2):
        return  # the checks say what is wrong with the shapes, before they look at lengths
    batch = x.shape[1] if x.ndim == 3 else 1
    if "target_lengths" not in call.operands and t.ndim == 1 and batch != 1:
        where = call.name_of("target_lengths")
        raise InputError(
            f"{call.loss.class_name} needs target_lengths, too: {call.name_of(call.target_name)} is"
            f" one row of {len(t)} labels for a batch of {batch}",
            f"give {where} as {batch} lengths that sum to {len(t)}, or the targets as (N, S)",
        )
    for operand, length, what in (
        ("input_lengths", x.shape[0], "frames"),
        ("target_lengths", t.shape[-1], "labels"),
    ):
        if operand not in call.operands:
            call.operands[operand] = torch.full((batch,), length)
            yield call.info(
                "full-lengths", operand, f"left out: all {length} {what} of each sequence are used"
            )
