"""Runs the checks of a loss before torch is called; errors also show what torch would have done."""

import warnings
from collections.abc import Iterable
from dataclasses import replace

from torch import Tensor

from initlab.errors import Finding
from initlab.formatting import number
from initlab.losslab.call import Call, errors
from initlab.losslab.checks import CHECKS, FIRST
from initlab.losslab.checks.shapes import stretched
from initlab.losslab.torch_call import FAILURES, call_torch, first_line

MOST_VALUES = 10_000_000  # that torch may compute to show what it would have returned


def check(call: Call) -> list[Finding]:
    """What the checks of a loss find, in their order; a wrong shape ends the list."""
    found: list[Finding] = []
    for name in call.loss.checks:
        found += CHECKS[name](call)
        if name in FIRST and errors(found):
            break
    return found


def with_torch(call: Call, findings: Iterable[Finding]) -> list[Finding]:
    """The same findings, their errors with a fix and with what torch does with these operands."""
    contract = f"initlab describe {call.loss.name}"
    findings = [replace(f, fix=f.fix or contract) if f.level == "error" else f for f in findings]
    refused = errors(findings)
    if not refused or not _safe(call, refused):
        return findings
    outcome = torch_outcome(call)
    return [
        replace(f, torch=outcome) if f.level == "error" and not f.torch else f for f in findings
    ]


def _safe(call: Call, refused: list[Finding]) -> bool:
    """Whether torch can be called with what was refused: within its memory, and within ours."""
    rules, harmless = {f.rule for f in refused}, call.loss.harmless
    if harmless is not None and not rules <= harmless:
        return False
    if "shape-broadcast" not in rules:
        return True
    return stretched([x.shape for x in call.operands.values()]) <= MOST_VALUES


def torch_outcome(call: Call) -> str:
    """What torch does with these operands: the number, or the first line of its exception."""
    reduction = "mean" if call.reduction == "all" else call.reduction
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = call_torch(call, reduction)
    except FAILURES as error:
        return f"{type(error).__name__}: {first_line(error)}"
    warned = f"{caught[0].category.__name__}, then" if caught else "no error,"
    return f"{warned} returns {_values_of(value)}"


def _values_of(value: Tensor) -> str:
    """A number, or the first four values and the shape."""
    if value.numel() == 1:
        return number(float(value))
    shown = ", ".join(number(float(v)) for v in value.flatten()[:4])
    return f"{shown}{', ...' if value.numel() > 4 else ''} of shape {tuple(value.shape)}"
