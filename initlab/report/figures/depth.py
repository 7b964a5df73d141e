"""What was measured, layer by layer: a curve for every point of a spec, over its seeds."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from initlab.catalog.columns import COLUMNS, EXTRA_WITH, STREAMS, columns
from initlab.errors import UnknownName
from initlab.report.figure import Array, Axis, Band, Figure, Line, Panel
from initlab.report.figures.choice import choose
from initlab.report.figures.crowd import crowd, crowd_note
from initlab.report.figures.curves import (
    Curve,
    columns_needed,
    curves_of,
    seeds_of,
    values_by_layer,
)
from initlab.report.figures.onsets import onset_rules
from initlab.report.labels import axes_of, labels
from initlab.report.selection import not_recorded
from initlab.report.statistics import nan_beyond, records
from initlab.report.sweeps import Sweep, joined

#: shares, cosines and what may be negative; all others are sizes, which are compared by ratios
LINEAR = (
    "pre_mean", "mean", "zero_fraction", "saturated_fraction", "finite_fraction", "cosine",
    "predicted_cosine", "surprise", "dead_fraction", "q01", "q25", "q50", "q75", "q99",
)  # fmt: skip
MOST_LINES = 40  # of a figure; beyond, panels of many show quantiles of them
MOST_PREDICTED = 12  # lines of a panel that have room for a prediction beside them
MOST_STRONG = 3  # lines of one label that are drawn at full strength


def check_column(y: str) -> None:
    """Raises UnknownName unless `y` is a number that layers.csv has for every layer."""
    known = [n for n in columns("layers") if COLUMNS[n].group != "key"]
    if y not in known:
        raise UnknownName("column of layers.csv", y, known, "initlab list statistics")


def check_recorded(sweeps: Sequence[Sweep], y: str) -> None:
    """Raises InputError if `y` is a column that specs must ask for, and none of these did."""
    problem, group = not_recorded(y), COLUMNS[y].group
    if problem is None:
        return
    if group in ("gradient_band", *STREAMS):
        there = any(sweep.layers[y].notna().any() for sweep in sweeps)
    else:
        recorded = EXTRA_WITH if group == "extra" else group
        there = any(records(sweep.runs, recorded).any() for sweep in sweeps)
    if not there:
        raise problem


def depth_figure(
    sweeps: Sequence[Sweep], y: str = "std", color: str | None = None, facet: str | None = None
) -> Figure:
    """A column of layers.csv over the layers, measured and predicted.

    Args:
        sweeps: one or more; several of them are an axis named "spec".
        y: the column.
        color: the field whose values have colours; by default what varies.
        facet: the field whose values have panels.

    Raises:
        UnknownName: no such column, or no such field.
        InputError: no run has recorded the column.
    """
    check_column(y)
    check_recorded(sweeps, y)
    runs = joined([sweep.runs for sweep in sweeps], [sweep.name for sweep in sweeps])
    values = values_by_layer(sweeps, columns_needed(y))
    chosen = choose(runs, color, facet)
    curves = curves_of(runs, values, chosen, y)
    axes = Axis("layer"), Axis(_title(y), log=y not in LINEAR)
    names = labels(runs, [axis for axis in axes_of(runs) if axis not in chosen.facet])
    onsets = runs["nan_onset"].to_numpy(float)
    panels: list[Panel] = []
    told: list[str] = []
    crowded: list[Curve] = []
    for title in dict.fromkeys(curve.panel for curve in curves) or [""]:
        shown = [curve for curve in curves if curve.panel == title]
        if len(curves) > MOST_LINES and len(shown) > MOST_PREDICTED:
            lines, bands = crowd(shown, runs, names)
            crowded += shown
        else:
            lines, bands, notes = _drawn(shown)
            told += notes
        rules, late = onset_rules(shown, onsets)
        panels.append(Panel(title, *axes, tuple(lines), tuple(bands), tuple(rules)))
        told += late
    together = set(map(id, crowded))
    few = [curve for curve in curves if id(curve) not in together]
    told = [*([crowd_note(crowded)] if crowded else []), *told]
    notes = [*_meaning(panels, few, y), *told, *_missing(runs, values[y], y)]
    name = sweeps[0].name if len(sweeps) == 1 else f"{len(sweeps)} sweeps"
    heading, notes = f"{name}: {y} by layer", list(dict.fromkeys(notes))
    return Figure(heading, tuple(panels), tuple(notes), _of_bands(panels, curves))


def _drawn(curves: Sequence[Curve]) -> tuple[list[Line], list[Band], list[str]]:
    """Every curve; where there is room, its spread and its prediction."""
    lines, bands = [], []
    counts = Counter(curve.label for curve in curves)
    few = len(curves) <= MOST_PREDICTED and max(counts.values(), default=0) <= MOST_STRONG
    for curve in curves:
        at = curve.drawn
        x = curve.layers[at]
        faint = counts[curve.label] > MOST_STRONG
        lines.append(Line(curve.label, x, nan_beyond(curve.middle)[at], faint=faint))
        if few and len(curve.runs) > 1:
            bands.append(Band(curve.label, x, curve.low[at], curve.high[at]))
        if few and not np.isnan(curve.predicted).all():
            lines.append(Line(curve.label, x, curve.predicted[at], dashed=True))
        if few and curve.band is not None and not np.isnan(curve.band).all():
            low, high = curve.band
            bands.append(Band(curve.label, x, low[at], high[at], predicted=True))
    known = any(not np.isnan(curve.predicted).all() for curve in curves)
    return lines, bands, ["Predictions are left out: too many lines."] if known and not few else []


def _meaning(panels: Sequence[Panel], curves: Sequence[Curve], y: str) -> list[str]:
    """What measured and predicted lines are."""
    notes = []
    seeds = seeds_of(curves)
    if seeds:
        died = any(np.isposinf(curve.high).any() for curve in curves)
        counts = "; those that have turned nan count as infinite" if died else ""
        notes.append(f"Measured: median over {seeds}{counts}.")
    if any(curve.on_stream is not None for curve in curves):
        notes.append("Of residual networks: what their blocks hand on.")
    if any(line.dashed for panel in panels for line in panel.lines):
        scaled = ", times the last layer's measured" if y == "grad_std" else ""
        notes.append(f"Predicted: {_theory(curves)}{scaled}.")
    return notes


def _of_bands(panels: Sequence[Panel], curves: Sequence[Curve]) -> tuple[str, ...]:
    """What the bands hold."""
    predicted = {band.predicted for panel in panels for band in panel.bands}
    those = "seeds" if len(curves) <= MOST_LINES else "curves"
    notes = {
        False: f"Spread: 10 to 90 % of the {those}.",
        True: "Predicted band: 80 % of networks this wide.",
    }
    return tuple(note for kind, note in notes.items() if kind in predicted)


def _theory(curves: Sequence[Curve]) -> str:
    """What predicted lines are of."""
    simulated = {curve.simulated for curve in curves if not np.isnan(curve.predicted).all()}
    if simulated == {True}:
        return "the median network of this width"
    if True in simulated:
        return "the median network of this width where its band is known, else infinite width"
    return "at infinite width"


def _missing(runs: pd.DataFrame, measured: Array, y: str) -> list[str]:
    """What there is nothing of, and which runs are not done."""
    notes = []
    if not len(runs):
        notes.append("Nothing to draw: there are no runs.")
    elif np.isnan(measured).all():
        notes.append(f"Nothing was measured to draw: no run has a {y} that is a number.")
    missing = runs["status"][runs["status"] != "ok"].value_counts()
    notes += [f"{count:,} of {len(runs):,} runs: {status}." for status, count in missing.items()]
    return notes


def _title(y: str) -> str:
    unit = COLUMNS[y].unit
    return y if unit in ("1", "-1..1", "0..1", "loss / 1") else f"{y} ({unit})"
