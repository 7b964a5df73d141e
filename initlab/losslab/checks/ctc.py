"""CTC: torch reads out of bounds for labels that it does not check, so nothing is left to it."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.errors import Finding
from initlab.losslab.call import Call, describe, shape, whole
from initlab.losslab.formulas.sequences import transcripts

MOST_LISTED = 16  # lengths that a message writes out
BLIND = "reads outside of its memory: garbage, or the process ends"


def _error(call: Call, rule: str, where: str, message: str, fix: str = "") -> Finding:
    """Never a warning: torch cannot be called with it."""
    return Finding(rule, "error", call.name_of(where), message, fix, "")


def _dimensions(x: Tensor) -> str:
    """Which dimension of log_probs is which."""
    frames, classes = x.shape[0], x.shape[-1]
    batch = f"a batch of {x.shape[1]}, " if x.ndim == 3 else ""
    return f"log_probs {shape(x)} is {frames} frames, {batch}{classes} classes"


def _batch_is_first(x: Tensor, sequences: int) -> bool:
    """Whether a number of sequences says that log_probs is (N, T, C)."""
    return x.ndim == 3 and x.shape[0] == sequences != x.shape[1]


def _lengths_fix(call: Call, name: str, lengths: Tensor, most: int) -> str:
    """Lengths that fit, as one would type them: those given within 0..most, and else `most`."""
    batch = call.input.shape[1] if call.input.ndim == 3 else 1
    given = lengths.reshape(-1).tolist()
    given = given if len(given) == batch else given[:1] * batch if len(set(given)) == 1 else []
    fitting = [n if 0 <= n <= most else most for n in given] or [most] * batch
    if name == "target_lengths" and call.target.ndim == 1 and batch > 1:
        return f"give {batch} lengths that sum to {call.target.numel()}"
    if batch > MOST_LISTED:
        return f"leave {call.name_of(name)} out, or give {batch} lengths of 0..{most}"
    return f"{call.name_of(name)} '{fitting}'".replace(", ", ",")


def ctc_shapes(call: Call) -> Iterator[Finding]:
    """(T, N, C) frames, N lengths of each kind, targets (N, S) or all in one row."""
    x, t = call.input, call.target
    if x.ndim not in (2, 3) or 0 in x.shape:
        message = f"{shape(x)}; needs frames x batch x classes (T, N, C), or (T, C)"
        yield _error(call, "shape-mismatch", "log_probs", message)
        return
    batch = x.shape[1] if x.ndim == 3 else 1
    for name in ("input_lengths", "target_lengths"):
        lengths = call.operands[name]
        if lengths.is_floating_point():
            message = describe(lengths, ~whole(lengths), "no whole number")
            yield _error(call, "dtype-target", name, message, "give whole numbers")
        elif lengths.numel() != batch or lengths.ndim > 1:
            most = x.shape[0] if name == "input_lengths" else t.shape[-1] if t.ndim else 0
            fix = _lengths_fix(call, name, lengths, most)
            if lengths.ndim == 1 and _batch_is_first(x, len(lengths)):
                fix = "--batch-first, if log_probs is (N, T, C)"
            message = f"{shape(lengths)} for a batch of {batch}; needs one length for each sequence"
            yield _error(call, "shape-mismatch", name, f"{message}; {_dimensions(x)}", fix)
    if t.is_floating_point():
        message = describe(t, ~whole(t), "no whole number")
        yield _error(call, "dtype-target", "targets", message, "give class ids")
    elif t.ndim not in (1, 2) or (t.ndim == 2 and t.shape[0] != batch):
        message = f"{shape(t)} for a batch of {batch}; needs (N, S), or all labels in one row"
        first = t.ndim == 2 and _batch_is_first(x, len(t))
        fix = "--batch-first, if log_probs is (N, T, C)" if first else ""
        yield _error(call, "shape-mismatch", "targets", f"{message}; {_dimensions(x)}", fix)


def ctc_lengths(call: Call) -> Iterator[Finding]:
    """Lengths within the frames and labels there are; a blank that is a class."""
    x, t = call.input, call.target
    inputs, targets = (call.operands[n].reshape(-1) for n in ("input_lengths", "target_lengths"))
    blank, frames, classes = call.options["blank"], x.shape[0], x.shape[-1]
    if not 0 <= blank < classes:
        message = f"{blank}; C = {classes}, valid are 0..{classes - 1}"
        free = next((c for c in (classes - 1, 0) if not (t == c).any()), None)
        fix = "drop the blanks among the targets" if free is None else f"--blank {free}"
        yield Finding("option-range", "error", call.option("blank"), message, fix)
    bad = (inputs < 0) | (inputs > frames)
    if bad.any():
        fix = _lengths_fix(call, "input_lengths", inputs, frames)
        message = f"{describe(inputs, bad, 'out of range', what='lengths')}; valid are 0..{frames}"
        yield _error(call, "ctc-length", "input_lengths", f"{message}; {_dimensions(x)}", fix)
    labels = t.shape[1] if t.ndim == 2 else t.numel()
    bad = (targets < 0) | (targets > labels)
    if bad.any():
        message = f"{describe(targets, bad, 'out of range', what='lengths')}; valid are 0..{labels}"
        yield _error(call, "ctc-length", "target_lengths", f"{message}, the labels there are")
    elif t.ndim == 1 and int(targets.sum()) != t.numel():
        message = f"sum to {int(targets.sum())}, targets has {t.numel()} labels in one row"
        yield _error(call, "ctc-length", "target_lengths", message)


def ctc_labels(call: Call) -> Iterator[Finding]:
    """Labels within the classes, and no blank among them; a lattice that fits into memory."""
    classes, blank = call.input.shape[-1], call.options["blank"]
    lengths = call.operands["target_lengths"].reshape(-1)
    lattice = (call.input.shape[0], len(lengths), 2 * int(lengths.max()) + 1)  # of torch, for all
    call.check_size(math.prod(lattice), "targets", f"makes a lattice {shape(lattice)},")
    for sample, labels in enumerate(transcripts(call.target, lengths)):
        bad = (labels < 0) | (labels >= classes)
        if bad.any():
            message = f"sample {sample}: {describe(labels, bad, 'no class', what='labels')}"
            yield Finding(
                "ctc-label",
                "error",
                call.name_of("targets"),
                f"{message}; C = {classes}, valid are 0..{classes - 1} without the blank ({blank})",
                _unpadded(call, labels[bad]) or "give labels below C, or frames with more classes",
                BLIND,
            )
            return
        bad = labels == blank
        if bad.any():
            message = f"sample {sample}: {describe(labels, bad, 'the blank', what='labels')}"
            yield call.error(
                "ctc-label",
                "targets",
                f"{message}; a target is labels only, CTC puts the blanks between them",
                _unpadded(call, labels[bad])
                or f"drop the blanks, or --blank {classes - 1} if that is the blank",
            )
            return


def _unpadded(call: Call, bad: Tensor) -> str:
    """Target lengths without the padding, where none were given and blanks or less end the rows.

    bad (B): the labels that are none, which padding must explain.
    """
    t, blank = call.target, call.options["blank"]
    if "target_lengths" in call.raw or t.ndim != 2 or len(t) > MOST_LISTED:
        return ""
    if ((bad >= 0) & (bad != blank)).any():
        return ""
    label = (t >= 0) & (t != blank)
    lengths = label.sum(1)
    if (label != (torch.arange(t.shape[1]) < lengths[:, None])).any():
        return ""
    written = str(lengths.tolist()).replace(" ", "")
    return f"{call.name_of('target_lengths')} '{written}', if the rows are padded"


def ctc_alignable(call: Call) -> Iterator[Finding]:
    """Every sequence has a frame for each label and one between equal neighbours."""
    inputs, targets = (call.operands[n].reshape(-1) for n in ("input_lengths", "target_lengths"))
    for sample, labels in enumerate(transcripts(call.target, targets)):
        repeats = int((labels[1:] == labels[:-1]).sum())
        needed, given = len(labels) + repeats, int(inputs[sample])
        if given < needed:
            parts = f"{len(labels)} labels" + (f" + {repeats} between repeats" if repeats else "")
            message = f"sample {sample}: input_length {given} < {needed} needed ({parts})"
            if call.options["zero_infinity"]:
                message += "; counted as 0, by zero_infinity"
                yield call.warning("ctc-too-short", "input_lengths", message)
            else:
                fix = "longer input, or --zero-infinity to drop the sample"
                yield call.error("ctc-too-short", "input_lengths", message, fix)


FIRST = (ctc_shapes, ctc_lengths, ctc_labels)
CHECKS = (*FIRST, ctc_alignable)
