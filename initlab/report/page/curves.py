"""Curves over depth, one for every point, in as few characters as a chart needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from initlab.catalog.columns import STREAM_RMS
from initlab.report.bands import band_by_layer, band_columns, expected_by_layer
from initlab.report.drawing.drawable import left_out
from initlab.report.figure import Axis, Line, Panel
from initlab.report.page.points import Points
from initlab.report.remarks import SURPRISING
from initlab.report.statistics import (
    by_layer,
    counted_by_layer,
    nan_beyond,
    on_stream,
    quantiles,
    turned_nan,
)

MOST_CURVES = 200
MOST_LAYERS = 200  # of a curve
MOST_SURPRISING = 50  # curves that are drawn because of what they are, before others are chosen
DIGITS = 5  # a chart's pixels show three

Column = list[float | None]
NAMES = ("low", "value", "high")  # of quantiles


@dataclass(frozen=True)
class Quantity:
    """What one chart shows: a column of layers.csv, and the columns in which theory expects it.

    `band` has those of simulated networks: the ends and, between them, the median.
    """

    column: str
    title: str
    log: bool
    expected: str
    band: tuple[str, str, str]


QUANTITIES = (
    Quantity("std", "std of the activations", True, "predicted_std", band_columns("std")),
    Quantity(
        "grad_std", "std of the gradient", True, "predicted_grad_std", band_columns("grad_std")
    ),
    Quantity("cosine", "cosine between samples", False, "predicted_cosine", band_columns("cosine")),
)
#: what is read of layers.csv
COLUMNS = sorted(
    {"run", "layer", STREAM_RMS}.union(
        *({q.column, q.expected, *q.band} for q in QUANTITIES),
    )
)


@dataclass(frozen=True)
class Curves:
    """A chart's curves as the page embeds them, and what it must say of them.

    `curves` have "point" and, for every layer, "value" and what else is known of it; None is a gap.
    Where most seeds turn nan, "stops" is the place of the last layer before the first of them does,
    and "turned" says how many.
    `spread` are quantiles over all points, where not every point has a curve.
    """

    quantity: Quantity
    curves: list[dict[str, Any]]
    spread: dict[str, Any] | None
    notes: list[str]


def chosen_points(points: Points) -> list[int]:
    """The points that get a curve: all, or the surprising ones and others at equal distances."""
    count = len(points)
    if count <= MOST_CURVES:
        return list(range(count))
    surprise = points.runs["surprise"].astype(float).abs().groupby(points.runs["point"]).max()
    strange = surprise[surprise > SURPRISING].sort_values(ascending=False).index[:MOST_SURPRISING]
    others = np.setdiff1d(np.arange(count), strange)
    picked = np.linspace(0, len(others) - 1, MOST_CURVES - len(strange)).round().astype(int)
    return sorted({*map(int, strange), *map(int, others[picked])})


def curves_of(points: Points, layers: pd.DataFrame, drawn: Sequence[int]) -> list[Curves]:
    """The curves of every quantity; of one that was not measured, none."""
    return [_curves(quantity, points, layers, drawn) for quantity in QUANTITIES]


def _curves(
    quantity: Quantity, points: Points, layers: pd.DataFrame, drawn: Sequence[int]
) -> Curves:
    notes = _left_out(layers[quantity.column].to_numpy(float), quantity)
    own = by_layer(layers, points.runs, quantity.column)
    if not _drawable(own, quantity).any():
        return Curves(quantity, [], None, notes)
    values = counted_by_layer(own, points.runs, quantity.column)
    spread = None
    if len(drawn) < len(points):
        spread = _curve(-1, dict(zip(NAMES, quantiles(values), strict=True)), quantity)
    measured = dict(zip(NAMES, points.quantiles(values), strict=True))
    notes += _left_out_of_lines(quantity, points, measured["value"], drawn)
    found = measured if len(points) < len(points.runs) else {"value": measured["value"]}
    found |= _expected(points, layers, quantity, measured["value"])
    streams, curves = points.theory(by_layer(layers, points.runs, STREAM_RMS)), []
    for point in drawn:
        own_rows = {name: rows[point] for name, rows in found.items()}
        curve = _curve(point, own_rows, quantity, on_stream(streams[point], values.shape[1]))
        curves.append(curve | (_stop(curve, points) if quantity.column == "std" else {}))
    thinned = max((len(c.get("layer", ())) for c in curves), default=0)
    if thinned and not np.isnan(streams).all():
        notes.append("Of residual networks: what their blocks hand on.")
    if thinned == MOST_LAYERS:
        notes.append(f"Curves of more than {MOST_LAYERS} layers are drawn at {thinned} of them.")
    return Curves(quantity, [c for c in curves if len(c) > 1], spread, notes)


def _stop(curve: Mapping[str, Any], points: Points) -> dict[str, Any]:
    """Where the first of a point's seeds turns nan, if most of them do and it can be shown."""
    runs = points.runs[points.runs["point"] == curve["point"]]
    onsets = runs["nan_onset"].to_numpy(float)[turned_nan(runs)]
    measured, values = int((runs["status"] == "ok").sum()), curve.get("value", [])
    if 2 * len(onsets) <= measured or not values:
        return {}
    layers = np.array(curve.get("layer", range(len(values))))
    at = int(np.searchsorted(layers, onsets.min())) - 1
    if at < 0 or values[at] is None:
        return {}
    return {"stops": at, "turned": f"{len(onsets)} of {measured} turn nan"}


def _drawable(values: np.ndarray, quantity: Quantity) -> np.ndarray:
    """Which values an axis can show."""
    return np.asarray(np.isfinite(values) & ((values > 0) | (not quantity.log)))


def _left_out(values: np.ndarray, quantity: Quantity) -> list[str]:
    """How many measured values an axis cannot show."""
    below = int(np.sum(np.isfinite(values) & (values <= 0))) if quantity.log else 0
    counts = {
        "at 0 or below": below,
        "infinite": int(np.isinf(values).sum()),
        "nan or not measured": int(np.isnan(values).sum()),
    }
    told = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    total = f"{len(values):,} value{'s' if len(values) != 1 else ''}"
    return [f"Not drawn, of {total}: {told}."] if told else []


def _left_out_of_lines(
    quantity: Quantity, points: Points, medians: np.ndarray, drawn: Sequence[int]
) -> list[str]:
    """Which lines have gaps, and at which layers, in the words of a picture."""
    layers = np.arange(medians.shape[1])  # as many as the deepest network measured
    depths = points.firsts["depth"].to_numpy(int)
    lines = [
        Line(points.names[point], layers[: depths[point]], values[: depths[point]])
        for point, values in zip(drawn, nan_beyond(medians[list(drawn)]), strict=True)
    ]
    return left_out(Panel("", Axis("layer"), Axis("", quantity.log), tuple(lines)))


def _expected(
    points: Points, layers: pd.DataFrame, quantity: Quantity, middle: np.ndarray
) -> dict[str, np.ndarray]:
    """What theory says, each (points, layers): a gradient's ratio meets the last layer's median."""

    def known(column: str) -> np.ndarray:
        return points.theory(by_layer(layers, points.runs, column))

    p10, p50, p90 = map(known, quantity.band)
    low, high = band_by_layer(p10, p90)
    expected = np.array([*map(expected_by_layer, p50, known(quantity.expected))])
    if quantity.column == "grad_std":
        last = points.firsts["depth"].to_numpy(int) - 1
        start = middle[np.arange(len(middle)), np.minimum(last, middle.shape[1] - 1)]
        expected, low, high = (values * start[:, None] for values in (expected, low, high))
    return {"expected": expected, "from": low, "to": high}


def _curve(
    point: int,
    found: Mapping[str, np.ndarray],
    quantity: Quantity,
    stream: NDArray[np.int_] | None = None,
) -> dict[str, Any]:
    """A curve with a number for every layer that has some, or for some with their numbers.

    Those of a network with residual sums are the layers on its stream.
    """
    shown = {name: np.where(_drawable(row, quantity), row, np.nan) for name, row in found.items()}
    known = np.flatnonzero(~np.isnan([*shown.values()]).all(axis=0))
    depth = int(known.max(initial=-1)) + 1
    curve: dict[str, Any] = {"point": int(point)}
    at = np.arange(depth) if stream is None else stream[stream < depth]
    if len(at) > MOST_LAYERS:
        at = at[np.unique(np.linspace(0, len(at) - 1, MOST_LAYERS).round().astype(int))]
    if len(at) < depth:
        curve["layer"] = at.tolist()
    columns: Mapping[str, Column] = {n: list(_short(row[at])) for n, row in shown.items()}
    return curve | {n: c for n, c in columns.items() if any(x is not None for x in c)}


def _short(values: np.ndarray) -> Iterator[float | None]:
    for value in values:
        yield float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
