"""The table of a sweep's points as HTML: short numbers, whole ones where a column is sorted."""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
import pandas as pd

from initlab.catalog.columns import COLUMNS
from initlab.formatting import brief, short, visible
from initlab.report.labels import texts_of
from initlab.report.page.coloring import Coloring
from initlab.report.page.points import Points, gradient_ratio

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
    unsorted = ' data-orderable="false"' if key == "why" else ""
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
    first = points.firsts
    yield _titled("forward", "forward_verdict"), [_verdict(word) for word in points.forward]
    yield _titled("std last", "std_last"), _measured(points.quantiles(points.runs["std_last"]))
    yield _titled("predicted", "predicted_std"), _predicted(points)
    if any(points.backward):
        yield _titled("backward", "backward_verdict"), [_verdict(w) for w in points.backward]
        ratios = points.quantiles(gradient_ratio(points.runs))
        yield "grad ratio|grad_std at layer 0 / at the last layer", _measured(ratios)
        theory = first["predicted_grad_std"].astype(float)
        yield _titled("predicted ratio", "predicted_grad_std"), [_plain(x) for x in theory]
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
        return [_plain(float(value)) for value in values]
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


def _plain(value: float) -> str:
    return _number(value, "–" if np.isnan(value) else short(value, 4))


def _measured(quantiles: np.ndarray) -> Cells:
    """Medians, with the range from 10 to 90 % where seeds differ."""
    cells = []
    for low, middle, high in quantiles.T.tolist():
        text = "–" if np.isnan(middle) else short(middle, 4)
        if low != high and np.isfinite([low, high]).all():
            text = f"{short(middle, 3)} <small>{brief(low)} to {brief(high)}</small>"
        cells.append(_number(middle, text))
    return cells


def _predicted(points: Points) -> Cells:
    """The median of networks of this width, their band, and whether what was measured is in it."""
    first = points.firsts
    names = ["predicted_std_p50", "predicted_std_p10", "predicted_std_p90", "predicted_std"]
    onset = first["predicted_nan_onset"].tolist()
    measured = points.quantiles(points.runs["std_last"])[1].tolist()
    rows = zip(*(first[name].tolist() for name in names), onset, measured, strict=True)
    cells = []
    for middle, low, high, infinite, nan_at, seen in rows:
        if not np.isnan(nan_at):
            cells.append(_number(float("inf"), f"nan at {nan_at:.0f}"))
        elif np.isnan(low):
            cells.append(_plain(infinite))
        else:
            mark = "" if np.isnan(seen) else _mark(low <= seen <= high)
            text = f"{short(middle, 3)}{mark} <small>{brief(low)} to {brief(high)}</small>"
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
