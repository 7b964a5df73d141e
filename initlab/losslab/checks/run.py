"""Runs the checks of a loss before torch is called, and says what torch would have done."""

import warnings
from collections.abc import Iterable
from dataclasses import replace

from torch import Tensor

from initlab.errors import Finding
from initlab.losslab.call import Call, errors, number
from initlab.losslab.checks import CHECKS, FIRST
from initlab.losslab.checks.shapes import stretched
from initlab.losslab.torch_call import FAILURES, call_torch, first_line

#: what torch may be shown although the checks refuse it; the rest of CTC is not safe to call
HARMLESS_TO_CTC = {"not-log-prob", "non-finite", "ctc-too-short"}
MOST_TRIED = 10_000_000  # values that torch may make to show what it would have returned


def check(call: Call) -> list[Finding]:
    """What the checks of a loss find, in their order; after a wrong shape no more are asked."""
    found: list[Finding] = []
    for name in call.loss.checks:
        found += CHECKS[name](call)
        if name in FIRST and errors(found):
            break
    return found


def with_torch(call: Call, findings: Iterable[Finding]) -> list[Finding]:
    """The same findings; errors also say what torch does with these operands, and end in a fix."""
    contract = f"initlab describe {call.loss.name}"
    findings = [replace(f, fix=f.fix or contract) if f.level == "error" else f for f in findings]
    refused = errors(findings)
    if not refused or not _safe(call, refused):
        return findings
    says = torch_says(call)
    return [replace(f, torch=says) if f.level == "error" and not f.torch else f for f in findings]


def _safe(call: Call, refused: list[Finding]) -> bool:
    if call.loss.name == "ctc":
        return {f.rule for f in refused} <= HARMLESS_TO_CTC
    if not any(f.rule == "shape-broadcast" for f in refused):
        return True
    return stretched([x.shape for x in call.operands.values()]) <= MOST_TRIED


def torch_says(call: Call) -> str:
    """What torch does with these operands: the number, or the first line of its exception."""
    reduction = "mean" if call.reduction == "all" else call.reduction
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = call_torch(call, reduction)
    except FAILURES as error:
        return f"{type(error).__name__}: {first_line(error)}"
    warned = f"{caught[0].category.__name__}, then" if caught else "no error,"
    return f"{warned} returns {_told(value)}"


def _told(value: Tensor) -> str:
    if value.numel() == 1:
        return number(float(value))
    shown = ", ".join(number(float(v)) for v in value.flatten()[:4])
    return f"{shown}{', ...' if value.numel() > 4 else ''} of shape {tuple(value.shape)}"
