"""The gradient of an explained loss: torch's, and central differences of our formula beside it."""

import math
from collections.abc import Callable
from itertools import islice, zip_longest

import torch

from initlab.catalog.table import load
from initlab.formatting import four_decimals
from initlab.losslab.evaluate import Evaluation, work
from initlab.losslab.explain.tables import At, Grid, Line, entries, label_of

MOST, FEW = 5, 2  # rows of the first operand, and of each other
MOST_CHECKED = 50  # entries with a central difference; each computes the loss twice
STEP = 1e-6
KINK = 1e-4  # of the largest slope; torch and differences farther apart do not agree
BENT = 1e-2  # of the larger slope; slopes of the two sides farther apart make a kink
ROUNDED = 1e-9  # of a central difference, relative to the numbers it comes from


def gradient(e: Evaluation, *, full: bool) -> list[Line]:
    """Closed form, torch's values, and central differences of our float64 formula beside them.

    Args:
        e: an evaluation with gradients.
        full: every entry instead of the first few.
    """
    of = derived(e)
    text, *numbers = closed_form(e)
    lines: list[Line] = [f"of one {e.call.loss.unit}: {text}", *numbers]
    for operand, slopes in e.gradients.items():
        if operand.startswith("target"):
            continue  # nothing is trained through a target
        first = operand == e.call.loss.operands[0].name
        most = MOST if first else FEW
        shown = list(islice(entries(slopes), None if full else most))
        if not shown:
            continue
        checked = [_difference(e, operand, at) for at in shown[:MOST_CHECKED]]
        rows = [
            [
                label_of(at),
                four_decimals(float(slopes[at])),
                four_decimals(numeric) if numeric is not None else "",
            ]
            for at, numeric in zip_longest(shown, checked)
        ]
        lines.append(Grid([f"d {of} / d {operand}", "torch", "by differences"], rows))
        more = slopes.numel() - len(shown)
        lines += [f"... and {more} more"] if more else []
        lines.append(_agreement(e, operand, shown[:MOST_CHECKED], checked))
    return lines


def closed_form(e: Evaluation) -> list[str]:
    """The gradient of one value of the loss as text that fits its options; then with numbers."""
    if e.call.loss.slope is None:
        return [e.call.loss.gradient]
    slope: Callable[[Evaluation], list[str]] = load(e.call.loss.slope)
    return slope(e)


def derived(e: Evaluation) -> str:
    """The reduction whose gradient `e` holds."""
    reduction = e.reductions[0] if len(e.reductions) == 1 else "mean"
    return "sum" if reduction == "none" else reduction


def _agreement(e: Evaluation, operand: str, shown: list[At], numeric: list[float]) -> str:
    """Whether autograd and differences agree, up to the rounding of either."""
    slopes = [float(e.gradients[operand][at]) for at in shown]
    gaps = [abs(a - b) for a, b in zip(slopes, numeric, strict=True)]
    if not all(map(math.isfinite, gaps)):
        return "one of them is not finite"
    numbers = [e.working.losses, *e.working.columns.values()]
    scale = max(
        (float(x.double().abs().nan_to_num(0, 0, 0).max()) for x in numbers if x.numel()), default=0
    )
    share = 1 / max(e.working.losses.numel(), 1) if derived(e) == "mean" else 1.0
    rounding = (8 * torch.finfo(e.call.input.dtype).eps + ROUNDED) * (1 + scale) * share
    off = max(gaps)
    if off <= KINK * max(map(abs, numeric)) + rounding:
        return "torch and differences agree"
    at = shown[gaps.index(off)]
    why = "a kink of the loss" if on_a_kink(e, operand, at) else "rounding, or an eps of torch's"
    return f"they differ by up to {off:.2g}, at {label_of(at)}: {why}"


def on_a_kink(e: Evaluation, operand: str, at: At) -> bool:
    """Whether the slopes to the two sides of an entry differ."""
    below, above, step = _sides(e, operand, at)
    here = _loss(e, {})
    left, right = (here - below) / step, (above - here) / step
    noise = 8 * torch.finfo(torch.float64).eps * max(map(abs, (below, here, above))) / step
    return abs(right - left) > BENT * max(abs(left), abs(right)) + noise


def _step(e: Evaluation, operand: str, x: float) -> float:
    """1e-6 of x, at least 1e-6; less where the loss is not defined at x - h or x + h."""
    step = STEP * max(1.0, abs(x))
    holds = e.call.loss.by_name[operand].holds
    if holds == "probs" and 0 < x < 1:
        return min(step, x / 2, (1 - x) / 2)
    positive = holds == "variances" or (holds == "log_rates" and not e.call.options["log_input"])
    return min(step, x / 2) if positive and x > 0 else step


def _difference(e: Evaluation, operand: str, at: At) -> float:
    """(L(x + h) - L(x - h)) / 2h by one entry x of an operand, L our formula, h of `_step`."""
    below, above, step = _sides(e, operand, at)
    return (above - below) / (2 * step)


def _sides(e: Evaluation, operand: str, at: At) -> tuple[float, float, float]:
    """L(x - h), L(x + h) and h."""
    values, given = [], e.call.operands[operand].double()
    step = _step(e, operand, float(given[at]))
    for sign in (-1, 1):
        moved = given.clone()
        moved[at] += sign * step
        if e.call.loss.gradient_by_scores:
            moved = moved.log_softmax(-1)
        values.append(_loss(e, {operand: moved}))
    return values[0], values[1], step


def _loss(e: Evaluation, moved: dict[str, torch.Tensor]) -> float:
    return float(work(e.call, {**e.call.operands, **moved}).reduced(derived(e)))
