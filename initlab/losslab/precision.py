"""Two numbers for one loss: torch's in the user's dtype against the textbook's in float64."""

import math
import warnings
from dataclasses import replace

import torch
from torch import Tensor

from initlab.errors import Finding
from initlab.formatting import number
from initlab.losslab.call import Call, describe, name
from initlab.losslab.torch_call import FAILURES, call_torch

GAP = 1e-5  # relative; a larger one is reported
TINY = 1e-13  # an exact value below it may come out as 0 up to rounding


def relative_gap(value: Tensor, exact: Tensor) -> float:
    """The largest |value - exact| / |exact|; inf where only one of them is finite or zero."""
    value = value.to(torch.float64)
    same = (value == exact) | (torch.isnan(value) & torch.isnan(exact))
    if not value.numel() or same.all():
        return 0.0
    gap = torch.where(same, 0.0, (value - exact).abs() / exact.abs())
    unsure = torch.where(torch.isnan(gap), torch.inf, gap)
    # such as 1e-8 for 1 - 1 in float32; but a 0 for a number that is not 0 is reported
    negligible = (exact.abs() < TINY) & (value.abs() < 1e-6) & ((value != 0) | (exact == 0))
    return float(torch.where(negligible, 0.0, unsure).max())


def compare(call: Call, reduction: str, value: Tensor, exact: Tensor) -> list[Finding]:
    """Torch's value against the float64 one, with the cause of a difference."""
    gap = relative_gap(value, exact)
    if gap <= GAP:
        return _not_finite(value)
    at = int(_worst(value, exact))
    one, other = float(value.flatten()[at]), float(exact.flatten()[at])
    finite = math.isfinite(one) or not math.isfinite(other)
    doubled = _in_float64(call, reduction)
    only_rounding = doubled is not None and relative_gap(doubled, exact) <= GAP
    departs = not only_rounding and bool(call.loss.departs)
    # known: a departure that the record states, or no more than the rounding of this dtype
    known = (
        finite and not math.isnan(other) and (departs or gap <= 8 * torch.finfo(value.dtype).eps)
    )
    rule = "precision" if finite else "overflow"
    cause = f"{'rounding' if finite else 'overflow'} in {name(value.dtype)}"
    if math.isnan(one):
        rule, cause = "non-finite", "torch's arithmetic ends in nan, as 0 times infinity and 0/0 do"
    elif math.isnan(other):
        rule, cause = "non-finite", "torch lets a nan among the operands pass"
    elif departs:
        cause = f"in torch {call.loss.departs}"
    given = f"torch gives {number(one)} in {name(value.dtype)}"
    message = f"{given}, the formula {other:.6g} in float64: {cause}"
    fix = "--dtype float64" if only_rounding and not known else ""
    return [Finding(rule, "info" if known else "warning", "value", message, fix)]


def _not_finite(value: Tensor) -> list[Finding]:
    """A value that is infinite or nan in torch and in the formula alike."""
    bad = ~torch.isfinite(value)
    if not bad.any():
        return []
    message = f"{describe(value, bad, 'not finite')}, in the formula, too"
    return [Finding("saturated", "warning", "value", message)]


def _in_float64(call: Call, reduction: str) -> Tensor | None:
    """Torch's value on the same numbers in float64, or None where it refuses that."""
    operands = {n: x.double() if x.is_floating_point() else x for n, x in call.operands.items()}
    options = {k: v.double() if isinstance(v, Tensor) else v for k, v in call.options.items()}
    try:
        with warnings.catch_warnings(action="ignore"):
            return call_torch(replace(call, options=options), reduction, operands)
    except FAILURES:
        return None


def _worst(value: Tensor, exact: Tensor) -> Tensor:
    """The index, of the flattened values, of the largest relative difference."""
    gap = ((value.to(torch.float64) - exact).abs() / exact.abs()).flatten()
    same = (value.to(torch.float64) == exact).flatten()
    return torch.where(same, -1.0, torch.where(torch.isnan(gap), torch.inf, gap)).argmax()
