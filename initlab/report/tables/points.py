"""Results, point by point: what the runs of a point, or one run, are called and measured to be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from initlab.report.labels import axes_of, fields_of, heading, texts_of, varying
from initlab.report.tables.shared import described

INDENT = " "  # of a point below the name of its sweep


@dataclass(frozen=True)
class Results:
    """A sweep as published: its name, one line about it, runs.csv, and some of layers.csv."""

    name: str
    about: str
    runs: pd.DataFrame
    layers: pd.DataFrame

    @property
    def title(self) -> str:
        """Name and line in one."""
        return f"{self.name}: {self.about}" if self.about else self.name


@dataclass(frozen=True)
class Point:
    """A row of a table: `runs` that differ in their seeds, or None for the name of a sweep alone.

    `labels` are its cells in the columns that tell points apart.
    """

    labels: tuple[str, ...]
    results: Results
    runs: pd.DataFrame | None

    def curves(self, curves: dict[int, np.ndarray]) -> list[np.ndarray]:
        """Of its runs, those that have one."""
        return [] if self.runs is None else [curves[n] for n in self.runs["run"] if n in curves]


@dataclass(frozen=True)
class Points:
    """All rows of a table, and the headings of the columns that tell them apart."""

    header: tuple[str, ...]
    rows: tuple[Point, ...]

    @property
    def sections(self) -> frozenset[int]:
        """The rows that are the name of a sweep."""
        return frozenset(at for at, point in enumerate(self.rows) if point.runs is None)


def points_of(sweeps: Sequence[Results], *, each_run: bool = False) -> Points:
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
    between = cells_of(together([sweep.runs for sweep in sweeps]))
    found: list[Point] = []
    start = 0
    for sweep in sweeps:
        own = between.iloc[start : start + len(sweep.runs)].set_axis(sweep.runs.index)
        found += _compared(sweep, own, each_run=each_run)
        start += len(sweep.runs)
    return Points(("spec", "network"), tuple(found))


def cells_of(runs: pd.DataFrame) -> pd.DataFrame:
    """What names a run, in a column for every axis."""
    return pd.DataFrame({heading(runs, axis): texts_of(runs, axis) for axis in axes_of(runs)},
                        index=runs.index)  # fmt: skip


def together(runs: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Several runs.csv as one, with the columns of every spec before the seed."""
    if len(runs) == 1:
        return runs[0]
    known = dict.fromkeys(name for table in runs for name in fields_of(table))
    fields = [name for first in dict.fromkeys(n.partition(".")[0] for n in known)
              for name in known if name.partition(".")[0] == first]  # fmt: skip
    joined = pd.concat(runs, ignore_index=True)
    others = [name for name in joined if name not in known and name != "run"]
    return joined[["run", *fields, *others]]


def _compared(sweep: Results, between: pd.DataFrame, *, each_run: bool) -> Iterator[Point]:
    """The rows of one sweep among others; several stand below its name.

    `between` is what tells its runs from all others, of which its own axes are said already.
    """
    own = cells_of(sweep.runs)
    apart = between[[name for name in between if name not in own]]
    parts = _parts(sweep.runs, each_run=each_run)
    if len(parts) == 1:
        yield Point((sweep.name, _first(apart, parts[0])), sweep, parts[0])
        return
    yield Point((sweep.name, ""), sweep, None)
    for part in parts:
        named = _first(own, part) or f"seed {part['seed'].iloc[0]}"
        yield Point((INDENT + named, _first(apart, part)), sweep, part)


def _first(cells: pd.DataFrame, part: pd.DataFrame) -> str:
    return described(dict(zip(map(str, cells), cells.loc[part.index[0]], strict=True)))


def _parts(runs: pd.DataFrame, *, each_run: bool) -> list[pd.DataFrame]:
    axes = varying(runs)
    if each_run:
        return [runs.iloc[[at]] for at in range(len(runs))]
    return [p for _, p in runs.groupby(axes, sort=False, dropna=False)] if axes else [runs]


def curves_of(layers: pd.DataFrame, column: str) -> dict[int, np.ndarray]:
    """A column of layers.csv by run."""
    if column not in layers:
        return {}
    return {int(run): part[column].to_numpy() for run, part in layers.groupby("run")}  # type: ignore[arg-type]
