"""A number of every run over two axes of a sweep, with what theory says drawn over it."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from initlab.catalog.columns import COLUMNS
from initlab.errors import InputError, UnknownName
from initlab.report.figure import Array, Axis, Figure, Grid, Line
from initlab.report.figures.cells import Cells, Places
from initlab.report.figures.contours import contour
from initlab.report.figures.run_numbers import RATIOS, Numbers, numbers_of
from initlab.report.labels import axes_of, fields_of, labels, texts_of

#: numbers whose distance from 1 matters, either way
AROUND_ONE = (*RATIOS, "chi_1", "predicted_grad_std")
GRADIENT = ("backward_ratio", "grad_std_first", "grad_std_last", "predicted_grad_std")
#: what the contours are, of a number of the signal and of one of the gradient
DEEPER = "; depth = 6 xi_c, beyond which a network is hard to train"
LINES = (
    f"Lines are theory's: the edge of chaos{DEEPER}.",
    f"Lines are theory's: where the gradient keeps its size{DEEPER}.",
)
#: all other columns are sizes, which are compared by their ratios
LINEAR = ("nan_onset", "predicted_nan_onset", "predicted_cosine", "surprise")
MOST_PANELS = 4
DEEP = 6.0  # xi_c, beyond which a network is hard to train (Schoenholz et al. 2017, sec. 4)


def heat(runs: pd.DataFrame, x: str, y: str, value: str) -> Figure:
    """The median over seeds of a column of runs.csv, or of one of RATIOS, for every (x, y).

    Further axes of the sweep have a panel for each of their values, up to MOST_PANELS; beyond, the
    median is over them, too.

    Args:
        runs: runs.csv.
        x: a field of the spec, or the last part of its name, where it is the only one: `gain` for
            `init.gain`.
        y: another one.
        value: the column.

    Raises:
        UnknownName: no such field or column.
        InputError: x is y, or there are no runs.
    """
    across, up = field(runs, x), field(runs, y)
    if across == up:
        raise InputError(f"--heat {x},{y}: needs two different fields", "--heat sigma_w,depth")
    if runs.empty:
        raise InputError("there are no runs to draw", "initlab sweep SPEC")
    numbers = numbers_of(runs, value)
    others = [name for name in axes_of(runs) if name not in (across, up)]
    panels = labels(runs, others)
    apart = panels.nunique() <= MOST_PANELS
    panels = panels if apart else panels.map(lambda _: "")
    xs, ys = Places(_values(runs, across)), Places(_values(runs, up), down=True)
    log = value not in LINEAR and not bool((numbers.measured < 0).any())  # a loss may be negative
    grids, mixed = [], 0
    for title in panels.unique():
        cells = Cells(runs[panels == title], xs, ys)
        values, marks = cells.shown(numbers)
        mixed += cells.mixed(numbers)
        grids.append(
            Grid(
                title,
                Axis(across, log=xs.log),
                Axis(up, log=ys.log),
                Axis(_titled(value), log=log),
                xs.all,
                ys.all,
                values,
                contours=tuple(_theory(cells, value)),
                center=1.0 if value in AROUND_ONE else None,
                marks=marks,
            )
        )
    notes = _notes(runs, numbers, value, [] if apart else others, mixed)
    lines = _told_lines(runs, value) if any(grid.contours for grid in grids) else ()
    return Figure(f"{value} over {across} and {up}", tuple(grids), (*notes, *lines))


def field(runs: pd.DataFrame, name: str) -> str:
    """The field of a spec that a name or the last part of one means; an axis where several do."""
    known = fields_of(runs)
    if name in known:
        return name
    meant = [n for n in known if n.rpartition(".")[2] == name]
    meant = [n for n in meant if n in axes_of(runs)] if len(meant) > 1 else meant
    if len(meant) != 1:
        raise UnknownName("field of the spec", name, [*known, *_short_names(known)])
    return meant[0]


def _short_names(fields: Sequence[str]) -> list[str]:
    return [name.rpartition(".")[2] for name in fields if "." in name]


def _values(runs: pd.DataFrame, field: str) -> pd.Series:
    """A field of every run: numbers, or texts where a run has none."""
    numeric = pd.api.types.is_numeric_dtype(runs[field]) and not runs[field].isna().any()
    return runs[field] if numeric else texts_of(runs, field)


def _theory(cells: Cells, value: str) -> Iterator[Line]:
    """Where theory puts the edge, and the depth beyond which signals do not reach."""
    if cells.x.named or cells.y.named:
        return
    runs = cells.runs
    name, told = (
        ("predicted_grad_std", "predicted ratio 1") if value in GRADIENT else ("chi_1", "chi_1 = 1")
    )
    growth = cells.median(runs[name].astype(float))
    depth = cells.median(runs["depth"] / (DEEP * runs["xi_c"].astype(float)))
    with np.errstate(divide="ignore"):
        logs = np.log(growth).clip(-700, 700)  # of 0 and inf, too, something to pass between
    for label, numbers, level in ((told, logs, 0.0), ("depth = 6 xi_c", depth, 1.0)):
        x, y = _contour(cells, numbers, level)
        if len(x):
            yield Line(label, x, y, dashed=label != told)


def _told_lines(runs: pd.DataFrame, value: str) -> Iterator[str]:
    """What the lines are, and where theory has none."""
    yield LINES[value in GRADIENT]
    silent = runs["chi_1"].isna() & (runs["status"] == "ok")
    if silent.any():
        yield f"No lines where theory says nothing: {silent.sum():,} of {len(runs):,} runs."


def _contour(cells: Cells, numbers: Array, level: float) -> tuple[Array, Array]:
    """A contour, which is straight between two cells as the axes show them."""
    xs = np.log(cells.x.all) if cells.x.log else cells.x.all
    ys = np.log(cells.y.all) if cells.y.log else cells.y.all
    x, y = contour(xs, ys, numbers, level)
    return np.exp(x) if cells.x.log else x, np.exp(y) if cells.y.log else y


def _titled(value: str) -> str:
    unit = COLUMNS[value].unit if value in COLUMNS else "1"
    return value if unit in ("1", "-1..1", "0..1", "ratio") else f"{value} ({unit})"


def _notes(
    runs: pd.DataFrame, numbers: Numbers, value: str, over: Sequence[str], mixed: int
) -> Iterator[str]:
    seeds = runs["seed"].nunique()
    medians = [f"{seeds} seeds"] if seeds > 1 else []
    medians += [f"{runs[name].nunique(dropna=False)} values of {name}" for name in over]
    if medians:
        whose = "those whose gradient" if value in GRADIENT else "those that"
        counts = f"; {whose} turned nan count as infinite" if numbers.turned_nan.any() else ""
        yield f"Cells: the median over {' and '.join(medians)}{counts}."
    if value in RATIOS:
        above, below = RATIOS[value]
        yield f"{value}: {above} / {below}."
    for mark, why, lacking in numbers.reasons:
        if lacking.any():
            yield f"{mark}: {why} ({lacking.sum():,} of {len(runs):,} runs)."
    if mixed:
        where = "1 cell" if mixed == 1 else f"{mixed:,} cells"
        yield f"In {where} some runs have no number; the median is over the others."
