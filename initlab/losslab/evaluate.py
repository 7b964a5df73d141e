"""Computes a loss: checked, by torch in the user's dtype, and by our formula in float64."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from initlab.catalog import LOSSES, Loss
from initlab.catalog.table import load
from initlab.errors import Finding, LossError
from initlab.losslab.call import Call, errors
from initlab.losslab.checks.run import check, with_torch
from initlab.losslab.formulas.working import Working
from initlab.losslab.operands import options as options_of
from initlab.losslab.operands.limits import in_memory
from initlab.losslab.operands.prepare import prepare
from initlab.losslab.operands.temperature import temperature
from initlab.losslab.precision import compare
from initlab.losslab.settings import Settings
from initlab.losslab.torch_call import compute, gradients

LEVELS = ("error", "warning", "info")
#: rules whose warnings already report that a value is not finite
NOT_FINITE = ("saturated", "non-finite", "ctc-too-short", "zero-vector")

SPREADS = "one training step spreads them to every weight"


@dataclass(frozen=True)
class Evaluation:
    """A loss that was computed.

    `values` are torch's by reduction, in the user's dtype; `exact` the same by our formula in
    float64. `gradients` are torch's, by operand, of `reduction` (of the sum where that is none, of
    the mean where it is all).
    """

    call: Call
    values: dict[str, Tensor]
    working: Working
    gradients: dict[str, Tensor]
    findings: tuple[Finding, ...]

    @property
    def reductions(self) -> list[str]:
        """The reductions that were asked for."""
        return list(self.values)

    @cached_property
    def exact(self) -> dict[str, Tensor]:
        """Values in float64, by reduction."""
        return {reduction: self.working.reduced(reduction) for reduction in self.values}

    def denominator(self, reduction: str) -> Tensor | None:
        """What the sum is divided by: a number, or for CTC one for each sequence."""
        if reduction == "batchmean":
            return torch.tensor(float(self.working.batch))
        return self.working.denominator if reduction == "mean" else None


def evaluate(
    loss: str,
    operands: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> Evaluation:
    """Compute a loss of torch after checking everything that torch does not.

    Args:
        loss: its name or an alias ("bce").
        operands: by torch's names: tensors and arrays, computed in the dtype of the first; lists
            and numbers, computed in float32.
        options: by torch's names, as numbers, texts or (weights) lists and tensors.
        settings: reduction, dtype and so on.

    Raises:
        UnknownName: no such loss.
        LossError: with every finding, if one of them is an error.
        TooLarge: an operand, or what the loss makes of them, takes more than `max_mib`.
        InputError: an operand is missing or cannot be read, or there is not enough memory.
    """
    with in_memory(LOSSES[loss].class_name):
        return _evaluate(LOSSES[loss], operands, options or {}, settings or Settings())


def _evaluate(
    record: Loss, operands: Mapping[str, Any], options: Mapping[str, Any], settings: Settings
) -> Evaluation:
    if settings.reduction not in (*record.reductions, "all"):
        needed = f"needs one of {', '.join(record.reductions)} or all, got {settings.reduction}"
        finding = Finding("option-range", "error", "--reduction", needed, "--reduction mean")
        raise LossError([finding])
    complete = options_of.with_defaults(record, options)
    call, done = prepare(record, operands, complete, settings)
    findings = with_torch(call, [*done, *check(call)])
    _refuse(findings)
    reductions = record.reductions if settings.reduction == "all" else (settings.reduction,)
    values = {reduction: compute(call, reduction) for reduction in reductions}
    evaluation = Evaluation(call, values, work(call), {}, ())
    main = "mean" if settings.reduction == "all" else settings.reduction
    slopes = gradients(call, main) if settings.grad else {}
    findings += temperature(call, values)
    findings += _compared(evaluation, findings)
    findings += _broken(slopes)
    if settings.strict:
        findings = [replace(f, level="error") if f.level == "warning" else f for f in findings]
        _refuse(findings)
    return replace(evaluation, gradients=slopes, findings=tuple(findings))


def _compared(evaluation: Evaluation, findings: list[Finding]) -> list[Finding]:
    """The most serious difference between torch's values and ours, of all reductions asked for.

    A value that is not finite is left out where one of `findings` warns of its cause.
    """
    found = [
        finding
        for reduction, value in evaluation.values.items()
        for finding in compare(evaluation.call, reduction, value, evaluation.exact[reduction])
    ]
    known = any(f.rule in NOT_FINITE and f.level == "warning" for f in findings)
    found = [f for f in found if not (known and f.rule == "saturated")]
    return sorted(found, key=lambda f: LEVELS.index(f.level))[:1]


def evaluate_loss(
    loss: str,
    operands: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Evaluation:
    """`evaluate` with the fields of `Settings` as keywords: reduction="all", grad=True.

    Raises as `evaluate` does; TypeError for a keyword that is no setting.
    """
    allow = settings.pop("allow", ())
    pairs = settings.pop("target_map", {})
    settings["classes"] = tuple(settings.get("classes", ()))
    settings["allow"] = frozenset([allow] if isinstance(allow, str) else allow)
    settings["target_map"] = tuple(pairs.items() if isinstance(pairs, Mapping) else pairs)
    return evaluate(loss, operands, options, Settings(**settings))


def _refuse(findings: list[Finding]) -> None:
    """Raise LossError if one of the findings is an error."""
    if errors(findings):
        raise LossError([f for f in findings if f.level != "info"])


def work(call: Call, operands: Mapping[str, Tensor] | None = None) -> Working:
    """Our formula on the operands of a call (or others in their place), in float64."""
    given = call.operands if operands is None else operands
    exact = {n: x.to(torch.float64) if x.is_floating_point() else x for n, x in given.items()}
    working: Working = load(call.loss.working)(exact, call.options)
    return working


def _broken(slopes: Mapping[str, Tensor]) -> list[Finding]:
    """Gradients that are not finite; that of a target is no fault, which is data."""
    found = []
    for operand, g in slopes.items():
        bad = int((~torch.isfinite(g)).sum())
        data = operand.startswith("target")
        level = "info" if data else "warning"
        told = "a target is data, nothing is trained through it" if data else SPREADS
        if bad:
            message = f"{bad} of {g.numel()} values are not finite; {told}"
            found.append(Finding("non-finite", level, f"gradient of {operand}", message))
    return found
