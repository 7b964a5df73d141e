"""A line a layer, the median over a point's seeds: the table of `--layers` and `--layer`."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from initlab.report.selection import LayerChoice, unknown_column
from initlab.report.statistics import is_ok, seed_count
from initlab.report.sweeps import Sweep
from initlab.report.tables.columns import Column, Summary
from initlab.report.tables.measures import three
from initlab.report.tables.points import Point, Points, heading, medians, points_of
from initlab.report.tables.sparkline import bar, decades

BARRED = ("std", "grad_std")  # columns of layers.csv that have a bar beside them
NEEDED = ("run", "layer")
NETWORK_RANK = 9  # of the column that says how sweeps differ
LEAST_LAYERS = 4  # of a point, where points are left out for it
NAN = "nan"  # of a median that counts as infinite
MOST_BAR = 30  # characters
ALL = "--layer : shows all."


@dataclass(frozen=True)
class _Row:
    """A layer of a point; the first of a point that is shown has its name."""

    point: Point
    layer: int
    first: bool
    cells: pd.DataFrame | None  # of the runs of the point


def layer_summary(
    sweeps: Sequence[Sweep],
    *,
    unicode: bool = True,
    columns: Sequence[str] = (),
    choice: LayerChoice | None = None,
    lines: int | None = None,
) -> Summary:
    """A table of layers, of one sweep or several.

    Args:
        sweeps: with NEEDED and the columns that are shown of layers.csv.
        unicode: draw bars with block characters, else with ASCII.
        columns: of layers.csv, in place of std and grad_std with their bars. With `run` or `seed`
            among them every run has lines of its own.
        choice: the layers that are shown.
        lines: how many lines there should be at most, where there is no choice; layers are left
            out evenly for it, then points.

    Raises:
        UnknownName: no such column.
    """
    points = points_of(sweeps, each_run=not {"run", "seed"}.isdisjoint(columns))
    known = [str(name) for sweep in sweeps for name in sweep.layers]
    for name in columns:
        if name not in known:
            raise unknown_column(name, list(dict.fromkeys(known)))
    measured = [point for point in points.rows if point.runs is not None]
    kept, every, told = _thinned(measured, None if choice else lines)
    by_run = {sweep: _by_run(sweep.layers) for sweep in sweeps}
    rows = [row for p in kept for row in _rows(p, by_run[p.sweep], choice, every)]
    own = [name for name in columns if name not in points.header]  # those name the points already
    shown = [*_shown(rows, own or columns, unicode=unicode)]
    seeds = seed_count(is_ok(point.runs).sum() for point in kept if point.runs is not None)
    told = [*([f"Medians over {seeds}."] if seeds else []), *_signs(shown), *told]
    return Summary(
        (*_naming(points, rows), *shown),
        title=sweeps[0].title if len(sweeps) == 1 else f"{len(sweeps)} sweeps",
        subtitle=heading(sweeps),
        dim_notes=tuple(told),
        more="--wide",
    )


def _signs(shown: Sequence[Column]) -> Iterator[str]:
    """What stands in place of numbers."""
    cells = {cell for column in shown if column.number for cell in column.cells}
    meanings = {
        NAN: "nan: most runs are not finite there, or stopped before",
        "-": "-: not measured, or not known to theory",
    }
    told = [meaning for sign, meaning in meanings.items() if sign in cells]
    if told:
        yield f"{'; '.join(told)}."


def _by_run(layers: pd.DataFrame) -> dict[int, pd.DataFrame]:
    return {int(run): part for run, part in layers.groupby("run", sort=False)}  # type: ignore[arg-type]


def _thinned(points: Sequence[Point], lines: int | None) -> tuple[Sequence[Point], int, list[str]]:
    """The points to show, of how many layers each, and words about what is not shown."""
    depths = [point.depth for point in points]
    if lines is None or sum(depths) <= lines:
        return points, 1, []
    kept = points[: max(1, lines // LEAST_LAYERS)]
    every = 2
    while every < max(depths) - 1 and sum(_lines(d, every) for d in depths[: len(kept)]) > lines:
        every += 1
    shown = ", ".join(map(str, range(0, min(max(depths) - 1, 3 * every), every)))
    told = f"Layers {shown}{', ...' if 3 * every < max(depths) - 1 else ''} and the last"
    if len(kept) < len(points):
        told += f", of the first {len(kept)} of {len(points):,} points"
    return kept, every, [f"{told}. {ALL}"]


def _lines(depth: int, every: int) -> int:
    return len({*range(0, depth, every), depth - 1})


def _rows(
    point: Point, by_run: dict[int, pd.DataFrame], choice: LayerChoice | None, every: int
) -> Iterator[_Row]:
    """The layers of a point that are shown; those that no run reached have no cells."""
    depth, runs = point.depth, [] if point.runs is None else point.runs["run"].tolist()
    own = [by_run[run] for run in runs if run in by_run]
    by_layer = dict(tuple(pd.concat(own).groupby("layer", sort=False))) if own else {}
    wanted = choice.layers(depth) if choice else sorted({*range(0, depth, every), depth - 1})
    for nth, layer in enumerate(wanted):
        yield _Row(point, layer, nth == 0, by_layer.get(layer))


def _naming(points: Points, rows: Sequence[_Row]) -> list[Column]:
    """What tells points apart, said once for each."""
    named = []
    for at, name in enumerate(points.header):
        texts = tuple(row.point.labels[at].strip() if row.first else "" for row in rows)
        if points.header[0] == "spec" and at == 0:
            texts = tuple(_in_full(row) if row.first else "" for row in rows)
        if any(texts):
            named.append(Column(name, texts, NETWORK_RANK if name == "network" else 0))
    return named


def _in_full(row: _Row) -> str:
    """A point of several sweeps, with its sweep's name."""
    label = row.point.labels[0].strip()
    name = row.point.sweep.name
    return name if label == name else f"{name} {label}"


def _shown(rows: Sequence[_Row], columns: Sequence[str], *, unicode: bool) -> Iterator[Column]:
    if columns:
        for at, name in enumerate(columns):
            texts = tuple(_cells(rows, name))
            yield Column(name, texts, at, number=True)
        return
    yield Column("layer", tuple(str(row.layer) for row in rows), number=True)
    for name, rank in zip(BARRED, (0, 1), strict=True):
        numbers = _medians(rows, name)
        if name != "std" and np.isnan(numbers).all():
            continue  # not measured
        texts = tuple(map(_text, numbers))
        yield Column(name, texts, rank, number=True)
        yield _bars(name, numbers, rank + 2, unicode=unicode)


def _bars(name: str, numbers: np.ndarray, rank: int, *, unicode: bool) -> Column:
    between = decades(numbers)

    def draw(width: int) -> list[str]:
        return [bar(number, between, width, unicode=unicode) for number in numbers]

    heading = "1e{}..1e{}".format(*between).replace("1e0", "1")
    legend = ("Bars are logarithmic, between the powers of ten above them.",)
    return Column(
        heading,
        tuple(draw(MOST_BAR)),
        rank,
        legend,
        draw=draw,
        most=MOST_BAR,
        called=f"bars of {name}",
    )


def _medians(rows: Sequence[_Row], name: str) -> np.ndarray:
    """The medians over the runs of each row's point; infinite where most turned nan."""
    points = {id(row.point): row.point for row in rows}
    found = dict(zip(points, medians([*points.values()], name), strict=True))
    own = [(found[id(row.point)], row.layer) for row in rows]
    return np.array([line[layer] if layer < len(line) else math.nan for line, layer in own], float)


def _cells(rows: Sequence[_Row], name: str) -> Iterable[str]:
    """A column of layers.csv: medians of numbers, else what is there."""
    if name == "layer":
        return [str(row.layer) for row in rows]
    if all(_is_float(row.point.sweep.layers, name) for row in rows):
        return map(_text, _medians(rows, name))
    return [
        "-" if row.cells is None or name not in row.cells
        else ", ".join(map(str, row.cells[name].dropna().unique()))
        for row in rows
    ]  # fmt: skip


def _is_float(layers: pd.DataFrame, name: str) -> bool:
    return name not in layers or pd.api.types.is_float_dtype(layers[name])


def _text(number: float) -> str:
    return NAN if number == math.inf else three(number)
