"""Targets that list the class ids of each sample, ended by -1."""

from collections.abc import Iterable, Iterator

from torch import Tensor

from initlab.errors import Finding
from initlab.formatting import short_list
from initlab.losslab.call import Call, describe, whole


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
        message = (
            f"row {row} is {short_list(rows[row].tolist())}, 0 or 1 for each class; needs class ids"
        )
        yield call.error("target-onehot", name, message, f"give {_padded(ids, classes)} for it")
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
            fix = f"give {_padded(labels[: labels.index(0)], len(row))} for it"
            yield call.error("padding", "target", message, fix)
            return
        if repeated:
            message = f"{where}: class {repeated[0]} is listed {labels.count(repeated[0])} times"
            fix = f"give {_padded(dict.fromkeys(labels), len(row))} for it"
            yield call.error("duplicate-label", "target", message, fix)
            return
        lost = row[ended & (row >= 0)].tolist()
        if lost:
            message = f"{where}: {short_list(lost)} after the first -1 is not read"
            fix = f"give {_padded(dict.fromkeys([*labels, *lost]), len(row))} for it"
            yield call.warning("padding", "target", message, fix)
            return


def _padded(ids: Iterable[int], length: int) -> str:
    """Class ids with -1 up to a length, as one would type them."""
    listed = list(ids)
    return short_list(listed + [-1] * (length - len(listed)))


CHECKS = FIRST = (label_lists,)
