"""What targets must be: class ids in range, 0 or 1, +1 or -1."""

from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.errors import Finding
from initlab.losslab.call import Call, describe, whole
from initlab.losslab.checks.probabilities import unnormalised
from initlab.losslab.checks.weights import classes_of
from initlab.losslab.rounding import far_outside, off, outside, sums_of

MOST_MAPPED = 8
IGNORED = (-1, -100, 255)  # labels that data sets use for what has none


def class_targets(call: Call) -> Iterator[Finding]:
    """Class ids of 0..C-1 or ignore_index; or, for cross_entropy, distributions."""
    t, name = call.target, call.target_name
    if t.is_floating_point():
        if tuple(t.shape) == call.logits_shape:
            yield from _distribution(call, t)
            return
        message = (
            f"{describe(t, ~whole(t), 'no whole number')}; {call.loss.class_name} needs class ids"
        )
        yield Finding("dtype-target", "error", call.name_of(name), message, "give class ids 0..C-1")
        return
    classes = classes_of(call)
    ignored = call.options.get("ignore_index")
    bad = (t < 0) | (t >= classes)
    if ignored is not None:
        bad &= t != ignored
    if bad.any():
        also = "" if ignored is None or 0 <= ignored < classes else f" or ignore_index ({ignored})"
        message = f"{describe(t, bad, 'no class')}; C = {classes}, valid are 0..{classes - 1}{also}"
        fix = _class_fix(call, t, bad, classes)
        yield Finding("target-range", "error", call.name_of(name), message, fix)


def _class_fix(call: Call, t: Tensor, bad: Tensor, classes: int) -> str:
    kept = t[t != call.options.get("ignore_index", -(2**62))]
    if kept.numel() and int(kept.min()) >= 1 and int(kept.max()) == classes:
        if classes <= MOST_MAPPED:
            pairs = ", ".join(f"{c + 1}: {c}" for c in range(classes))
            return f"--target-map '{{{pairs}}}', if labels count from 1"
        return "subtract 1, if labels count from 1"
    if classes == 2 and bool(((t == 1) | (t == -1)).all()):
        ignoring = "ignore_index" in call.options and ", or --ignore-index -1, to leave those out"
        return f"--target-map '{{-1: 0}}', if these are signs{ignoring or ''}"
    mark = int(t[bad][0])
    if "ignore_index" in call.options and mark in IGNORED and bool((t[bad] == mark).all()):
        return f"--ignore-index {mark}, if {mark} marks what to leave out"
    return f"give labels of 0..{classes - 1}, or scores for more classes"


def _distribution(call: Call, t: Tensor) -> Iterator[Finding]:
    name = call.target_name
    bad = outside(t)
    if bad.any():
        message = f"{describe(t, bad, 'outside 0..1')}; a target of this shape holds probabilities"
        fix = "--target-from logits, if these are scores of a teacher"
        if not far_outside(t).any():
            fix = "--clamp"
        elif t.ndim > 2 and bool((t == t.round()).all() & (t >= 0).all()):
            message += "; is it an image, whose colours stand for classes?"
            fix = f"give {call.name_of(name)} as class ids, one for each position"
        yield call.error("prob-range", name, message, fix)
        return
    dim = 0 if t.ndim == 1 else 1
    if off(sums_of(t, dim), t).any():
        yield unnormalised(call, t, dim)


def kept_targets(call: Call) -> Iterator[Finding]:
    """A mean needs a target that is not ignored, with a weight above 0."""
    if call.reduction not in ("mean", "all"):
        return
    t, weight = call.target, call.options.get("weight")
    if t.is_floating_point():
        if not t.numel():
            yield call.error(
                "empty-mean", call.target_name, "mean over 0 samples", "--reduction sum"
            )
        return
    ignored = call.options["ignore_index"]
    kept = t[t != ignored]
    if not kept.numel():
        message = f"mean over 0 kept targets: all {t.numel()} are ignore_index ({ignored})"
        if not t.numel():
            message = "mean over 0 kept targets: there are none"
        yield call.error("empty-mean", call.target_name, message, "--reduction sum, which is 0")
    elif weight is not None and ((kept < 0) | (kept >= len(weight))).any():
        return  # class_targets reports it
    elif weight is not None and not weight[kept].any():
        message = f"mean over 0: the weights of all {kept.numel()} kept targets are 0"
        yield call.error("empty-mean", call.target_name, message, "--reduction sum, which is 0")


def certain_targets(call: Call) -> Iterator[Finding]:
    """The log-probability of a right class is finite: of -inf, the loss is infinite."""
    x, t = call.input, call.target
    dim = 0 if x.ndim == 1 else 1
    kept = (t >= 0) & (t < x.shape[dim]) & (t != call.options["ignore_index"])
    safe = torch.where(kept, t, 0)
    lost = kept & torch.isneginf(x.gather(dim, safe.unsqueeze(dim)).squeeze(dim))
    if lost.any():
        at = lost.nonzero()[0].tolist()
        where = f"sample {at[0] if len(at) == 1 else at}: " if at else ""
        message = f"{where}its class {int(t[tuple(at)])} has the log-probability -inf, p = 0"
        message += f"; the loss is infinite there: {int(lost.sum())} of {lost.numel()} samples"
        fix = "--name cross_entropy on the logits, which keeps small probabilities"
        yield call.warning("saturated", call.target_name, message, fix)


def signs(call: Call) -> Iterator[Finding]:
    """+1 or -1."""
    t = call.target
    bad = (t != 1) & (t != -1)
    if bad.any():
        values = set(t.flatten()[:10_000].tolist())
        fix = "--target-map '{0: -1}'" if values <= {0.0, 1.0} else "give +1 or -1"
        message = f"{describe(t, bad, 'neither +1 nor -1')}; {call.loss.class_name} needs +1/-1"
        yield call.error("target-sign", "target", message, fix)


def zero_one(call: Call) -> Iterator[Finding]:
    """0, 1 or a probability between."""
    t = call.target
    bad = outside(t)
    if bad.any():
        found = set(t.flatten()[:10_000].tolist())
        fix = "give 0 or 1"
        if found <= {-1.0, 1.0}:
            fix = "--target-map '{-1: 0}', which is (y + 1) / 2"
        elif found <= {0.0, 255.0}:
            fix = "--target-map '{255: 1}', if it is an image of black and white"
        elif found <= {1.0, 2.0}:
            fix = "--target-map '{1: 0, 2: 1}', if labels count from 1"
        elif not far_outside(t).any():
            fix = "--clamp"
        message = f"{describe(t, bad, 'outside 0..1')}; {call.loss.class_name} needs 0 or 1"
        yield call.error("target-range", "target", message, fix)


def hard_zero_one(call: Call) -> Iterator[Finding]:
    """0 or 1; probabilities between are allowed, but rare enough to ask about."""
    found = list(zero_one(call))
    yield from found
    t = call.target
    soft = (t > 0) & (t < 1)
    if not found and soft.any():
        message = f"{describe(t, soft, 'between 0 and 1')}; {call.loss.class_name} needs 0 or 1"
        yield call.warning("target-range", "target", message)


FIRST = (class_targets,)
CHECKS = (
    class_targets,
    kept_targets,
    certain_targets,
    signs,
    zero_one,
    hard_zero_one,
)
