"""Which scales keep a deep network alive: a search along the edge of chaos."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from initlab.catalog import LOSSES
from initlab.outlook import Outlook, outlook
from initlab.plan import Choice, Run, Share
from initlab.spec import Thresholds
from initlab.theory.critical import edges_of_chaos
from initlab.theory.curves import Curves, curves_of
from initlab.theory.gaussian import Array
from initlab.theory.prediction import Prediction, predict
from initlab.theory.wander import deciles, least_width, steps
from initlab.verdicts import Outcome, result_cells

ALONG = np.arange(-8.0, 5.01, 0.25)  # ln q of the points tried on the edge of chaos
BATCH = 16
BEST = Thresholds(vanishing=1e-3, exploding=1e3)
#: its first gradient knows nothing of the activations, so that gradients grow by chi_1 alone
LOSS = "cross_entropy"


@dataclass(frozen=True)
class Candidate:
    """A pair of scales, as a run, with what theory says of it.

    `loss` is the worst of three: |ln| of the factor by which std changes over the network, of that
    by which the gradient does, and half of -ln(1 - cosine) of samples that started independent. All
    are 0 for a network that hands on everything. `c` is how much gradients stray at finite width.
    """

    sigma_w: float
    sigma_b: float
    run: Run
    prediction: Prediction
    outlook: Outlook
    loss: float
    c: float

    @property
    def holds(self) -> bool:
        """Whether signal and gradient arrive, in this dtype and in 90 % of networks this wide."""
        limits = self.prediction.limits
        lost = (limits.zero_onset, limits.grad_overflow, limits.grad_underflow)
        return (
            self.steady
            and all(layer is None for layer in lost)
            and self.run.shape[0] >= self.least_width
        )

    @property
    def steady(self) -> bool:
        """Whether signal and gradient arrive at infinite width."""
        words = self.outlook.forward, self.outlook.backward
        return words == ("steady", "steady") and math.isfinite(self.loss)

    @property
    def gradient(self) -> tuple[float, float, float]:
        """The 10, 50 and 90 % quantiles of the gradient's std at layer 0, relative to the last."""
        layers = self.prediction.layers
        ratio = float(layers.grad_std[0]) if layers is not None else math.nan
        low, median, high = deciles(self.c, self.run.depth, self.run.shape[0])
        return ratio * math.exp(low), ratio * math.exp(median), ratio * math.exp(high)

    @property
    def least_width(self) -> int:
        """The width from which on 90 % of networks keep a thousandth of the gradient."""
        return least_width(self.c, self.run.depth, -math.log(BEST.vanishing))


def recommend(activation: Choice, *, depth: int, width: int, dtype: str) -> list[Candidate]:
    """Pairs of scales on the edge of chaos, the best first; empty where there is no edge.

    Those without biases come first among equals, as do those that need no large weights.
    """
    curves = curves_of(activation)
    pairs = _on_the_edge(curves)
    runs = [a_run(activation, w, b, depth=depth, width=width, dtype=dtype) for w, b in pairs]
    found = [
        judged(curves, w, b, run, prediction)
        for (w, b), run, prediction in zip(pairs, runs, predict(runs), strict=True)
    ]
    return sorted(found, key=lambda c: (not c.holds, round(c.loss, 1), c.sigma_b))


def judged(
    curves: Curves, sigma_w: float, sigma_b: float, run: Run, prediction: Prediction
) -> Candidate:
    """A candidate of a run and what theory says of it."""
    loss, c = _loss(prediction), math.nan
    if math.isfinite(loss) and prediction.layers is not None:
        q = np.square(prediction.layers.pre_std[-1:])
        c = float(steps(curves.activation, q)[0])
    seen = outlook(run, prediction, BEST)
    return Candidate(sigma_w, sigma_b, run, prediction, seen, loss, c)


def _loss(prediction: Prediction) -> float:
    layers = prediction.layers
    if layers is None:
        return math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.log(layers.std[-1] / layers.std[0])
        parts: Sequence[Array] = (
            np.abs(change),
            np.abs(np.log(layers.grad_std[0])),
            -np.log1p(-np.minimum(layers.cosine[-1], 1.0)) / 2,
        )
    worst = max(float(part) for part in parts)
    return worst if not any(math.isnan(float(part)) for part in parts) else math.inf


def _on_the_edge(curves: Curves) -> list[tuple[float, float]]:
    """Stable points (sigma_w, sigma_b): without biases, and along the curve over q."""
    pairs = [(edge.sigma_w, 0.0) for edge in edges_of_chaos(curves, 0.0) if edge.stable]
    point = curves.at(ALONG)
    w2 = np.exp(-point.ln_d)
    b2 = np.exp(ALONG) - w2 * np.exp(point.ln_v)
    chi_q = point.growth * w2 * np.exp(point.ln_v - ALONG)
    for w, b in zip(w2[(b2 > 1e-8) & (chi_q < 1)], b2[(b2 > 1e-8) & (chi_q < 1)], strict=True):
        pairs.append((math.sqrt(w), math.sqrt(b)))
    return pairs


def default(activation: Choice, *, depth: int, width: int, dtype: str) -> Candidate:
    """What torch does unless told otherwise: Var W = Var b = 1 / (3 fan_in)."""
    own = Choice("torch_default")
    run = network(activation, own, own, depth, width, dtype)
    scale = 3**-0.5
    sigma_b = scale / math.sqrt(width)
    return judged(curves_of(activation), scale, sigma_b, run, predict([run])[0])


def measure_once(run: Run) -> tuple[float, float, str, str]:
    """(std of the last layer, gradient ratio, verdicts) of the run as built. Imports torch."""
    from initlab.network.propagate import measure

    (measurement,) = measure(Share(((0, run),))).values()
    cells = result_cells(Outcome("ok", measurement), BEST)
    first, last = cells["grad_std_first"], cells["grad_std_last"]
    ratio = first / last if last else math.nan
    return cells["std_last"], ratio, cells["forward_verdict"], cells["backward_verdict"] or "nan"


def a_run(
    activation: Choice, sigma_w: float, sigma_b: float, *, depth: int, width: int, dtype: str
) -> Run:
    """A network of Var W = sigma_w^2 / fan_in and Var b = sigma_b^2, fed with normal samples."""
    bias = Choice("normal", (("mean", 0.0), ("std", sigma_b))) if sigma_b else None
    return network(
        activation, Choice("lecun_normal", (("gain", sigma_w),)), bias, depth, width, dtype
    )


def network(
    activation: Choice, init: Choice, bias: Choice | None, depth: int, width: int, dtype: str
) -> Run:
    """A run with everything else as a spec has it by default."""
    return Run(
        shape=(width,) * (depth + 1),
        activation=activation,
        init=init,
        bias=bias,
        loss=Choice(LOSS, tuple(LOSSES[LOSS].defaults.items())),
        reduction="mean",
        batch=BATCH,
        input=Choice("normal", (("mean", 0.0), ("std", 1.0))),
        dtype=dtype,
        draws="layered",
        record="both",
        seed=0,
    )
