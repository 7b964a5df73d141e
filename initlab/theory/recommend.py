"""Which scales keep a deep network alive: a search along the edge of chaos."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from initlab.catalog import LOSSES
from initlab.spec.run import Choice, Run
from initlab.spec.thresholds import Thresholds
from initlab.theory.critical import edges_of_chaos
from initlab.theory.curves import Curves, curves_of
from initlab.theory.diagnosis import Diagnosis, diagnose
from initlab.theory.gains import scheme_of, second_moment
from initlab.theory.predicted import Prediction
from initlab.theory.prediction import predict
from initlab.theory.quadrature import Array
from initlab.theory.random_walk import random_walks

EDGE_LN_Q = np.arange(-8.0, 5.01, 0.25)  # ln q of the points tried on the edge of chaos
WALKED = 4  # candidates, the best at infinite width, whose finite width is looked at
WIDEST = 1 << 16
BATCH = 16
STEADY_THRESHOLDS = Thresholds(vanishing=1e-3, exploding=1e3)
#: its first gradient knows nothing of the activations, so that gradients grow by chi_1 alone
LOSS = "cross_entropy"

Deciles = tuple[float, float, float]  # 10, 50 and 90 % quantiles over networks


@dataclass(frozen=True)
class Candidate:
    """A pair of scales, as a run, with what theory says of it.

    `loss` is the worst of three: |ln| of the factor by which std changes over the network, of that
    by which the gradient does, and half of -ln(1 - cosine) of samples that started independent. All
    are 0 for a network that hands on everything. `std` and `gradient` are, at this width, one
    sample's std at the last layer and its gradient at layer 0 over that at the last; None if not
    looked at.
    """

    sigma_w: float
    sigma_b: float
    run: Run
    prediction: Prediction
    diagnosis: Diagnosis
    loss: float
    critical: bool = True
    std: Deciles | None = None
    gradient: Deciles | None = None

    @property
    def steady(self) -> bool:
        """Whether signal and gradient arrive at infinite width, in this dtype."""
        limits = self.prediction.limits
        lost = (limits.zero_onset, limits.grad_overflow, limits.grad_underflow)
        words = self.diagnosis.forward, self.diagnosis.backward
        return (
            words == ("steady", "steady")
            and all(layer is None for layer in lost)
            and math.isfinite(self.loss)
        )

    @property
    def holds(self) -> bool:
        """Whether they do in nine networks of ten of this width, too."""
        if not self.steady or self.std is None or self.gradient is None:
            return False
        first = float(self.prediction.layers.std[0]) if self.prediction.layers else math.nan
        low = min(self.std[0] / first, self.gradient[0])
        high = max(self.std[2] / first, self.gradient[2])
        return low >= STEADY_THRESHOLDS.vanishing and high <= STEADY_THRESHOLDS.exploding


def recommend(activation: Choice, *, depth: int, width: int, dtype: str) -> list[Candidate]:
    """Pairs of scales, the best first: on the edge of chaos, and one that keeps lengths only.

    Those without biases come first among equals, as do those that need no large weights.
    """
    curves = curves_of(activation)
    pairs = _on_the_edge(curves)
    critical = [True] * len(pairs)
    try:
        pairs.append((second_moment(activation.name, activation.parameters), 0.0))
        critical.append(False)
    except ValueError:  # it has none
        pass
    runs = [scaled_run(activation, w, b, depth=depth, width=width, dtype=dtype) for w, b in pairs]
    found = [
        replace(candidate_of(*pair, run, prediction), critical=on_edge)
        for pair, run, prediction, on_edge in zip(pairs, runs, predict(runs), critical, strict=True)
    ]
    found.sort(key=lambda c: (not c.steady, not c.critical, round(c.loss, 1), c.sigma_b))
    best = [candidate for candidate in found[:WALKED] if candidate.steady]
    found[: len(best)] = with_finite_width(curves, best)
    return sorted(found, key=lambda candidate: not candidate.holds)


def candidate_of(sigma_w: float, sigma_b: float, run: Run, prediction: Prediction) -> Candidate:
    """A candidate of a run and what theory says of it."""
    seen = diagnose(run, prediction, STEADY_THRESHOLDS)
    return Candidate(sigma_w, sigma_b, run, prediction, seen, change(run, prediction))


def with_finite_width(curves: Curves, steady: list[Candidate]) -> list[Candidate]:
    """Candidates of one depth and width, with what finite width does to them."""
    if not steady:
        return []
    run = steady[0].run
    w, b = np.array([[c.sigma_w, c.sigma_b] for c in steady]).T
    ends = random_walks(curves, w, b, run.depth, run.shape[0])
    std, gradient = (np.exp(np.quantile(end, [0.1, 0.5, 0.9], axis=0)).T.tolist() for end in ends)
    return [
        replace(candidate, std=tuple(s), gradient=tuple(g))
        for candidate, s, g in zip(steady, std, gradient, strict=True)
    ]


def least_width(candidate: Candidate) -> int | None:
    """A width, of 2, 4, 8 times its own and so on, at which a steady candidate holds; or None."""
    run, curves = candidate.run, curves_of(candidate.run.activation)
    width = 2 * run.shape[0]
    while width <= WIDEST:
        wider = replace(candidate, run=replace(run, shape=(width,) * (run.depth + 1)))
        if with_finite_width(curves, [wider])[0].holds:
            return width
        width *= 2
    return None


def change(run: Run, prediction: Prediction) -> float:
    """How much a network changes what it hands on: `Candidate.loss`; inf where that is not known.

    Args:
        run: the network; signal and gradient count from the first layer on its stream on.
        prediction: what theory says of it.
    """
    layers, start = prediction.layers, run.stream_start
    if layers is None:
        return math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        parts: Sequence[Array] = (
            np.abs(np.log(layers.std[-1] / layers.std[start])),
            np.abs(np.log(layers.grad_std[start])),
            -np.log1p(-np.minimum(layers.cosine[-1], 1.0)) / 2,
        )
    worst = max(float(part) for part in parts)
    return worst if not any(math.isnan(float(part)) for part in parts) else math.inf


def _on_the_edge(curves: Curves) -> list[tuple[float, float]]:
    """Stable points (sigma_w, sigma_b): without biases, and along the curve over q."""
    pairs = [(edge.sigma_w, 0.0) for edge in edges_of_chaos(curves, 0.0) if edge.stable]
    at = curves.at(EDGE_LN_Q)
    w2 = np.exp(-at.ln_d)
    b2 = np.exp(EDGE_LN_Q) - w2 * np.exp(at.ln_v)
    chi_q = at.growth * w2 * np.exp(at.ln_v - EDGE_LN_Q)
    for w, b in zip(w2[(b2 > 1e-8) & (chi_q < 1)], b2[(b2 > 1e-8) & (chi_q < 1)], strict=True):
        pairs.append((math.sqrt(w), math.sqrt(b)))
    return pairs


def default(activation: Choice, *, depth: int, width: int, dtype: str) -> Candidate:
    """What torch does unless told otherwise: Var W = Var b = 1 / (3 fan_in)."""
    own = Choice("torch_default")
    run = network(activation, own, own, depth, width, dtype)
    scale = 3**-0.5
    return candidate_of(scale, scale / math.sqrt(width), run, predict([run])[0])


def scaled_run(
    activation: Choice, sigma_w: float, sigma_b: float, *, depth: int, width: int, dtype: str
) -> Run:
    """A network of Var W = sigma_w^2 / fan_in and Var b = sigma_b^2, fed with normal samples."""
    bias = Choice("normal", (("mean", 0.0), ("std", sigma_b))) if sigma_b else None
    return network(activation, scheme_of(activation, sigma_w), bias, depth, width, dtype)


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
