"""What of a figure can be drawn: finite values, positive ones on a log axis; the rest is told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from initlab.report.figure import Array, Axis, Band, Figure, Grid, Line, Panel

MOST_POINTS = 5_000  # of all lines of a figure
MOST_LEFT_OUT = 4  # lines whose left-out values are told one by one


def drawable(figure: Figure) -> Figure:
    """The same figure with lines and bands that have no gaps, and notes of what is left out.

    A line is cut into pieces where it has no value that its axes can show: not finite, or not
    positive on a log axis. Where there are more than MOST_POINTS points, lines are drawn at every
    k-th of them and at their ends. Cells of a grid that cannot be shown are nan, and have a mark.
    """
    left_out: list[LeftOut] = []
    of_grids: list[str] = []
    panels: list[Panel | Grid] = []
    for panel in figure.panels:
        if isinstance(panel, Grid):
            panels.append(_drawable_grid(panel, of_grids))
        else:
            prefix = f"{panel.title}, " if len(figure.panels) > 1 and panel.title else ""
            panels.append(_drawable_panel(panel, left_out, prefix))
    notes = (*figure.notes, *_told(left_out), *dict.fromkeys(of_grids))
    points = sum(len(line.x) for panel in panels for line in _lines(panel))
    if points > MOST_POINTS:
        step = -(-points // MOST_POINTS)
        panels = [_thinned(panel, step) for panel in panels]
        notes += (f"Lines are drawn at every {_ordinal(step)} of {points:,} points.",)
    return replace(figure, panels=tuple(panels), notes=notes)


def left_out(panel: Panel) -> list[str]:
    """Notes of what of a panel's lines its axes cannot show."""
    found: list[LeftOut] = []
    _drawable_panel(panel, found)
    return list(_told(found))


@dataclass(frozen=True)
class LeftOut:
    """Values of one line that its axes cannot show: 0, negative, infinite or nan, as `why` says."""

    label: str
    why: str
    count: int
    at: tuple[float, float]  # first and last x
    x: Axis
    log: bool
    everything: bool  # nothing of the line can be shown

    def __str__(self) -> str:
        first, last = (f"{x:g}" for x in self.at)
        where = f"{self.x.title} {first}" + (f" to {last}" if last != first else "")
        what = f"all {self.count:,} values are" if self.everything else f"{self.count:,} values are"
        what = what if self.count > 1 else "1 value is"
        axis = (
            ", which a log axis cannot show" if self.log and self.why in ("0", "negative") else ""
        )
        return f"{self.label}: {what} {self.why} ({where}){axis}"


def _told(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """A note for every line, or for the first few and one for the others."""
    yield from map(str, left_out[:MOST_LEFT_OUT])
    others = left_out[MOST_LEFT_OUT:]
    if others:
        counts: Counter[str] = Counter()
        for one in others:
            counts[one.why] += one.count
        values = ", ".join(f"{count:,} values that are {why}" for why, count in counts.items())
        count = len({one.label for one in others})
        lines = "1 more line leaves" if count == 1 else f"{count:,} more lines leave"
        yield f"{lines} out {values}"


def _drawable_panel(panel: Panel, left_out: list[LeftOut], prefix: str = "") -> Panel:
    lines: list[Line] = []
    for line in panel.lines:
        kept = shown(line.x, panel.x) & shown(line.y, panel.y)
        name = prefix + (line.label or "measured") + (" (predicted)" if line.dashed else "")
        left_out += _reasons(name, line.x, line.y, kept, panel)
        lines += [replace(line, x=line.x[at], y=line.y[at]) for at in _pieces(kept)]
    bands: list[Band] = []
    for band in panel.bands:
        kept = shown(band.x, panel.x) & shown(band.low, panel.y) & shown(band.high, panel.y)
        bands += [
            replace(band, x=band.x[at], low=band.low[at], high=band.high[at])
            for at in _pieces(kept)
        ]
    rules = tuple(
        rule
        for rule in panel.rules
        if (rule.x is None or shown(np.array(rule.x), panel.x))
        and (rule.y is None or shown(np.array(rule.y), panel.y))
    )
    return replace(panel, lines=tuple(lines), bands=tuple(bands), rules=rules)


def _drawable_grid(grid: Grid, notes: list[str]) -> Grid:
    """A grid of numbers in places that its axes can show; other values are nan, with a mark."""
    x, y = (
        np.ones(len(at), dtype=bool) if named(at) else shown(at, axis)
        for at, axis in ((grid.xs, grid.x), (grid.ys, grid.y))
    )
    values = np.asarray(grid.values, float)[np.ix_(y, x)]
    given = None if grid.marks is None else grid.marks[np.ix_(y, x)]
    marks = np.full(values.shape, "", dtype=object) if given is None else given.copy()
    marks[shown(values, grid.value)] = ""
    with np.errstate(invalid="ignore"):
        marks[grid.value.log & (values == 0)] = "0"
        marks[grid.value.log & (values < 0)] = "< 0"
        marks[np.isinf(values)] = "inf"
    told = {"0": "drawn as the lowest", "inf": "drawn as the highest", "< 0": "not drawn"}
    for why, how in told.items():
        count = int((marks == why).sum())
        if count and grid.value.log:
            cells = "1 cell is" if count == 1 else f"{count:,} cells are"
            notes.append(f"{grid.value.title}: {cells} {why}, {how}.")
    values = np.where(shown(values, grid.value), values, np.nan)
    contours = _drawable_panel(Panel("", grid.x, grid.y, grid.contours), []).lines
    return replace(
        grid, xs=grid.xs[x], ys=grid.ys[y], values=values, marks=marks, contours=contours
    )


def named(places: Array) -> bool:
    """Whether the places of an axis are names, not numbers."""
    return places.dtype.kind in "UO"


def shown(values: Array, axis: Axis) -> Array:
    """Which values an axis can show."""
    values = np.asarray(values, float)
    finite = np.isfinite(values)
    return np.asarray(finite & (values > 0) if axis.log else finite)


def _reasons(label: str, x: Array, y: Array, kept: Array, panel: Panel) -> Iterator[LeftOut]:
    """What keeps values of a line from being shown. A nan at its end is where the line ends."""
    everything = len(y) > 0 and not kept.any()
    ended = np.arange(len(y)) > np.flatnonzero(kept).max(initial=-1)
    with np.errstate(invalid="ignore"):
        reasons = {
            "0": panel.y.log & (y == 0),
            "negative": panel.y.log & (y < 0) & np.isfinite(y),
            "infinite": np.isinf(y),
            "nan": np.isnan(y) & (everything | ~ended),
        }
    for why, lost in reasons.items():
        at = x[lost & ~kept]
        if len(at):
            ends = (float(np.min(at)), float(np.max(at)))
            whole = bool(everything and len(at) == len(y))
            yield LeftOut(label, why, len(at), ends, panel.x, panel.y.log, whole)


def _pieces(kept: Array) -> Iterator[slice]:
    """Runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(int)))
    for start, stop in edges.reshape(-1, 2):
        yield slice(int(start), int(stop))


def _lines(panel: Panel | Grid) -> tuple[Line, ...]:
    return panel.lines if isinstance(panel, Panel) else ()


def _thinned(panel: Panel | Grid, step: int) -> Panel | Grid:
    if isinstance(panel, Grid):
        return panel
    lines = tuple(replace(a, x=_every(a.x, step), y=_every(a.y, step)) for a in panel.lines)
    bands = tuple(
        replace(b, x=_every(b.x, step), low=_every(b.low, step), high=_every(b.high, step))
        for b in panel.bands
    )
    return replace(panel, lines=lines, bands=bands)


def _every(values: Array, step: int) -> Array:
    """Every step-th value, and the last one."""
    last = len(values) - 1
    return values[[*range(0, last, step), last]] if len(values) else values


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number // 10 % 10 != 1 else 0, "th")
    return f"{number}{ending}"
