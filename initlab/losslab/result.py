"""An evaluation, or a refusal, as plain data: for JSON, CSV and a table."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain, islice, product
from typing import Any

from torch import Tensor

from initlab.errors import Finding, InitlabError, LossError
from initlab.formatting import json_number
from initlab.losslab.call import name
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.snippet import snippet

CSV_HEADER = ("loss", "reduction", "quantity", "index", "value", "float64", "denominator")


def as_dict(evaluation: Evaluation, reduction: str) -> dict[str, Any]:
    """What `--format json` prints. `value`, `float64` and `denominator` are by reduction where
    that is "all". Numbers that are not finite are the strings "nan", "inf" and "-inf".
    """
    call = evaluation.call
    values = {r: plain(v) for r, v in evaluation.values.items()}
    exact = {r: plain(v) for r, v in evaluation.exact.items()}
    divided = {r: plain(evaluation.denominator(r)) for r in values}
    one = reduction != "all"
    return {
        "loss": call.loss.name,
        "reduction": reduction,
        "value": values[reduction] if one else values,
        "float64": exact[reduction] if one else exact,
        "operands": {
            n: {"shape": list(x.shape), "dtype": name(x.dtype)} for n, x in call.operands.items()
        },
        "denominator": divided[reduction] if one else divided,
        "gradient": {n: plain(g) for n, g in evaluation.gradients.items()} or None,
        "findings": [finding(f) for f in evaluation.findings],
        "torch": snippet(call, reduction),
    }


def error_dict(loss: str, error: InitlabError) -> dict[str, Any]:
    """A record that could not be computed: the loss, the message, and every finding."""
    findings = error.findings if isinstance(error, LossError) else ()
    return {"loss": loss, "error": str(error), "findings": [finding(f) for f in findings]}


def finding(found: Finding) -> dict[str, str]:
    """A finding with its keys: rule, level, operand, message, fix, torch."""
    return asdict(found)


def plain(value: Tensor | None) -> Any:
    """A tensor as nested lists, of numbers that JSON has."""
    if value is None:
        return None
    if value.ndim == 0:
        return json_number(value.item())
    finite = not value.is_floating_point() or bool(value.isfinite().all())
    return value.tolist() if finite else _with_words(value.tolist())


def _with_words(value: Any) -> Any:
    """Nested lists whose infinities and nan are words."""
    return [_with_words(v) for v in value] if isinstance(value, list) else json_number(value)


def csv_rows(evaluation: Evaluation) -> Iterator[tuple[Any, ...]]:
    """A row for every value of every reduction, then for every entry of the gradients."""
    loss = evaluation.call.loss.name
    for reduction, value in evaluation.values.items():
        exact = evaluation.exact[reduction]
        for index in product(*map(range, value.shape)):
            at = " ".join(map(str, index))
            below = _divisor(evaluation, reduction, index)
            yield loss, reduction, "loss", at, float(value[index]), float(exact[index]), below
    reduction = evaluation.reductions[0] if len(evaluation.values) == 1 else "mean"
    for operand, gradient in evaluation.gradients.items():
        for index in product(*map(range, gradient.shape)):
            at = " ".join(map(str, index))
            yield loss, reduction, f"gradient {operand}", at, float(gradient[index]), None, None


def _divisor(evaluation: Evaluation, reduction: str, index: tuple[int, ...]) -> Any:
    """What a mean was divided by; of ctc a number for each sequence, with spaces between.

    Reduction none divides by nothing, but where each value has its own number, that stands there.
    """
    below = evaluation.denominator(reduction)
    own = evaluation.working.denominator
    if reduction == "none" and own.ndim and own.shape == evaluation.working.losses.shape:
        return float(own[index])
    if below is None:
        return None
    return float(below) if below.ndim == 0 else " ".join(f"{x:.12g}" for x in below.tolist())


def summary(
    evaluations: Sequence[Evaluation], most: int
) -> tuple[tuple[str, ...], list[tuple[Any, ...]], str]:
    """A table for people: header, rows and a caption with the denominator of each mean."""
    several = len(evaluations) > 1
    rows = list(islice(chain.from_iterable(map(csv_rows, evaluations)), most + 1))
    differ = any(f"{row[4]:.5g}" != f"{row[5]:.5g}" for row in rows if row[5] is not None)
    gradient = any(row[2] != "loss" for row in rows)
    header = ["loss"] if several else []
    header += ["reduction", *(["quantity"] if gradient else []), "index", "value"]
    header += ["float64"] if differ else []
    at = [CSV_HEADER.index(column) for column in header]
    shown = [tuple(row[i] for i in at) for row in rows[:most]]
    caption = [
        (f"{e.call.loss.name}, " if several else "")
        + f"mean: divided by {e.working.counted}".replace("by each", "each")
        for e in evaluations
        if "mean" in e.values
    ]
    if len(rows) > most:
        caption.append(f"the first {most} rows; --format csv has them all")
    return tuple(header), shown, ". ".join(caption)
