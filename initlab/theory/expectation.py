"""What is expected of a run: theory's prediction and its finite-width band, as columns."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from initlab.catalog.columns import columns
from initlab.formatting import none_if_nan
from initlab.spec.run import Run
from initlab.theory.finite_width import Band, BandPoint
from initlab.theory.predicted import Prediction
from initlab.theory.quadrature import Array
from initlab.theory.random_point import RandomPoint, no_band, normal_variances

if TYPE_CHECKING:
    from initlab.spec.model import Head

#: columns of layers.csv, in their order, and those of runs.csv alone
LAYERS = columns("layers", "predicted")
RUNS = [name for name in columns("runs", "predicted") if name not in LAYERS]
#: those that theory knows without a simulation
PREDICTED = ("predicted_pre_std", "predicted_std", "predicted_grad_std", "predicted_cosine")
#: those that it says of points that ask for more; the loss stands at the last layer
MORE_PREDICTED = ("weight_grad_std", "loss")
#: columns of a band
BAND = ("p10", "p50", "p90", "mean_log", "sd_log")
#: columns of the bands of gradient and cosine, which are asked for
GRADIENT_BAND = columns("layers", "gradient_band")


def band_point(run: Run, gradient: bool = False) -> BandPoint | RandomPoint | None:
    """The band that a run is measured against; None where there is none.

    Args:
        run: of any seed.
        gradient: whether gradient and cosine are to have bands, too.
    """
    variances = None if gradient else normal_variances(run)
    if variances is None:
        return None if no_band(run, gradient) else RandomPoint.of(run, gradient=gradient)
    differing = tuple(layer.activation for layer in run.layers) if run.overrides else ()
    alike = len(set(differing)) == 1
    return BandPoint(
        differing[0] if differing else run.activation,
        variances,
        run.input,
        run.batch,
        run.draw_dtype == "float64",
        () if alike else differing,
    )


def asks_more(run: Run) -> bool:
    """Whether theory is asked for MORE_PREDICTED: of runs that record gradients."""
    return "gradients" in run.extras


def why_no_band(run: Run, head: "Head") -> str:
    """Why a run has no finite-width band; empty where it has one."""
    if not head.band.networks:
        return "band: 0"
    return no_band(run, head.band.gradient)


@dataclass(frozen=True)
class PredictedNumbers:
    """A prediction as numbers, all that is kept of it.

    `run` holds those of the whole network, columns RUNS; `layers` has shape (depth, PREDICTED), nan
    where theory is silent, or is None where it does not hold at all. `more` has columns
    MORE_PREDICTED, where they are asked for.
    """

    run: dict[str, float | int | None] = field(default_factory=lambda: dict.fromkeys(RUNS))
    layers: Array | None = None
    more: Array | None = None

    @classmethod
    def of(cls, prediction: Prediction, loss: float | None = None) -> "PredictedNumbers":
        """What is kept of a prediction; of one that was asked for more, with the first loss."""
        if prediction.layers is None:
            return cls()
        numbers: dict[str, float | int | None] = dict.fromkeys(RUNS)
        numbers["predicted_nan_onset"] = prediction.limits.nan_onset
        if (fixed := prediction.fixed) is not None:
            for name, value in (
                ("predicted_q", fixed.q),
                ("chi_1", fixed.chi_1),
                ("xi_c", fixed.xi_c),
            ):
                numbers[name] = none_if_nan(float(value[0]))
        layers = prediction.layers
        unknown = np.full(len(layers.std), np.nan)
        gradient = layers.grad_std if prediction.gradient_known else unknown
        columns_ = {
            "predicted_pre_std": layers.pre_std,
            "predicted_std": layers.std,
            "predicted_grad_std": gradient,
            "predicted_cosine": layers.cosine,
        }
        more = None
        if prediction.last is not None:
            more = np.stack([layers.weight_grad_std, unknown], axis=1)
            more[-1, 1] = np.nan if loss is None else loss
        return cls(numbers, np.stack([columns_[name] for name in PREDICTED], axis=1), more)


@dataclass(frozen=True)
class Expectation:
    """What is expected of a run, and a band where one was simulated."""

    expected: PredictedNumbers
    band: Band | None = None

    @property
    def asked_layers(self) -> dict[str, Array]:
        """Columns of layers.csv that a spec must ask for, each (depth,); nan is empty."""
        band, found = self.band, dict[str, Array]()
        if band is not None and band.gradient is not None and band.cosine is not None:
            found |= zip(GRADIENT_BAND, [*band.gradient, *band.cosine], strict=True)
        if self.expected.more is not None:
            found["predicted_weight_grad_std"] = self.expected.more[:, 0]
        return found

    def asked_run(self, start: int = 0) -> dict[str, float | None]:
        """The same of runs.csv: of the gradient where it ends, of the cosine at the last layer.

        Args:
            start: the layer at which a gradient ends.
        """
        found = {
            name: none_if_nan(float(column[-1 if "cosine" in name else start]))
            for name, column in self.asked_layers.items()
        }
        if self.expected.more is not None:
            found["predicted_loss"] = none_if_nan(float(self.expected.more[-1, 1]))
        return found

    def layers(self, std: Array) -> Array | None:
        """Columns LAYERS for the layers that were measured, shape (layers, columns); nan is empty.

        Args:
            std: as measured, shape (layers,).
        """
        if self.expected.layers is None and self.band is None:
            return None
        reached, parts = slice(len(std)), {}
        if self.expected.layers is not None:
            parts = dict(zip(PREDICTED, self.expected.layers[reached].T, strict=True))
        if self.band is not None:
            parts |= {
                "predicted_std_p10": self.band.p10[reached],
                "predicted_std_p50": self.band.p50[reached],
                "predicted_std_p90": self.band.p90[reached],
                "surprise": self.band.surprise(std),
            }
        empty = np.full(len(std), np.nan)
        return np.stack([parts.get(name, empty) for name in LAYERS], axis=1)

    def cells(self, std: Array | None, start: int = 0) -> dict[str, Any]:
        """The predicted columns of runs.csv; None where there is nothing.

        Args:
            std: as measured, shape (layers,); None of a run that was not.
            start: the layer at which a gradient ends.
        """
        cells: dict[str, Any] = dict.fromkeys([*RUNS, *LAYERS]) | self.expected.run
        layers = self.expected.layers
        known = self.band.p50 if layers is None and self.band is not None else layers
        if known is None:
            return cells
        ends = np.full(len(known), np.nan)
        ends[: 0 if std is None else len(std)] = std
        table = self.layers(ends)
        if table is not None:
            last = dict(zip(LAYERS, table[-1].tolist(), strict=True))
            if layers is not None:
                place = PREDICTED.index("predicted_grad_std")
                last["predicted_grad_std"] = float(layers[start, place])
            cells |= {name: none_if_nan(value) for name, value in last.items()}
        return cells
