"""What was measured, layer by layer: a curve for every point of a spec, over its seeds."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from initlab.catalog.columns import COLUMNS, columns
from initlab.errors import UnknownName
from initlab.report.figure import Array, Axis, Band, Figure, Line, Panel
from initlab.report.figures.choice import Choice, choose
from initlab.report.figures.crowd import crowd, crowd_note
from initlab.report.figures.labels import axes_of, fields_of, labels
from initlab.report.figures.onsets import onset_rules

#: what theory says of a column; of grad_std the ratio to the last layer's
PREDICTED = {
    "std": "predicted_std",
    "pre_std": "predicted_pre_std",
    "grad_std": "predicted_grad_std",
    "cosine": "predicted_cosine",
}
BAND = ("predicted_std_p10", "predicted_std_p90")  # of std
#: shares, cosines and what may be negative; all others are sizes, which are compared by ratios
LINEAR = (
    "pre_mean", "mean", "zero_fraction", "saturated_fraction", "finite_fraction", "cosine",
    "predicted_cosine", "surprise",
)  # fmt: skip
MOST_LINES = 40  # of a figure; beyond, quantiles of them
MOST_PREDICTED = 12  # lines of a panel that have room for a prediction beside them
MOST_STRONG = 3  # lines of one label that are drawn at full strength


@dataclass(frozen=True)
class Sweep:
    """The published tables of one results folder; of `layers` those columns that are needed."""

    name: str
    runs: pd.DataFrame
    layers: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Curve:
    """One point of a spec: median and 10 to 90 % of its seeds at every layer; nan is a gap."""

    label: str
    panel: str
    middle: Array
    low: Array
    high: Array
    predicted: Array
    band: tuple[Array, Array] | None
    runs: tuple[int, ...]

    @property
    def layers(self) -> Array:
        """0, 1, 2, ..."""
        return np.arange(len(self.middle), dtype=float)


def check_column(y: str) -> None:
    """Raises UnknownName unless `y` is a number that layers.csv has for every layer."""
    known = [n for n in columns("layers") if COLUMNS[n].group != "key"]
    if y not in known:
        raise UnknownName("column of layers.csv", y, known, "initlab list statistics")


def columns_needed(y: str) -> list[str]:
    """The columns of layers.csv that a figure of `y` needs."""
    theory = [PREDICTED[y]] if y in PREDICTED else []
    return list(dict.fromkeys(["run", "layer", y, *theory, *(BAND if y == "std" else ())]))


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
    """
    check_column(y)
    runs, values = joined(sweeps, columns_needed(y))
    chosen = choose(runs, color, facet)
    curves = _curves(runs, values, chosen, y)
    axes = Axis("layer"), Axis(_title(y), log=y not in LINEAR)
    names = labels(runs, [axis for axis in axes_of(runs) if axis not in chosen.facet])
    onsets = runs["nan_onset"].to_numpy(float)
    panels, told = [], []
    for title in dict.fromkeys(curve.panel for curve in curves) or [""]:
        shown = [curve for curve in curves if curve.panel == title]
        if len(curves) > MOST_LINES:
            (lines, bands), notes = crowd(shown, runs, names), [crowd_note(curves)]
        else:
            lines, bands, notes = _drawn(shown)
        rules, late = onset_rules(shown, onsets)
        panels.append(Panel(title, *axes, tuple(lines), tuple(bands), tuple(rules)))
        told += [*notes, *late]
    notes = [*_meaning(panels, curves, y), *told, *_missing(runs, values[y], y)]
    name = sweeps[0].name if len(sweeps) == 1 else f"{len(sweeps)} sweeps"
    return Figure(f"{name}: {y} by layer", tuple(panels), tuple(dict.fromkeys(notes)))


def joined(sweeps: Sequence[Sweep], wanted: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Array]]:
    """The runs of all sweeps, and each column of their layers as an array (runs, layers).

    What a run has no row for is nan. With several sweeps, runs have the column `spec`.
    """
    tables = [s.runs.assign(spec=s.name) if len(sweeps) > 1 else s.runs for s in sweeps]
    runs = pd.concat(tables, ignore_index=True)
    if len(sweeps) > 1:
        runs = runs[["spec", *(name for name in runs.columns if name != "spec")]]
        runs = runs[_key_last(runs)]
    depth = max((int(s.layers["layer"].max()) + 1 for s in sweeps if len(s.layers)), default=0)
    values = {n: np.full((len(runs), depth), np.nan) for n in wanted if n not in ("run", "layer")}
    start = 0
    for sweep in sweeps:
        numbers = pd.Series(np.arange(start, start + len(sweep.runs)), index=sweep.runs["run"])
        kept = sweep.layers["run"].isin(numbers.index).to_numpy()
        row = numbers.reindex(sweep.layers["run"][kept]).to_numpy()
        at = row, sweep.layers["layer"].to_numpy()[kept]
        for name, array in values.items():
            array[at] = sweep.layers[name].to_numpy(float)[kept]
        start += len(sweep.runs)
    return runs, values


def _key_last(runs: pd.DataFrame) -> list[str]:
    """Columns with every field of a spec between `run` and `seed`, whichever sweep it is from."""
    names = [str(name) for name in runs.columns]
    after = names[names.index("seed") :]
    late = [name for name in after if name not in columns("runs")]
    return [*names[: names.index("seed")], *late, *(name for name in after if name not in late)]


def _curves(runs: pd.DataFrame, values: dict[str, Array], chosen: Choice, y: str) -> list[Curve]:
    names, panels = labels(runs, chosen.color), labels(runs, chosen.facet)
    points = runs.groupby(fields_of(runs), sort=False, dropna=False).ngroup().to_numpy()
    found = []
    for point in range(int(points.max(initial=-1)) + 1):
        at = np.flatnonzero(points == point)
        middle, low, high = _quantiles(values[y][at])
        predicted = _predicted(values, at, y)
        band = None
        if y == "std":
            band = (_known(values[BAND[0]][at]), _known(values[BAND[1]][at]))
        found.append(
            Curve(
                names.iloc[at[0]], panels.iloc[at[0]], middle, low, high, predicted, band,
                tuple(at.tolist()),
            )
        )  # fmt: skip
    return found


def _quantiles(values: Array) -> Array:
    """10, 50 and 90 % over runs (first axis), of those that have a number."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no run has a number there, or only infinite ones
        return np.asarray(np.nanquantile(values, (0.5, 0.1, 0.9), axis=0))


def _known(values: Array) -> Array:
    """What theory says at every layer, the same for all seeds, from whichever got so far."""
    found = np.full(values.shape[1], np.nan)
    for row in values:
        found = np.where(np.isnan(found), row, found)
    return found


def _predicted(values: dict[str, Array], at: Array, y: str) -> Array:
    if y not in PREDICTED:
        return np.full(values[y].shape[1], np.nan)
    known = _known(values[PREDICTED[y]][at])
    if y != "grad_std":
        return known
    middle = _quantiles(values[y][at])[0]
    measured = np.flatnonzero(~np.isnan(known) & np.isfinite(middle))
    return known * middle[measured[-1]] if len(measured) else known * np.nan


def _drawn(curves: Sequence[Curve]) -> tuple[list[Line], list[Band], list[str]]:
    """Every curve; where there is room, its spread and its prediction."""
    lines, bands = [], []
    counts = Counter(curve.label for curve in curves)
    few = len(curves) <= MOST_PREDICTED and max(counts.values(), default=0) <= MOST_STRONG
    for curve in curves:
        x = curve.layers
        lines.append(Line(curve.label, x, curve.middle, faint=not few))
        if few and len(curve.runs) > 1:
            bands.append(Band(curve.label, x, curve.low, curve.high))
        if few and not np.isnan(curve.predicted).all():
            lines.append(Line(curve.label, x, curve.predicted, dashed=True))
        if few and curve.band is not None and not np.isnan(curve.band).all():
            bands.append(Band(curve.label, x, *curve.band, predicted=True))
    known = any(not np.isnan(curve.predicted).all() for curve in curves)
    return lines, bands, ["Predictions are left out: too many lines."] if known and not few else []


def _meaning(panels: Sequence[Panel], curves: Sequence[Curve], y: str) -> list[str]:
    """What measured and predicted lines are, and their bands."""
    notes = []
    seeds = max((len(curve.runs) for curve in curves), default=0)
    bands = [band.predicted for panel in panels for band in panel.bands]
    if seeds > 1 and len(curves) <= MOST_LINES:
        spread = "; the spread is 10 to 90 % of them" if False in bands else ""
        notes.append(f"Measured: median over {seeds} seeds{spread}.")
    if any(line.dashed for panel in panels for line in panel.lines):
        scaled = ", times the last layer's measured" if y == "grad_std" else ""
        networks = "; its band holds 80 % of networks this wide" if True in bands else ""
        notes.append(f"Predicted: at infinite width{scaled}{networks}.")
    return notes


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
