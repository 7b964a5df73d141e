"""Two numbers for one loss: torch's in the user's dtype against the textbook's in float64."""

import math
import warnings
from dataclasses import replace

import torch
from torch import Tensor

from initlab.errors import Finding
from initlab.losslab.call import Call, name, number
from initlab.losslab.torch_call import FAILURES, call_torch

GAP = 1e-5  # relative; a larger one is reported


def relative_gap(value: Tensor, exact: Tensor) -> float:
    """The largest |value - exact| / |exact|; inf where only one of them is finite or zero."""
    value = value.to(torch.float64)
    same = (value == exact) | (torch.isnan(value) & torch.isnan(exact))
    if not value.numel() or same.all():
        return 0.0
    gap = torch.where(same, 0.0, (value - exact).abs() / exact.abs())
    unsure = torch.where(torch.isnan(gap), torch.inf, gap)
    negligible = (exact == 0) & (value.abs() < 1e-6)  # what float32 makes of 1 - 1
    return float(torch.where(negligible, 0.0, unsure).max())


def compare(call: Call, reduction: str, value: Tensor, exact: Tensor) -> list[Finding]:
    """Torch's value against the float64 one, with the cause of a difference."""
    gap = relative_gap(value, exact)
    if gap <= GAP:
        return []
    at = int(_worst(value, exact))
    one, other = float(value.flatten()[at]), float(exact.flatten()[at])
    overflow = not math.isfinite(one) and math.isfinite(other)
    cause, known = _cause(call, reduction, value, exact, overflow=overflow)
    if not overflow and gap <= 8 * torch.finfo(value.dtype).eps:
        known = True  # no more than this dtype promises
    message = f"{name(value.dtype)} gives {number(one)}, float64 {other:.6g}: {cause}"
    rule, level = "overflow" if overflow else "precision", "info" if known else "warning"
    if math.isnan(one):
        rule = "non-finite"
    helps = not known and not math.isnan(one) and value.dtype != torch.float64
    return [Finding(rule, level, "value", message, "--dtype float64" if helps else "")]


def _worst(value: Tensor, exact: Tensor) -> Tensor:
    gap = ((value.to(torch.float64) - exact).abs() / exact.abs()).flatten()
    same = (value.to(torch.float64) == exact).flatten()
    return torch.where(same, -1.0, torch.where(torch.isnan(gap), torch.inf, gap)).argmax()


def _cause(
    call: Call, reduction: str, value: Tensor, exact: Tensor, *, overflow: bool
) -> tuple[str, bool]:
    """Why torch differs, and whether its formula is known to: else it is the dtype's rounding."""
    doubled = {n: x.double() if x.is_floating_point() else x for n, x in call.operands.items()}
    options = {k: v.double() if isinstance(v, Tensor) else v for k, v in call.options.items()}
    what = f"{'overflow' if overflow else 'rounding'} in {name(call.input.dtype)}"
    if torch.isnan(value).any():
        what = "torch multiplies 0 by infinity"
    if not call.loss.departs:
        return what, False
    try:
        with warnings.catch_warnings(action="ignore"):
            again = call_torch(replace(call, options=options), reduction, doubled)
    except FAILURES:
        return what, False
    if relative_gap(again, exact) <= GAP:
        return what, False
    return f"in torch {call.loss.departs}", not overflow
