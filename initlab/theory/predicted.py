"""What a prediction of one network holds."""

from dataclasses import dataclass, field
from typing import NamedTuple

from initlab.catalog import LOSSES
from initlab.spec.run import Run
from initlab.theory.initial_loss import LastLayer
from initlab.theory.meanfield import FixedPoints
from initlab.theory.overflow import Limits, starts_as_known
from initlab.theory.quadrature import Array

LARGE = 0.1  # ln E y^2 of outputs from which on softmax(y) knows y


class Layers(NamedTuple):
    """Predictions for every layer of one network, each shape (depth,)."""

    pre_std: Array  # sqrt(q), centred as it is measured
    std: Array  # sqrt(V - E^2): centred, as it is measured
    grad_std: Array  # of dL/dh, relative to the last layer's
    cosine: Array  # mean over pairs of different samples; nan of a batch of one
    weight_grad_std: Array  # of dL/dW, in units of the loss; nan unless asked for, or not known


@dataclass(frozen=True)
class Prediction:
    """What theory says of one network; only `reason` where it says nothing.

    `fixed` holds the fixed points (arrays of one) of its body, the layers that no override is
    about, where these have one activation and the same variances; chi_1 is the gradient's growth a
    layer, with fan_out Var W where fans differ.
    Without `sure_start`, theory does not know the loss's first gradient: `grad_std` is then a
    growth, which may be off by a factor that the last layers make (2.7 was seen). `approximate`
    says why the numbers are not those of infinite width; empty where they are. `last` is the law of
    the last layer, if it was asked for.
    """

    reason: str = ""
    layers: Layers | None = None
    limits: Limits = field(default_factory=Limits)
    fixed: FixedPoints | None = None
    sure_start: bool = True
    approximate: str = ""
    last: LastLayer | None = None

    @property
    def gradient_known(self) -> bool:
        """Whether `grad_std` is a prediction: there is a gradient, and its start is known."""
        return self.sure_start and self.limits.nan_onset is None


def sure_start(run: Run, ln_v: float) -> bool:
    """Whether dL/dy is known: y - t is, and softmax(y) - t while y is small, of an rms of 1."""
    record = LOSSES[run.loss.name]
    if not starts_as_known(run):
        return False
    return record.start is not None and (record.residual or ln_v <= LARGE)
