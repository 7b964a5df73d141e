"""The gradient of an explained loss: torch's, and central differences of our formula beside it."""

import math
from itertools import islice, zip_longest

import torch

from initlab.formatting import four_decimals
from initlab.losslab.evaluate import Evaluation, work
from initlab.losslab.explain.tables import entries, label_of, table, wrapped

MOST, FEW = 5, 2  # rows of the first operand, and of each other
MOST_CHECKED = 50  # entries with a central difference; each computes the loss twice
STEP = 1e-6
KINK = 1e-4  # of the largest slope; torch and differences farther apart stand on a kink
ROUNDED = 1e-9  # of a central difference, relative to the numbers it comes from


def gradient(e: Evaluation, *, full: bool) -> list[str]:
    """Closed form, torch's values, and central differences of our float64 formula beside them.

    Args:
        e: an evaluation with gradients.
        full: every entry instead of the first few.
    """
    reduction = e.reductions[0] if len(e.reductions) == 1 else "mean"
    of = "sum" if reduction == "none" else reduction
    lines = wrapped([f"of one {e.call.loss.unit}: {e.call.loss.gradient}"])
    for operand, slopes in e.gradients.items():
        if operand.startswith("target"):
            continue  # nothing is trained through a target
        first = operand == e.call.loss.operands[0].name
        most = MOST if first else FEW
        shown = list(islice(entries(slopes), None if full else most))
        if not shown:
            continue
        checked = [_difference(e, operand, at, of) for at in shown[:MOST_CHECKED]]
        rows = [
            [
                label_of(at),
                four_decimals(float(slopes[at])),
                four_decimals(numeric) if numeric is not None else "",
            ]
            for at, numeric in zip_longest(shown, checked)
        ]
        lines += table([f"d {of} / d {operand}", "torch", "by differences"], rows)
        more = slopes.numel() - len(shown)
        lines += [f"... and {more} more"] if more else []
        lines.append(_agreement(e, of, [float(slopes[at]) for at in shown[:MOST_CHECKED]], checked))
    return lines


def _agreement(e: Evaluation, of: str, slopes: list[float], numeric: list[float]) -> str:
    """Whether autograd and differences agree, up to the rounding of either."""
    off = max(abs(a - b) for a, b in zip(slopes, numeric, strict=True))
    largest = max(map(abs, numeric))
    numbers = [e.working.losses, *e.working.columns.values()]
    scale = max(
        (float(x.double().abs().nan_to_num(0, 0, 0).max()) for x in numbers if x.numel()), default=0
    )
    share = 1 / max(e.working.losses.numel(), 1) if of == "mean" else 1.0
    rounding = (8 * torch.finfo(e.call.input.dtype).eps + ROUNDED) * (1 + scale) * share
    if math.isnan(off):
        return "one of them is not finite"
    if off <= KINK * largest + rounding:
        return "torch and differences agree"
    return f"they differ by {off / (largest or 1):.2g} of the largest: a kink, or an eps of torch's"


def _step(e: Evaluation, operand: str, x: float) -> float:
    """1e-6 of x, at least 1e-6; less where the loss is not defined at x - h or x + h."""
    step = STEP * max(1.0, abs(x))
    holds = e.call.loss.by_name[operand].holds
    if holds == "probs" and 0 < x < 1:
        return min(step, x / 2, (1 - x) / 2)
    positive = holds == "variances" or (holds == "log_rates" and not e.call.options["log_input"])
    return min(step, x / 2) if positive and x > 0 else step


def _difference(e: Evaluation, operand: str, at: tuple[int, ...], reduction: str) -> float:
    """(L(x + h) - L(x - h)) / 2h by one entry x of an operand, L our formula, h of `_step`."""
    sides = []
    for sign in (1, -1):
        moved = e.call.operands[operand].double().clone()
        step = _step(e, operand, float(moved[at]))
        moved[at] += sign * step
        if e.call.loss.gradient_by_scores:
            moved = moved.log_softmax(-1)
        sides.append(work(e.call, {**e.call.operands, operand: moved}).reduced(reduction))
    return float((sides[0] - sides[1]) / (2 * step))
