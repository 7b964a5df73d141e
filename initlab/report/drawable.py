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
    k-th of them and at their ends. Cells of a grid that cannot be shown are nan.
    """
    left_out: list[LeftOut] = []
    panels: list[Panel | Grid] = []
    for panel in figure.panels:
        if isinstance(panel, Grid):
            panels.append(_drawable_grid(panel, left_out))
        else:
            prefix = f"{panel.title}, " if len(figure.panels) > 1 and panel.title else ""
            panels.append(_drawable_panel(panel, left_out, prefix))
    notes = (*figure.notes, *_told(left_out))
    points = sum(len(line.x) for panel in panels for line in _lines(panel))
    if points > MOST_POINTS:
        step = -(-points // MOST_POINTS)
        panels = [_thinned(panel, step) for panel in panels]
        notes += (f"Lines are drawn at every {_ordinal(step)} of {points:,} points.",)
    return replace(figure, panels=tuple(panels), notes=notes)


@dataclass(frozen=True)
class LeftOut:
    """Values of one line that its axes cannot show: `why` is "0", "negative", "inf" or "nan"."""

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
        yield f"{len({o.label for o in others}):,} more lines leave out {values}"


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


def _drawable_grid(grid: Grid, left_out: list[LeftOut]) -> Grid:
    values = np.asarray(grid.values, float)
    kept = shown(values, grid.value)
    x, y = shown(grid.xs, grid.x), shown(grid.ys, grid.y)
    if not kept.all():
        column, _ = np.meshgrid(grid.xs, grid.ys)
        panel = Panel(grid.title, grid.x, grid.value, ())
        left_out += _reasons(grid.value.title, column.ravel(), values.ravel(), kept.ravel(), panel)
    values = np.where(kept, values, np.nan)[np.ix_(y, x)]
    contours = _drawable_panel(Panel("", grid.x, grid.y, grid.contours), []).lines
    return replace(grid, xs=grid.xs[x], ys=grid.ys[y], values=values, contours=contours)


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
