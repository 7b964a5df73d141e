"""The explain view: a loss in seven blocks of plain text, 80 columns wide, one screen by default.

contract, formula, values, reduction, gradient, verdicts, and the torch lines that reproduce it.
"""

import math
import textwrap
from collections.abc import Sequence
from itertools import islice, zip_longest

import torch
from torch import Tensor

from initlab.catalog.losses import MEANING, Operand
from initlab.losslab.call import name, shape
from initlab.losslab.evaluate import Evaluation, work
from initlab.losslab.explain.substitution import four_decimals, substituted
from initlab.losslab.explain.tables import WIDTH, entries, label_of, ranked, table
from initlab.losslab.explain.verdicts import verdicts
from initlab.losslab.explain.worst_value import worst_value
from initlab.losslab.snippet import MOST_VALUES, snippet

FIRST, WORST = 5, 3
FEW = 2  # gradients by the other operands
MOST_CHECKED = 50  # gradients beside central differences
MOST_WRITTEN = 16  # values of an operand in the snippet of a short view
STEP = 1e-6
KINK = 1e-4
ROUNDED = 1e-9  # of a central difference, relative to the numbers it comes from


def explain(e: Evaluation, *, full: bool = False) -> str:
    """The view as text, each line at most 80 columns wide but for the snippet.

    Args:
        e: an evaluation with gradients.
        full: every value instead of the first 5 and the worst 3.
    """
    blocks = (
        ("contract", _contract(e)),
        ("formula", _formula(e)),
        ("values", [*_values(e, full=full), *worst_value(e)]),
        ("reduction", _reduction(e)),
        ("gradient", _gradient(e, full=full)),
        ("verdicts", _wrapped(verdicts(e))),
        ("torch", _code(e, MOST_VALUES if full else MOST_WRITTEN)),
    )
    return "\n".join(_block(title, lines) for title, lines in blocks if lines) + "\n"


def _block(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title.upper(), *(f"  {line}" for line in lines)])


def _wrapped(lines: Sequence[str]) -> list[str]:
    return [part for line in lines for part in _broken(line, "  ")]


def _broken(line: str, indent: str) -> list[str]:
    return textwrap.wrap(
        line,
        WIDTH - 2,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _code(e: Evaluation, most: int) -> list[str]:
    """The snippet; long lines are broken inside of their brackets, where Python allows it."""
    lines = snippet(e.call, e.reductions[-1], most).splitlines()
    return [part for line in lines for part in _broken(line, "    ")]


# contract and formula ----------------------------------------------------------------------------


def _contract(e: Evaluation) -> list[str]:
    call = e.call
    options = ", ".join(
        f"{k}={[round(x, 4) for x in v.flatten()[:6].tolist()] if isinstance(v, Tensor) else v}"
        for k, v in call.options.items()
    )
    lines = [f"{call.loss.class_name}({options}): {call.loss.about}"]
    for operand in call.loss.operands:
        if operand.name in call.operands:
            x = call.operands[operand.name]
            lines.append(f"{operand.name} {shape(x)} {name(x.dtype)}: {_meaning(e, operand)}")
    return _wrapped(lines)


def _meaning(e: Evaluation, operand: Operand) -> str:
    """What an operand holds, where options or its dtype decide."""
    if operand.holds == "classes_or_probs" and e.call.target.is_floating_point():
        return "probabilities of the classes"
    if operand.holds == "log_rates" and not e.call.options["log_input"]:
        return "rates"
    if operand.holds == "distribution" and e.call.options["log_target"]:
        return MEANING["log_probs"]
    return MEANING[operand.holds]


def _formula(e: Evaluation) -> list[str]:
    lines = [e.call.loss.formula]
    if e.working.losses.numel():
        at = ranked(e.working.losses)[0]
        lines.append(f"{label_of(at)}: {substituted(e.call, e.working, at)}")
    return _wrapped(lines)


# values ------------------------------------------------------------------------------------------


def _values(e: Evaluation, *, full: bool) -> list[str]:
    """A row for each value: the first five and the worst three, or all."""
    losses = e.working.losses
    if not losses.numel():
        return ["none"]
    left = 0 if full else max(losses.numel() - FIRST - WORST, 0)
    rows = list(islice(entries(losses), FIRST if left else None))
    if left:
        rows += [at for at in ranked(losses, FIRST + WORST) if at not in rows][:WORST]
    columns = e.working.columns
    header = ["", *columns, "loss"]
    cells = [
        [label_of(at), *(_cell(c[at]) for c in columns.values()), four_decimals(float(losses[at]))]
        for at in rows
    ]
    lines = table(header, cells)
    if left:
        lines.append(f"... and {left} more; shown are the first {FIRST} and the worst {WORST}")
    return lines


def _cell(value: Tensor) -> str:
    number = value.item() + 0  # -0.0 is 0
    return (
        four_decimals(number)
        if isinstance(number, float) and number != round(number, 0)
        else f"{number:.6g}"
    )


# reduction and gradient --------------------------------------------------------------------------


def _reduction(e: Evaluation) -> list[str]:
    working = e.working
    terms = [four_decimals(v) for v in working.losses.flatten()[:4].tolist()]
    total = " + ".join(terms) + (" + ..." if working.losses.numel() > 4 else "")
    lines = []
    for reduction in e.reductions:
        value = (
            four_decimals(float(e.exact[reduction]))
            if reduction != "none"
            else shape(working.losses)
        )
        match reduction:
            case "mean" if working.denominator is not None and working.denominator.ndim == 0:
                below = float(working.denominator)
                lines.append(f"mean = ({total}) / {below:.6g} = {value}")
                lines.append(f"  divided by {below:.6g}: {working.counted}")
            case "mean":
                lines.append(f"mean = {value}; divided {working.counted}")
            case "batchmean":
                lines.append(f"batchmean = ({total}) / {working.batch} = {value}")
            case "sum":
                lines.append(f"sum = {total} = {value}")
            case _:
                lines.append(f"none: {working.losses.numel()} values of shape {value}")
    for reduction, given in e.values.items():
        if reduction != "none" and four_decimals(float(given)) != four_decimals(
            float(e.exact[reduction])
        ):
            lines.append(
                f"torch's {reduction} in {name(given.dtype)} is {four_decimals(float(given))}"
            )
    return _wrapped(lines)


def _gradient(e: Evaluation, *, full: bool) -> list[str]:
    """Closed form, torch's values, and central differences of our float64 formula beside them."""
    reduction = e.reductions[0] if len(e.reductions) == 1 else "mean"
    of = "sum" if reduction == "none" else reduction
    lines = _wrapped([f"of one {e.call.loss.unit}: {e.call.loss.gradient}"])
    for operand, gradient in e.gradients.items():
        if operand.startswith("target"):
            continue  # nothing is trained through a target
        first = operand == e.call.loss.operands[0].name
        most = FIRST if first else FEW
        shown = list(islice(entries(gradient), None if full else most))
        if not shown:
            continue
        # each difference computes the loss twice
        checked = [_difference(e, operand, at, of) for at in shown[:MOST_CHECKED]]
        rows = [
            [
                label_of(at),
                four_decimals(float(gradient[at])),
                four_decimals(numeric) if numeric is not None else "",
            ]
            for at, numeric in zip_longest(shown, checked)
        ]
        lines += table([f"d {of} / d {operand}", "torch", "by differences"], rows)
        more = gradient.numel() - len(shown)
        lines += [f"... and {more} more"] if more else []
        lines.append(_judged(e, of, [float(gradient[at]) for at in shown[:MOST_CHECKED]], checked))
    return lines


def _judged(e: Evaluation, of: str, slopes: list[float], numeric: list[float]) -> str:
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
    """1e-6 of x or 1e-6, but no step out of where the loss is defined."""
    step = STEP * max(1.0, abs(x))
    holds = e.call.loss.by_name[operand].holds
    if holds == "probs" and 0 < x < 1:
        return min(step, x / 2, (1 - x) / 2)
    positive = holds == "variances" or (holds == "log_rates" and not e.call.options["log_input"])
    return min(step, x / 2) if positive and x > 0 else step


def _difference(e: Evaluation, operand: str, at: tuple[int, ...], reduction: str) -> float:
    # (L(x + h) - L(x - h)) / 2h, with h of 1e-6 of x or 1e-6
    sides = []
    for sign in (1, -1):
        moved = e.call.operands[operand].double().clone()
        step = _step(e, operand, float(moved[at]))
        moved[at] += sign * step
        if e.call.loss.name == "ctc":
            # torch's gradient is that by the scores before log_softmax
            moved = moved.log_softmax(-1)
        sides.append(work(e.call, {**e.call.operands, operand: moved}).reduced(reduction))
    return float((sides[0] - sides[1]) / (2 * step))
