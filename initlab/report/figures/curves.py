"""Curves of published tables: what was measured and predicted, layer by layer, over seeds."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from initlab.catalog.columns import columns
from initlab.report.figure import Array
from initlab.report.figures.choice import Choice
from initlab.report.labels import fields_of, labels

#: what theory says of a column; of grad_std the ratio to the last layer's
PREDICTED = {
    "std": "predicted_std",
    "pre_std": "predicted_pre_std",
    "grad_std": "predicted_grad_std",
    "cosine": "predicted_cosine",
}
BAND = ("predicted_std_p10", "predicted_std_p90")  # of std


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


def columns_needed(y: str) -> list[str]:
    """The columns of layers.csv that a figure of `y` needs."""
    theory = [PREDICTED[y]] if y in PREDICTED else []
    return list(dict.fromkeys(["run", "layer", y, *theory, *(BAND if y == "std" else ())]))


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


def curves_of(runs: pd.DataFrame, values: dict[str, Array], chosen: Choice, y: str) -> list[Curve]:
    """A curve of `y` for every point, of those runs of it that are done.

    Args:
        runs: and
        values: as `joined` gives them.
        chosen: what names curves and their panels.
        y: the column.
    """
    names, panels = labels(runs, chosen.color), labels(runs, chosen.facet)
    points = runs.groupby(fields_of(runs), sort=False, dropna=False).ngroup().to_numpy()
    done = (runs["status"] == "ok").to_numpy()
    found = []
    for point in range(int(points.max(initial=-1)) + 1):
        everyone = np.flatnonzero(points == point)
        at = everyone[done[everyone]]
        middle, low, high = _quantiles(values[y][at])
        predicted = _predicted(values, at, y)
        band = None
        if y == "std":
            band = (_known(values[BAND[0]][at]), _known(values[BAND[1]][at]))
        label, panel = names.iloc[everyone[0]], panels.iloc[everyone[0]]
        measured = tuple(at.tolist())
        found.append(Curve(label, panel, middle, low, high, predicted, band, measured))
    return found


def _quantiles(values: Array) -> Array:
    """50, 10 and 90 % over runs (first axis), of those that have a number."""
    if not len(values):
        return np.full((3, values.shape[1]), np.nan)
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


def seed_count(curves: Sequence[Curve]) -> str:
    """How many seeds curves have: "5 seeds", "3 to 5 seeds"; "" if none has more than one."""
    counts = {len(curve.runs) for curve in curves} - {0}
    if max(counts, default=0) < 2:
        return ""
    least, most = min(counts), max(counts)
    return f"{most} seeds" if least == most else f"{least} to {most} seeds"
