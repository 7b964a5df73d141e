"""Torch's own value and gradients of a loss, as the loss lab calls it."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from initlab.catalog.table import load
from initlab.errors import Finding, LossError
from initlab.losslab.arguments import loss_arguments
from initlab.losslab.call import Call

#: what torch raises for operands and options that it refuses
FAILURES = (RuntimeError, ValueError, IndexError, TypeError)


def call_torch(call: Call, reduction: str, operands: Mapping[str, Tensor] | None = None) -> Tensor:
    """Torch's own function on the operands of a call (or others in their place).

    Raises:
        one of FAILURES: as torch does.
    """
    given = call.operands if operands is None else operands
    records = call.loss.operands
    positional = [given[o.name] for o in records if not o.optional]
    keywords: dict[str, Any] = {
        o.name: given[o.name] for o in records if o.optional and o.name in given
    }
    function = load(call.loss.function)
    options = loss_arguments(call.loss.name, call.options)
    value: Tensor = function(*positional, **keywords, **options, reduction=reduction)
    return value


def compute(call: Call, reduction: str) -> Tensor:
    """Torch's value, without its warnings: our findings take their place.

    Raises:
        LossError: torch refuses what the checks let through.
    """
    try:
        with warnings.catch_warnings(action="ignore"), torch.no_grad():
            return call_torch(call, reduction)
    except FAILURES as error:
        raise LossError([refusal(call, error)]) from None


def gradients(call: Call, reduction: str) -> dict[str, Tensor]:
    """dL/d(operand) for every floating operand by which torch can derive, in the operand's dtype.

    The gradient of reduction "none" is that of the sum.
    """
    names = [n for n, x in call.operands.items() if x.is_floating_point()]
    for wanted in (names, names[:1]):  # torch has no derivative by some targets
        leaves = {n: call.operands[n].detach().clone().requires_grad_() for n in wanted}
        try:
            with warnings.catch_warnings(action="ignore"):
                value = call_torch(
                    call, "sum" if reduction == "none" else reduction, {**call.operands, **leaves}
                )
                found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
        except FAILURES as error:
            failure = error
            continue
        return {n: g for n, g in zip(leaves, found, strict=True) if g is not None}
    raise LossError([refusal(call, failure)]) from None


def refusal(call: Call, error: Exception) -> Finding:
    """Torch's exception as a finding."""
    reason = first_line(error)
    fix = ""
    if "not implemented for" in reason:
        fix = "--dtype float32"
    elif "memory" in reason:
        fix = "give it less at a time"
    return Finding(
        "torch", "error", call.loss.class_name, f"torch refuses these operands: {reason}", fix
    )


def first_line(error: Exception) -> str:
    """The first line of an exception's message, without a final point."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(".")
