"""The table of a sweep's points as HTML: short numbers, whole ones where a column is sorted."""

from collections.abc import Callable, Iterator, Sequence
from html import escape

import numpy as np
import pandas as pd

from initlab.catalog.columns import COLUMNS
from initlab.formatting import brief, six_digits, visible
from initlab.report.bands import (
    band,
    predicted_gradient_ratio,
    predicted_std,
    ratio_band,
    within,
)
from initlab.report.labels import texts_of
from initlab.report.page.coloring import Coloring
from initlab.report.page.points import Points
from initlab.report.statistics import counted, gradient_ratio
from initlab.report.tables.measures import three

VERDICTS = ("steady", "vanishing", "exploding", "nan", "failed")
Cells = list[str]  # one <td> for every point


def table(
    points: Points, coloring: Coloring, expected: Sequence[str], drawn: Sequence[int], name: str
) -> str:
    """A table with a row for every point; `data-order` holds what a short number stands for."""
    columns = dict(_columns(points, coloring, expected, drawn))
    heads = "".join(_head(title) for title in columns)
    rows = "\n".join(
        f'<tr data-point="{point}">{"".join(cells)}</tr>'
        for point, cells in enumerate(zip(*columns.values(), strict=True))
    )
    return (
        f'<table class="points"><caption class="hidden">The points of {escape(name)}</caption>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    )


def _head(title: str) -> str:
    if title == "choose":
        return '<th scope="col" data-orderable="false"><span class="hidden">choose</span></th>'
    key, _, about = title.partition("|")
    unsorted = ' data-orderable="false" class="why"' if key == "why" else ""
    return f'<th scope="col"{unsorted} title="{escape(about)}">{escape(key)}</th>'


def _columns(
    points: Points, coloring: Coloring, expected: Sequence[str], drawn: Sequence[int]
) -> Iterator[tuple[str, Cells]]:
    yield "choose", _boxes(points, coloring, drawn)
    for axis in points.axes:
        yield f"{axis}|field of the spec", _axis(points.firsts, axis)
    runs = points.runs.groupby("point").size()
    if runs.nunique() > 1:
        yield "runs|networks that differ in their seeds", [_number(n, str(n)) for n in runs]
    yield _titled("forward", "forward_verdict"), [_verdict(word) for word in points.forward]
    yield _titled("std last", "std_last"), _measured(points, counted(points.runs, "std_last"))
    yield _titled("predicted", "predicted_std"), _predicted(points)
    if any(points.backward):
        yield _titled("backward", "backward_verdict"), [_verdict(w) for w in points.backward]
        ratios = _measured(points, gradient_ratio(points.runs))
        yield "grad ratio|grad_std at layer 0 / at the last layer", ratios
        yield _titled("predicted ratio", "predicted_grad_std"), _predicted_ratio(points)
    reasons = zip(expected, points.reasons(), strict=True)
    yield "why", [_why(theory, measured) for theory, measured in reasons]


def _titled(title: str, column: str) -> str:
    return f"{title}|{COLUMNS[column].about}"


def _boxes(points: Points, coloring: Coloring, drawn: Sequence[int]) -> Cells:
    known = set(drawn)
    return [
        f'<td class="choose"><label><input type="checkbox" aria-label="choose {escape(name)}"'
        f'{"" if point in known else " disabled"}><i style="background:{color}"></i></label></td>'
        for point, (name, color) in enumerate(zip(points.names, coloring.of_point, strict=True))
    ]


def _axis(first: pd.DataFrame, axis: str) -> Cells:
    values = first[axis]
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return [_plain(float(value), six_digits) for value in values]
    return [f"<td>{escape(visible(str(text)))}</td>" for text in texts_of(first, axis)]


def _verdict(word: str) -> str:
    if not word:
        return "<td>–</td>"
    kind = word if word in VERDICTS else "other"
    return f'<td><span class="verdict {kind}">{escape(word)}</span></td>'


def _number(value: float, text: str) -> str:
    """A cell that is sorted by its value: DataTables takes finite numbers and empty cells."""
    if np.isinf(value):
        most = float(np.copysign(np.finfo(float).max, value))
        return f'<td class="number" data-order="{most!r}" title="{float(value)}">{text}</td>'
    order = "" if np.isnan(value) else repr(float(value))
    return f'<td class="number" data-order="{order}">{text}</td>'


def _plain(value: float, text: Callable[[float], str] = three) -> str:
    return _number(value, "–" if np.isnan(value) else text(value))


def _measured(points: Points, values: np.ndarray) -> Cells:
    """Medians, with the range from 10 to 90 % where seeds differ; nan where most turned nan."""
    cells = []
    for low, middle, high in points.quantiles(values).T.tolist():
        text = "–" if np.isnan(middle) else _nan(three(middle))
        if low != high and not np.isnan(middle) and np.isfinite(low):
            text = f"{_nan(three(middle))} <small>{_range(low, high, 'nan')}</small>"
        cells.append(_number(middle, text))
    return cells


def _nan(text: str) -> str:
    """What a run that turned nan is called; among others it counts as infinite."""
    return text.replace("inf", "nan")


def _range(low: float, high: float, infinite: str) -> str:
    return f"{brief(low)} to {brief(high)}".replace("inf", infinite)


def _predicted(points: Points) -> Cells:
    """The last std of the median network of this width, its band, and what was measured."""
    runs = points.runs
    onset = runs["predicted_nan_onset"].to_numpy(float)
    return _compared(points, predicted_std(runs), band(runs), counted(runs, "std_last"), onset)


def _predicted_ratio(points: Points) -> Cells:
    """The same of the gradient's ratio."""
    runs = points.runs
    never = np.full(len(runs), np.nan)
    predicted, measured = predicted_gradient_ratio(runs), gradient_ratio(runs)
    return _compared(points, predicted, ratio_band(runs), measured, never)


def _compared(
    points: Points,
    predicted: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    measured: np.ndarray,
    onset: np.ndarray,
) -> Cells:
    """A prediction, its band, and whether what was measured is in it; numbers of every run."""
    theory = (points.theory(values) for values in (predicted, *ends, onset))
    columns = *theory, points.quantiles(measured)[1]
    cells = []
    for middle, low, high, nan_at, seen in zip(*map(np.ndarray.tolist, columns), strict=True):
        text = "–" if np.isnan(middle) else three(middle)
        if np.isinf(middle) and not np.isnan(nan_at):
            text = f"nan at {nan_at:.0f}"
        if not np.isnan(low):
            text += "" if np.isnan(seen) else _mark(bool(within(low, seen, high)))
            text += f" <small>{_range(low, high, 'inf')}</small>"
        cells.append(_number(middle, text))
    return cells


def _mark(inside: bool) -> str:
    word, sign = ("inside", "✓") if inside else ("outside", "✗")
    return (
        f' <span class="{word}" title="measured: {word} the band">{sign}'
        f'<span class="hidden"> {word}</span></span>'
    )


def _why(theory: str, measured: str) -> str:
    expected = f"<p><b>predicted</b> {escape(visible(theory))}</p>" if theory else ""
    return f'<td class="why"><p><b>measured</b> {escape(visible(measured))}</p>{expected}</td>'
