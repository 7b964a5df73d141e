"""What targets must be: class ids in range, 0 or 1, +1 or -1, lists ended by -1."""

from collections.abc import Iterator

from torch import Tensor

from initlab.errors import Finding
from initlab.formatting import number, short_list
from initlab.losslab.call import Call, describe, whole
from initlab.losslab.checks.probabilities import rounding
from initlab.losslab.checks.weights import classes_of

MOST_MAPPED = 8


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
    if "ignore_index" in call.options and bool((t[bad] == -1).all()):
        return "--option ignore_index=-1, if -1 marks what to leave out"
    return f"give labels of 0..{classes - 1}, or scores for more classes"


def _distribution(call: Call, t: Tensor) -> Iterator[Finding]:
    name = call.target_name
    bad = (t < 0) | (t > 1)
    if bad.any():
        message = f"{describe(t, bad, 'outside 0..1')}; a target of this shape holds probabilities"
        yield call.error("prob-range", name, message, "give class ids, or probabilities")
        return
    dim = 0 if t.ndim == 1 else 1
    sums = t.double().sum(dim)
    off = ~((sums - 1).abs() <= rounding(t))
    if off.any():
        index = off.nonzero()[0].tolist()
        row = f"row {index[0] if len(index) == 1 else index}" if index else "it"
        sum_ = number(float(sums[tuple(index)]))
        message = f"{int(off.sum())} of {off.numel()} rows do not sum to 1: {row} sums to {sum_}"
        yield call.error("not-normalised", name, message, "divide each row by its sum")


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
    bad = (t < 0) | (t > 1)
    if bad.any():
        signs = set(t.flatten()[:10_000].tolist()) <= {-1.0, 1.0}
        fix = "--target-map '{-1: 0}', which is (y + 1) / 2" if signs else "give 0 or 1"
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


def label_lists(call: Call) -> Iterator[Finding]:
    """Different class ids of each sample, then -1."""
    t, name = call.target, "target"
    classes = call.input.shape[-1]
    if t.is_floating_point():
        fractions = describe(t, ~whole(t), "no whole number")
        message = f"{fractions}; {call.loss.class_name} needs lists of class ids"
        yield Finding("dtype-target", "error", call.name_of(name), message)
        return
    rows = t.reshape(-1, classes)
    bad = (t >= classes) | (t < -1)
    if bad.any():
        message = (
            f"{describe(t, bad, 'no class')}; C = {classes}, valid are 0..{classes - 1}, then -1"
        )
        yield Finding("target-range", "error", call.name_of(name), message)
        return
    if classes > 2 and ((rows == 0) | (rows == 1)).all(1).any():
        row = int(((rows == 0) | (rows == 1)).all(1).nonzero()[0])
        ids = rows[row].nonzero().flatten().tolist()
        ids += [-1] * (classes - len(ids))
        message = (
            f"row {row} is {short_list(rows[row].tolist())}, 0 or 1 for each class; needs class ids"
        )
        yield call.error("target-onehot", name, message, f"give {short_list(ids)} for it")
        return
    yield from _repeats(call, rows)


def _repeats(call: Call, rows: Tensor) -> Iterator[Finding]:
    after = (rows == -1).cummax(1).values.bool() if rows.numel() else rows.bool()
    for index, (row, ended) in enumerate(zip(rows, after, strict=True)):
        labels = row[~ended].tolist()
        where = f"row {index} is {short_list(row.tolist())}"
        repeated = sorted({label for label in labels if labels.count(label) > 1})
        if repeated == [0] and labels[-1] == 0:
            message = f"{where}: zeros at the end read as class 0, again and again; padding is -1"
            unpadded = labels[: labels.index(0)]
            ids = unpadded + [-1] * (len(row) - len(unpadded))
            yield call.error("padding", "target", message, f"give {short_list(ids)} for it")
            return
        if repeated:
            message = f"{where}: class {repeated[0]} is listed {labels.count(repeated[0])} times"
            yield call.error("duplicate-label", "target", message, "list each class once")
            return
        lost = row[ended & (row >= 0)].tolist()
        if lost:
            message = f"{where}: {short_list(lost)} after the first -1 is not read"
            yield call.warning("padding", "target", message, "put -1 at the end only")
            return


FIRST = (class_targets, label_lists)
CHECKS = (class_targets, kept_targets, signs, zero_one, hard_zero_one, label_lists)
