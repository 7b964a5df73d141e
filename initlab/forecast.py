"""What is expected of a run: theory's prediction and its finite-width band, as columns."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from initlab.catalog import SCHEMES
from initlab.catalog.columns import columns
from initlab.catalog.schemes import INDEPENDENT, THEORY
from initlab.cells import known
from initlab.plan import Run
from initlab.theory.band import MOST_SAMPLES, Band, Simulated
from initlab.theory.gaussian import Array
from initlab.theory.laws import Law, laws_of
from initlab.theory.prediction import Prediction

#: columns of layers.csv, in their order, and those of runs.csv alone
LAYERS = columns("layers", "predicted")
RUNS = [name for name in columns("runs", "predicted") if name not in LAYERS]


def simulated(run: Run) -> Simulated | None:
    """The band that a run is measured against; None where there is none."""
    laws = laws_of(run)
    draw = str(SCHEMES[run.init.name].draw(run.init.parameters)[0])
    if isinstance(laws, str) or THEORY[draw] != INDEPENDENT or run.batch > MOST_SAMPLES:
        return None
    return Simulated(run.activation, _rounded(laws), run.input, run.batch, run.dtype == "float64")


@cache
def _rounded(laws: tuple[Law, ...]) -> tuple[Law, ...]:
    """Two schemes of one variance come to it by other roundings; they are to share a band."""
    return tuple(replace(law, weight_variance=float(f"{law.weight_variance:.12g}")) for law in laws)


@dataclass(frozen=True)
class Forecast:
    """A prediction, and a band where one was simulated."""

    prediction: Prediction
    band: Band | None = None

    def layers(self, std: Array) -> Array | None:
        """Columns LAYERS for the layers that were measured, shape (layers, columns); nan is empty.

        Args:
            std: as measured, shape (layers,).
        """
        layers = self.prediction.layers
        if layers is None:
            return None
        reached = slice(len(std))
        parts: dict[str, Array] = {
            "predicted_pre_std": layers.pre_std[reached],
            "predicted_std": layers.std[reached],
            "predicted_cosine": layers.cosine[reached],
        }
        if self.prediction.gradient_known:
            parts["predicted_grad_std"] = layers.grad_std[reached]
        if self.band is not None:
            parts |= {
                "predicted_std_p10": self.band.p10[reached],
                "predicted_std_p50": self.band.p50[reached],
                "predicted_std_p90": self.band.p90[reached],
                "surprise": self.band.surprise(std),
            }
        empty = np.full(len(std), np.nan)
        return np.stack([parts.get(name, empty) for name in LAYERS], axis=1)

    def cells(self, std: Array | None) -> dict[str, Any]:
        """The predicted columns of runs.csv; None where there is nothing.

        Args:
            std: as measured, shape (layers,); None of a run that was not.
        """
        prediction = self.prediction
        cells: dict[str, Any] = dict.fromkeys([*RUNS, *LAYERS])
        if prediction.layers is None:
            return cells
        cells["predicted_nan_onset"] = prediction.limits.nan_onset
        if prediction.fixed is not None:
            fixed = prediction.fixed
            for name, value in (
                ("predicted_q", fixed.q),
                ("chi_1", fixed.chi_1),
                ("xi_c", fixed.xi_c),
            ):
                cells[name] = known(float(value[0]))
        depth = len(prediction.layers.std)
        ends = np.full(depth, np.nan)
        ends[: 0 if std is None else len(std)] = std
        table = self.layers(ends)
        if table is not None:
            last = dict(zip(LAYERS, table[-1].tolist(), strict=True))
            if prediction.gradient_known:
                last["predicted_grad_std"] = float(prediction.layers.grad_std[0])
            cells |= {name: known(value) for name, value in last.items()}
        return cells
