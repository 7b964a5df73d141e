"""A target that a spec reads from a file: as an operand, and as the checks of its loss see it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initlab.catalog.losses import INTEGERS, Operand
from initlab.catalog.targets import LINEAR_CLASSES, TargetUse
from initlab.errors import Finding, InputError
from initlab.losslab.call import errors, whole
from initlab.losslab.checks.run import check
from initlab.losslab.operands.options import with_defaults
from initlab.losslab.operands.prepare import prepare
from initlab.losslab.settings import Settings

Rows = NDArray[np.float64]
#: what of a fix a spec can say; the rest are flags of `initlab loss`
RENAMES = "--name "


def operand(rows: Rows, use: TargetUse) -> Tensor:
    """The target of a loss, from the rows of a file.

    A single column is a label for each sample. Whole numbers are class
    ids where those belong, lists of them filled up with -1; what is not whole stays as it is, for
    the checks to say so.

    Args:
        rows: shape (batch, columns).
        use: what it is for.

    Returns:
        Shape (batch) of labels, else (batch, columns); int64 of class ids, else float64.
    """
    target = torch.from_numpy(np.ascontiguousarray(rows))
    holds = _target_of(use).holds
    labels = holds in ("classes", "classes_or_probs")
    if target.shape[1] == 1 and holds != "label_lists" and (labels or use.outputs > 1):
        target = target[:, 0]
    probabilities = holds == "classes_or_probs" and target.ndim == 2
    if holds in INTEGERS and not probabilities and bool(whole(target).all()):
        target = target.to(torch.int64)
    if holds == "label_lists" and (lacking := use.outputs - target.shape[1]) > 0:
        target = torch.nn.functional.pad(target, (0, lacking), value=-1)
    return target


def problem(rows: Rows, use: TargetUse) -> str | None:
    """What the checks of a loss say of a target, beside outputs that nothing is wrong with.

    Args:
        rows: shape (batch, columns).
        use: what it is for.

    Returns:
        The first error, without the flags of `initlab loss` that would mend it; None of none.
    """
    record = use.loss
    first, target = record.operands[0], _target_of(use)
    given = {o.name: _stand_in(o, use) for o in record.operands if o.needed and o is not target}
    given[target.name] = operand(rows, use)
    typed = {first.name: "the outputs", target.name: "the file"}
    settings = Settings(reduction=use.reduction, typed=typed)
    try:
        call, _ = prepare(record, given, with_defaults(record, use.options), settings)
        found = errors(check(call))
    except InputError as error:
        return error.message
    return _worded(found[0]) if found else None


def _worded(finding: Finding) -> str:
    """What was found, and where to read of its rule; a fix where a spec can say it, too."""
    message = finding.message.partition("; --allow")[0]
    renamed = finding.fix.startswith(RENAMES)
    instead = f"; loss: {finding.fix.split()[1].strip(',')}" if renamed else ""
    return f"{message}{instead} (initlab describe {finding.rule})"


def _target_of(use: TargetUse) -> Operand:
    return next(o for o in use.loss.operands if o.name in ("target", "targets"))


def _stand_in(operand: Operand, use: TargetUse) -> Tensor:
    """An operand in the place of what a network gives, as sound as can be."""
    shape = (LINEAR_CLASSES if operand.parameter else use.batch, use.outputs)
    value = {
        "log_probs": -float(np.log(use.outputs)),
        "probs": 0.5,
        "variances": 1.0,
        "log_rates": 0.0 if use.options.get("log_input", True) else 1.0,
    }.get(operand.holds, 0.0)
    return torch.full(shape, value, dtype=getattr(torch, use.dtype))
