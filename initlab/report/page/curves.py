"""Curves over depth, one for every point, in as few characters as a chart needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from initlab.report.page.points import Points, quantiles
from initlab.report.remarks import SURPRISING

MOST_CURVES = 200
MOST_LAYERS = 200  # of a curve
MOST_SURPRISING = 50  # curves that are drawn because of what they are, before others are chosen
DIGITS = 5  # a chart's pixels show three

Column = list[float | None]


@dataclass(frozen=True)
class Quantity:
    """What one chart shows: a column of layers.csv, and the columns in which theory expects it."""

    column: str
    title: str
    log: bool
    expected: Sequence[str]  # of the first one that holds numbers
    band: tuple[str, str] | None = None


QUANTITIES = (
    Quantity(
        "std", "std of the activations", True, ("predicted_std_p50", "predicted_std"),
        ("predicted_std_p10", "predicted_std_p90"),
    ),
    Quantity("grad_std", "std of the gradient", True, ("predicted_grad_std",)),
    Quantity("cosine", "cosine between samples", False, ("predicted_cosine",)),
)  # fmt: skip
#: what is read of layers.csv
COLUMNS = sorted(
    {"run", "layer"}.union(
        *({q.column, *q.expected, *(q.band or ())} for q in QUANTITIES),
    )
)


@dataclass(frozen=True)
class Curves:
    """A chart's curves as the page embeds them, and what it must say of them.

    `curves` have "point" and, for every layer, "value" and what else is known of it; None is a gap.
    One that "stops" turns nan.
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
    of_run = points.runs.set_index("run")["point"]
    rows = layers.assign(point=layers["run"].map(of_run)).dropna(subset=["point"])
    return [_curves(quantity, points, rows, drawn) for quantity in QUANTITIES]


def _curves(quantity: Quantity, points: Points, rows: pd.DataFrame, drawn: Sequence[int]) -> Curves:
    finite, notes = _drawable(rows, quantity)
    if not len(finite):
        return Curves(quantity, [], None, notes)
    spread = _spread(finite, quantity) if len(drawn) < len(points) else None
    shown = rows[rows["point"].isin(drawn)]
    values = finite[finite["point"].isin(drawn)].groupby(["point", "layer"])[quantity.column]
    table = quantiles(values).join(_expected(shown, quantity), how="outer")
    if len(points) == len(points.runs):
        table = table.drop(columns=["low", "high"])
    curves = [_curve(point, part.droplevel(0)) for point, part in table.groupby(level=0)]
    if quantity.column == "std":
        runs = points.runs
        stopped = set(runs.loc[runs["nan_onset"].notna(), "point"])
        curves = [
            curve | ({"stops": True} if curve["point"] in stopped else {}) for curve in curves
        ]
    thinned = max((len(c.get("layer", ())) for c in curves), default=0)
    if thinned:
        notes.append(f"Curves of more than {MOST_LAYERS} layers are drawn at {thinned} of them.")
    return Curves(quantity, curves, spread, notes)


def _drawable(rows: pd.DataFrame, quantity: Quantity) -> tuple[pd.DataFrame, list[str]]:
    """Rows whose value an axis can show, and how many it cannot."""
    values = rows[quantity.column].astype(float)
    infinite = int(np.isinf(values).sum())
    nan = int(values.isna().sum())
    below = int((values <= 0).sum() - (values == -np.inf).sum()) if quantity.log else 0
    counts = {"at 0 or below": below, "infinite": infinite, "nan or not measured": nan}
    told = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    kept = np.isfinite(values) & ((values > 0) | (not quantity.log))
    total = f"{len(values):,} value{'s' if len(values) != 1 else ''}"
    return rows[kept], [f"Not drawn, of {total}: {told}."] if told else []


def _expected(rows: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    """What theory says of each point and layer: a gradient's ratio meets the last layer's."""
    first = rows.drop_duplicates(["point", "layer"]).set_index(["point", "layer"])
    name = next((n for n in quantity.expected if first[n].notna().any()), quantity.expected[-1])
    found = {"expected": first[name].astype(float)}
    if quantity.column == "grad_std":
        last = rows.groupby("run").tail(1).groupby("point")["grad_std"].median()
        found["expected"] *= last.reindex(first.index.get_level_values(0)).to_numpy()
    if quantity.band is not None:
        low, high = quantity.band
        found |= {"from": first[low].astype(float), "to": first[high].astype(float)}
    table = pd.DataFrame(found)
    shown = np.isfinite(table) & ((table > 0) | (not quantity.log))
    return table.where(shown).dropna(axis=1, how="all")


def _spread(finite: pd.DataFrame, quantity: Quantity) -> dict[str, Any]:
    """Quantiles over the runs of all points that reach a layer."""
    return _curve(-1, quantiles(finite.groupby("layer")[quantity.column]))


def _curve(point: Any, table: pd.DataFrame) -> dict[str, Any]:
    """A curve with a number for every layer, or for some with their numbers."""
    depth = int(table.index.max()) + 1
    table = table.reindex(range(depth))
    curve: dict[str, Any] = {"point": int(point)}
    if depth > MOST_LAYERS:
        at = np.unique(np.linspace(0, depth - 1, MOST_LAYERS).round().astype(int))
        table, curve["layer"] = table.iloc[at], at.tolist()
    columns: Mapping[str, Column] = {str(n): list(_short(table[n])) for n in table}
    return curve | {n: c for n, c in columns.items() if any(x is not None for x in c)}


def _short(values: "pd.Series[float]") -> Iterator[float | None]:
    for value in values.to_numpy():
        yield float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
