"""Sweeps, point by point: what the runs of a point, or one run, are called and measured to be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from initlab.report.labels import axes_of, texts_of, varying
from initlab.report.labels import heading as column_of
from initlab.report.statistics import by_layer, counted_by_layer, quantiles
from initlab.report.sweeps import Sweep, joined
from initlab.report.tables.shared import described, shared

INDENT = " "  # of a point below the name of its sweep


@dataclass(frozen=True)
class Point:
    """A row of a table: `runs` that differ in their seeds, or None for the name of a sweep alone.

    `labels` are its cells in the columns that tell points apart.
    """

    labels: tuple[str, ...]
    sweep: Sweep
    runs: pd.DataFrame | None

    @property
    def depth(self) -> int:
        """How many layers its networks have; the name of a sweep has none."""
        return 0 if self.runs is None else int(self.runs["depth"].iloc[0])


@dataclass(frozen=True)
class Points:
    """All rows of a table, and the headings of the columns that tell them apart."""

    header: tuple[str, ...]
    rows: tuple[Point, ...]

    @property
    def sections(self) -> frozenset[int]:
        """The rows that are the name of a sweep."""
        return frozenset(at for at, point in enumerate(self.rows) if point.runs is None)


def points_of(sweeps: Sequence[Sweep], *, each_run: bool = False) -> Points:
    """The points of one sweep by its axes, or of several by the sweep's name.

    Args:
        sweeps: one, or several that are compared.
        each_run: a row for every run instead of every point.
    """
    if len(sweeps) == 1:
        (sweep,) = sweeps
        cells = cells_of(sweep.runs)
        rows = [
            Point(tuple(cells.loc[part.index[0]]), sweep, part)
            for part in _parts(sweep.runs, each_run=each_run)
        ]
        return Points(tuple(map(str, cells)), tuple(rows))
    every = cells_of(joined([sweep.runs for sweep in sweeps]))
    found: list[Point] = []
    start = 0
    for sweep in sweeps:
        own = every.iloc[start : start + len(sweep.runs)].set_axis(sweep.runs.index)
        found += _compared(sweep, own, each_run=each_run)
        start += len(sweep.runs)
    return Points(("spec", "network"), tuple(found))


def cells_of(runs: pd.DataFrame) -> pd.DataFrame:
    """What names a run, in a column for every axis."""
    cells = {column_of(runs, axis): texts_of(runs, axis) for axis in axes_of(runs)}
    return pd.DataFrame(cells, index=runs.index)


def heading(sweeps: Sequence[Sweep]) -> str:
    """What all runs of all sweeps have in common."""
    runs = joined([sweep.runs for sweep in sweeps])
    counts = [sweep.runs["seed"].nunique() for sweep in sweeps]
    if max(counts) == 1 and runs["seed"].nunique() > 1:
        return shared(runs, "1 seed each")
    return shared(runs, f"{between(counts)} seeds" if max(counts) > 1 else "")


def between(counts: Sequence[int]) -> str:
    """How many, as in "1 to 3", or "3" where all are the same."""
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def _compared(sweep: Sweep, cells: pd.DataFrame, *, each_run: bool) -> Iterator[Point]:
    """The rows of one sweep among others; several stand below its name.

    Its points are named among those of every sweep, by `cells`, so that what is called the same is
    the same.
    """
    parts = _parts(sweep.runs, each_run=each_run)
    firsts = cells.loc[[part.index[0] for part in parts]]
    own = firsts.nunique() > 1
    apart = [described(row) for row in _rows(firsts.loc[:, ~own])]
    if len(parts) == 1:
        yield Point((sweep.name, apart[0]), sweep, parts[0])
        return
    yield Point((sweep.name, ""), sweep, None)
    for row, network, part in zip(_rows(firsts.loc[:, own]), apart, parts, strict=True):
        named = described(row) or f"seed {part['seed'].iloc[0]}"
        yield Point((INDENT + named, network), sweep, part)


def _rows(cells: pd.DataFrame) -> list[dict[str, str]]:
    return [dict(zip(map(str, cells), row, strict=True)) for row in cells.itertuples(index=False)]


def _parts(runs: pd.DataFrame, *, each_run: bool) -> list[pd.DataFrame]:
    axes = varying(runs)
    if each_run:
        return [runs.iloc[[at]] for at in range(len(runs))]
    return [p for _, p in runs.groupby(axes, sort=False, dropna=False)] if axes else [runs]


def medians(points: Sequence[Point], column: str) -> list[np.ndarray]:
    """A column of layers.csv, layer by layer, over the runs of each point.

    Infinite where most of them turned nan; of no layer where it was not measured.
    """
    values = {sweep: _values(sweep, column) for sweep in {point.sweep for point in points}}
    return [_median(point, values[point.sweep], column) for point in points]


def _values(sweep: Sweep, column: str) -> np.ndarray:
    """A column of layers.csv as (runs, layers), of as many as the deepest network has."""
    depth = int(sweep.runs["depth"].max())
    if column not in sweep.layers:
        return np.full((len(sweep.runs), depth), np.nan)
    return by_layer(sweep.layers, sweep.runs, column, least=depth)


def _median(point: Point, values: np.ndarray, column: str) -> np.ndarray:
    if point.runs is None:
        return np.array([])
    own = values[point.sweep.runs.index.get_indexer(point.runs.index), : point.depth]
    found: np.ndarray = quantiles(counted_by_layer(own, point.runs, column), (0.5,))[0]
    return found[:0] if np.isnan(found).all() else found
