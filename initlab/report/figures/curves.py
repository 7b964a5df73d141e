"""Curves of published tables: what was measured and predicted, layer by layer, over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from initlab.catalog.columns import STREAM_RMS
from initlab.report.bands import (
    BANDED,
    band_by_layer,
    band_columns,
    expected_by_layer,
    first_known,
)
from initlab.report.figure import Array
from initlab.report.figures.choice import Choice
from initlab.report.labels import fields_of, labels
from initlab.report.statistics import (
    by_layer,
    counted_by_layer,
    is_ok,
    on_stream,
    quantiles,
    seed_count,
)
from initlab.report.sweeps import Sweep

#: what theory says of a column; of grad_std the ratio to the last layer's
PREDICTED = {
    "std": "predicted_std",
    "pre_std": "predicted_pre_std",
    "grad_std": "predicted_grad_std",
    "cosine": "predicted_cosine",
}
#: columns of what a layer hands on, which at the end of a residual block is the sum
HANDED_ON = ("mean", "std", "rms", "abs_max", "cosine", "grad_std", "grad_rms", "grad_norm",
             "branch_ratio", "stream_grad_rms")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Curve:
    """One point of a spec: median and 10 to 90 % of its seeds at every layer.

    They are infinite where so many have turned nan; nan is a gap. `simulated` is whether the
    prediction is the median of networks of this width. `on_stream` are the layers that end a block.
    """

    label: str
    panel: str
    middle: Array
    low: Array
    high: Array
    predicted: Array
    band: tuple[Array, Array] | None
    runs: tuple[int, ...]
    simulated: bool = False
    on_stream: NDArray[np.int_] | None = None

    @property
    def layers(self) -> Array:
        """0, 1, 2, ..."""
        return np.arange(len(self.middle), dtype=float)

    @property
    def drawn(self) -> NDArray[np.int_]:
        """Layers that a line goes through: those on the stream where there is one."""
        return np.arange(len(self.middle)) if self.on_stream is None else self.on_stream


def columns_needed(y: str) -> list[str]:
    """The columns of layers.csv that a figure of `y` needs."""
    theory = [PREDICTED[y]] if y in PREDICTED else []
    band = band_columns(y) if y in BANDED else ()
    stream = [STREAM_RMS] if y in HANDED_ON else []
    return list(dict.fromkeys(["run", "layer", y, *theory, *band, *stream]))


def values_by_layer(sweeps: Sequence[Sweep], wanted: Sequence[str]) -> dict[str, Array]:
    """Columns of layers.csv, each as an array (runs, layers) of the runs of all sweeps.

    What a run has no row for is nan.
    """
    depths = [int(s.layers["layer"].max()) + 1 for s in sweeps if len(s.layers)]
    depth = max(depths, default=0)
    return {
        name: np.concatenate([by_layer(s.layers, s.runs, name, least=depth) for s in sweeps])
        for name in wanted
        if name not in ("run", "layer")
    }


def curves_of(runs: pd.DataFrame, values: dict[str, Array], chosen: Choice, y: str) -> list[Curve]:
    """A curve of `y` for every point, of those runs of it that are done.

    Args:
        runs: of all sweeps.
        values: of `y` and what theory says of it, from `values_by_layer`.
        chosen: what names curves and their panels.
        y: the column.
    """
    names, panels = labels(runs, chosen.color), labels(runs, chosen.facet)
    points = runs.groupby(fields_of(runs), sort=False, dropna=False).ngroup().to_numpy()
    done, measured = is_ok(runs), counted_by_layer(values[y], runs, y)
    found = []
    for point in range(int(points.max(initial=-1)) + 1):
        everyone = np.flatnonzero(points == point)
        at = everyone[done[everyone]]
        low, middle, high = quantiles(measured[at])
        theory = {name: first_known(array[at]) for name, array in values.items() if name != y}
        ends = middle if y == STREAM_RMS else theory.pop(STREAM_RMS, None)
        stream = on_stream(ends, len(middle))
        predicted, simulated = _predicted(theory, middle, y)
        band = _band(theory, middle, y)
        label, panel = names.iloc[everyone[0]], panels.iloc[everyone[0]]
        own = tuple(at.tolist())
        curve = Curve(label, panel, middle, low, high, predicted, band, own, simulated, stream)
        found.append(curve)
    return found


def _predicted(theory: dict[str, Array], middle: Array, y: str) -> tuple[Array, bool]:
    """What theory says of a point, and whether it is of networks of this width."""
    if y not in PREDICTED:
        return np.full(len(middle), np.nan), False
    known, simulated = theory[PREDICTED[y]], False
    if y in BANDED:
        median = theory[band_columns(y)[1]]
        known, simulated = expected_by_layer(median, known), bool(np.isfinite(median).any())
    return known * _start(known, middle, y), simulated


def _band(theory: dict[str, Array], middle: Array, y: str) -> tuple[Array, Array] | None:
    """Between which values 80 % of networks of this width lie."""
    if y not in BANDED:
        return None
    low, _, high = (theory[name] for name in band_columns(y))
    low, high = band_by_layer(low, high)
    start = _start(low, middle, y)
    return low * start, high * start


def _start(known: Array, middle: Array, y: str) -> float:
    """What is 1 in theory: of a gradient what was measured at the last layer."""
    if y != "grad_std":
        return 1.0
    measured = np.flatnonzero(~np.isnan(known) & np.isfinite(middle))
    return float(middle[measured[-1]]) if len(measured) else np.nan


def seeds_of(curves: Sequence[Curve]) -> str:
    """How many seeds curves have: "5 seeds", "3 to 5 seeds"; "" if none has more than one."""
    return seed_count(len(curve.runs) for curve in curves)
