"""The explain view: a loss in seven blocks of plain text, one screen of 80 columns by default.

contract, formula, values, reduction, gradient, verdicts, and the torch lines that reproduce it.
"""

import math
from collections.abc import Callable, Sequence
from itertools import islice

from torch import Tensor

from initlab.catalog.losses import MEANING, Operand
from initlab.catalog.table import load
from initlab.formatting import four_decimals, fraction_or_whole
from initlab.losslab.call import name, shape
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.gradient import gradient
from initlab.losslab.explain.substitution import substituted
from initlab.losslab.explain.tables import (
    NARROWEST,
    WIDTH,
    Grid,
    Line,
    code,
    entries,
    label_of,
    laid_out,
    ranked,
)
from initlab.losslab.explain.verdicts import verdicts
from initlab.losslab.snippet import MOST_VALUES, snippet

FIRST, WORST = 5, 3  # rows of values
INDENT = "  "
MOST_WRITTEN = 16  # values of an operand in the snippet of a short view


def explain(e: Evaluation, *, full: bool = False, width: int = WIDTH) -> str:
    """The view as text; a line that starts with a letter is the title of a block.

    Args:
        e: an evaluation with gradients.
        full: every value instead of the first 5 and the worst 3.
        width: characters of a line; only a word or a number longer than that exceeds it.
    """
    inner = max(width, NARROWEST) - len(INDENT)
    texts = [
        _block(title, laid_out(lines, inner, full=full)) for title, lines in blocks(e, full=full)
    ]
    lines = torch_lines(e, full=full)
    texts.append(_block("torch", [part for line in lines for part in code(line, inner)]))
    return "\n".join(texts) + "\n"


def blocks(e: Evaluation, *, full: bool) -> list[tuple[str, Sequence[Line]]]:
    """Lines and tables under their titles, but for the last block, which is Python."""
    found: tuple[tuple[str, Sequence[Line]], ...] = (
        ("contract", _contract(e)),
        ("formula", _formula(e)),
        ("values", [*_values(e, full=full), *_details(e)]),
        ("reduction", _reduction(e)),
        ("gradient", gradient(e, full=full)),
        ("verdicts", verdicts(e)),
    )
    return [(title, lines) for title, lines in found if lines]


def torch_lines(e: Evaluation, *, full: bool) -> list[str]:
    """The last block: Python that reproduces the loss."""
    return snippet(e.call, e.reductions[-1], MOST_VALUES if full else MOST_WRITTEN).splitlines()


def _block(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title.upper(), *(INDENT + line for line in lines)])


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
    return lines


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
    return lines


# values ------------------------------------------------------------------------------------------


def _values(e: Evaluation, *, full: bool) -> list[Line]:
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
        [
            label_of(at),
            *(_cell(c[at].item(), losses[at]) for c in columns.values()),
            four_decimals(float(losses[at])),
        ]
        for at in rows
    ]
    lines: list[Line] = [Grid(header, cells)]
    if left:
        lines.append(f"... and {left} more; shown are the first {FIRST} and the worst {WORST}")
    return lines


def _cell(value: float, loss: Tensor) -> str:
    """A number of the working; nothing where it has none, as of a sample that is ignored."""
    return "" if math.isnan(value) and loss.isfinite() else fraction_or_whole(value)


def _details(e: Evaluation) -> list[Line]:
    """The closer look at the worst value that the record names, if any."""
    if e.call.loss.details is None or not e.working.losses.numel():
        return []
    details: Callable[[Evaluation], list[Line]] = load(e.call.loss.details)
    return details(e)


# reduction ---------------------------------------------------------------------------------------


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
    return lines
