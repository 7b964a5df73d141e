"""One line a point, over its seeds: what `sweep` and `show` print."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from initlab.catalog.columns import STREAM_RMS
from initlab.report.labels import varying
from initlab.report.remarks import remarks, shortened
from initlab.report.selection import unknown_column
from initlab.report.statistics import is_ok, on_stream, seed_count
from initlab.report.sweeps import Sweep
from initlab.report.tables.columns import Column, Summary
from initlab.report.tables.measures import (
    INSIDE,
    MARKS,
    MEASURES,
    NAMES,
    OUTSIDE,
    PICTURES,
    Measure,
    measured,
    verdict,
)
from initlab.report.tables.points import (
    Points,
    cells_of,
    heading,
    medians,
    points_of,
)
from initlab.report.tables.shared import described
from initlab.report.tables.sparkline import scale, sparkline

EXTRA = 9  # from this rank on a measure is shown only where nothing is narrowed for it
MOST_BARS = 12
VERDICTS = ("forward", "backward")
PREDICTIONS = ("predicted", "band", "pred ratio", "ratio band")
MOST_SILENCES = 6
NETWORK_RANK = 8  # of the column that says how sweeps differ
FIRST_SUM = "Of residual networks, the end of the first block stands for layer 0."
MOST_TITLES = 20  # of sweeps, below a table of several


def column_names(sweeps: Sequence[Sweep]) -> list[str]:
    """What `--columns` can name in a table: its own columns, then those of runs.csv."""
    return list(dict.fromkeys([*NAMES, *(str(name) for sweep in sweeps for name in sweep.runs)]))


def summarise(
    sweeps: Sequence[Sweep], *, unicode: bool = True, columns: Sequence[str] = ()
) -> Summary:
    """A table of one sweep, or one that compares several.

    Args:
        sweeps: with `run`, `layer`, `std` and `grad_std` of layers.csv at least.
        unicode: draw sparklines with block characters, else with ASCII.
        columns: those of `column_names` that are shown, in this order, after what names a point
            and is not among them; else all. With `run` or `seed` a row is a run, not a point.

    Raises:
        UnknownName: no such column.
    """
    points = points_of(sweeps, each_run=not {"run", "seed"}.isdisjoint(columns))
    naming = {column.name: column for column in _naming(points)}
    named = {column.name: column for column in _shown(sweeps, points, columns, unicode=unicode)}
    shown = [naming.pop(name, column) for name, column in named.items()]
    several = len(sweeps) > 1
    notes = [line for sweep in sweeps for line in _remarks(sweep, named=several)]
    titles = [sweep.title for sweep in sweeps] if several and len(sweeps) <= MOST_TITLES else []
    return Summary(
        (*naming.values(), *shown),
        title=f"{len(sweeps)} sweeps" if several else sweeps[0].title,
        subtitle=heading(sweeps),
        notes=() if columns else tuple(shortened(notes)),
        titles=tuple(titles),
        dim_notes=(*_about_seeds(points, shown), *_silences(sweeps, shown)),
        sections=points.sections,
        more="--wide, --columns",
    )


def _naming(points: Points) -> list[Column]:
    """The columns that tell points apart, of which only how sweeps differ may be left out."""
    cells = list(zip(*(point.labels for point in points.rows), strict=True))
    columns = [
        Column(name, texts, number=all(map(_is_number, texts)))
        for name, texts in zip(points.header, cells, strict=True)
        if any(texts)
    ]
    if points.header[:1] != ("spec",) or len(columns) < 2:
        return columns
    return [columns[0], replace(columns[1], rank=NETWORK_RANK, instead=_networks(points))]


def _networks(points: Points) -> tuple[str, ...]:
    """How sweeps differ, where there is no column for it."""
    said = dict.fromkeys(f"{p.sweep.name} {p.labels[1]}" for p in points.rows if p.labels[1])
    return (f"networks: {'; '.join(said)}.",) if len(said) <= MOST_TITLES else ()


def _is_number(text: str) -> bool:
    return text.replace(".", "").replace("-", "").replace("e", "").isdigit()


def _shown(
    sweeps: Sequence[Sweep], points: Points, names: Sequence[str], *, unicode: bool
) -> list[Column]:
    """All measures and pictures, or those that are named; in the order of their names."""
    measures = dict(zip(NAMES, MEASURES, strict=False))  # the pictures come last
    columns = []
    for name in names or (*measures, *PICTURES):
        if name in PICTURES:
            columns.append(_picture(name, points, unicode=unicode))
        elif name in measures:
            columns.append(_measured(measures[name], points))
        elif name in column_names(sweeps):
            columns.append(_measured(_as_in_csv(name), points))
        else:
            raise unknown_column(name, column_names(sweeps))
    shown = [c for c in columns if names or any(cell.strip() for cell in c.cells)]
    sums = any("residual" in s.runs and s.runs["residual"].notna().any() for s in sweeps)
    return [_with_sums(column) for column in shown] if sums else shown


def _with_sums(column: Column) -> Column:
    """Of residual networks, what a column that speaks of layer 0 means by it."""
    if not any("layer 0" in line for line in column.legend):
        return column
    return replace(column, legend=(*column.legend, FIRST_SUM))


def _measured(measure: Measure, points: Points) -> Column:
    cells = tuple("" if p.runs is None else measure.cell(p.runs) for p in points.rows)
    marked = any(cell.endswith((INSIDE, OUTSIDE)) for cell in cells)
    legend = tuple(line for line in measure.legend if line != MARKS or marked)
    return Column(
        measure.name, cells, measure.rank, legend, measure.number, extra=measure.rank >= EXTRA
    )


def _as_in_csv(name: str) -> Measure:
    """A column of runs.csv: the median of numbers, the worst of verdicts, else what is there."""

    def cell(part: pd.DataFrame) -> str:
        if name not in part:
            return ""
        if name.endswith("_verdict") or name == "status":
            return verdict(name, part)
        if pd.api.types.is_float_dtype(part[name]):
            return measured(part, name)
        values = [str(value) for value in part[name].dropna().unique()]
        return ", ".join(values) if len(values) < 4 else f"{len(values)} values"

    return Measure(name, 1, cell, number=name not in ("status", "reason"))


def _picture(name: str, points: Points, *, unicode: bool) -> Column:
    rank, column, backward = PICTURES[name]
    lines, streams = (medians(points.rows, name) for name in (column, STREAM_RMS))
    drawn = []
    for line, stream in zip(lines, streams, strict=True):
        at = on_stream(stream, len(line))
        drawn.append(line if at is None else line[at])

    def draw(width: int) -> list[str]:
        return [sparkline(line, width, unicode=unicode, backward=backward) for line in drawn]

    start = "the last layer" if backward else "layer 0"
    legend = (
        f"{name}: {column} over depth, against {start}.",
        scale(unicode=unicode),
    )
    return Column(name, tuple(draw(MOST_BARS)), rank, legend, draw=draw, most=MOST_BARS)


def _remarks(sweep: Sweep, *, named: bool) -> list[str]:
    cells = dict(zip(sweep.runs["run"], cells_of(sweep.runs).to_dict("records"), strict=True))
    lines = remarks(sweep.runs, varying(sweep.runs), lambda run: described(cells[run["run"]]))
    return [f"{sweep.name}: {line}" for line in lines] if named else lines


def _silences(sweeps: Sequence[Sweep], shown: Sequence[Column]) -> list[str]:
    """Why there is no prediction or band, where a table has columns of them."""
    if not any(column.name in PREDICTIONS for column in shown):
        return []
    lines = [
        f"{sweep.name}: {line}" if len(sweeps) > 1 else line
        for sweep in sweeps
        for line in sweep.silences
    ]
    more = len(lines) - MOST_SILENCES
    return [*lines[:MOST_SILENCES], *([f"... and {more} more such lines."] if more > 0 else [])]


def _about_seeds(points: Points, shown: Sequence[Column]) -> list[str]:
    """How several seeds are one number, and what a verdict adds to its word."""
    cells = [cell for column in shown if column.name in VERDICTS for cell in column.cells]
    seeds = seed_count(is_ok(p.runs).sum() for p in points.rows if p.runs is not None)
    lines = [f"Medians over {seeds}."] if seeds else []
    if any("/" in cell for cell in cells):
        lines.append("1/3: of so many runs.")
    if any(cell.startswith("nan ") for cell in cells):
        lines.append("nan at N: the first layer with a non-finite activation.")
    return [" ".join(lines)] if lines else []
