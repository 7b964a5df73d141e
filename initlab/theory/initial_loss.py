"""The loss of a network before training, from the law of its last layer.

The outputs are y = phi(z), z ~ N(0, q), independent from neuron to neuron, and the target knows
nothing of them. For a loss of one output and one target, E is a quadrature over both. With C
classes E t_c log softmax(y)_c is the same for every class, so that

    E cross_entropy = E log sum_c e^y_c - E y

whatever the shares of the classes. log sum_c e^y_c is the largest of y_c + g_c, up to Euler's
gamma, where g_c are Gumbel variables (Gumbel 1954): P(y + g < v) = E exp(-e^(y - v)) = M(v), and

    E log sum_c e^y_c = int (1[v > 0] - M(v)^C) dv - gamma

Other losses are simulated, with outputs of that law (`network/initial_loss.py`).
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from initlab.catalog import LOSSES
from initlab.catalog.dtypes import DTYPES
from initlab.catalog.table import load
from initlab.spec.run import LATER, Choice, Run
from initlab.theory.curves import curves_of
from initlab.theory.moments import Activation
from initlab.theory.quadrature import Array, expectations, nodes
from initlab.theory.shifted import shifted
from initlab.theory.shifts import Shift
from initlab.theory.target_law import TargetLaw, ignored_share, target_law

TOLERANCE = 1e-10  # of a panel
STEP, POINTS = 0.125, 3000  # of the integral over v: its step, and how many where q is large
CERTAIN = 40.0  # e^-40 is nothing
LEAST_KEPT = 1e-3  # probability that no sample of a batch is kept, which a mean does not survive
HEAVY = "its mean is carried by outputs that a batch of {n} seldom has"


class LastLayer(NamedTuple):
    """The law of the last layer's pre-activations: N(mean, q), two samples of a correlation.

    `ln_q` is ln q, -inf where all of them are the mean; a `cosine`, the correlation, of nan is not
    known.
    """

    activation: Choice
    ln_q: float
    cosine: float = 0.0
    mean: float = 0.0

    @property
    def shift(self) -> Shift | None:
        """What is added to N(0, q)."""
        return Shift(self.mean, self.mean) if self.mean else None

    @property
    def phi(self) -> Activation:
        """The outputs, of N(0, q)."""
        return shifted(self.activation, self.shift)


@dataclass(frozen=True)
class InitialLoss:
    """The expected loss, as the run reduces it; None with a reason where it is not known.

    `error` is the standard error of a simulation, 0 of what was computed.
    """

    value: float | None
    error: float = 0.0
    reason: str = ""


class _Mean(NamedTuple):
    """E and E of the square of one value of a loss; the latter nan where nobody asks."""

    first: float
    second: float = math.nan


def initial_loss(run: Run, last: LastLayer) -> InitialLoss:
    """The expected loss of a run's network before training.

    Args:
        run: seeds do not matter.
        last: the law of its last layer.
    """
    # of all else that a run is, nothing matters: what does not differ here is computed once
    head = replace(
        run, shape=(1, run.shape[-1]), activation=last.activation, init=Choice(""), bias=None,
        overrides=(), input=Choice(""), draws="layered", record="both", seed=0,
        saturation=LATER["saturation"],
    )  # fmt: skip
    return _initial_loss(head, last)


@lru_cache(4096)
def _initial_loss(run: Run, last: LastLayer) -> InitialLoss:
    if math.isnan(last.ln_q):
        return InitialLoss(None, reason="the last layer's variance is not known")
    record = LOSSES[run.loss.name]
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if record.residual or record.pointwise:
            found = _pointwise(run, last)
        elif record.softmax:
            found = _softmax(run, last)
        else:
            found = load("initlab.network.initial_loss:simulated")(run, last)
    held = DTYPES["float32" if DTYPES[run.dtype].bytes < 4 and not record.half else run.dtype]
    if found.value is not None and not abs(found.value) <= held.largest:
        return InitialLoss(None, reason=f"it is beyond {held.name}, or not finite")
    return found


def _pointwise(run: Run, last: LastLayer) -> InitialLoss:
    """A loss that is a mean or a sum over outputs, each with a target of its own."""
    law, record = target_law(run), LOSSES[run.loss.name]
    if law is None:
        raise ValueError(f"{record.name} is of one output and one target, whose law is not known")
    mean = _square(last, law) if record.residual else _by_quadrature(run, last, law)
    entries = run.batch * run.shape[-1]
    deviation = math.sqrt(max(mean.second - mean.first**2, 0) / entries)
    if deviation > max(abs(mean.first), 1):
        return InitialLoss(None, reason=HEAVY.format(n=run.batch))
    per_sample = run.shape[-1] if record.unit == "value" else 1
    factor = {"mean": 1, "none": per_sample, "sum": run.batch * per_sample}[run.reduction]
    return InitialLoss(factor * mean.first)


def _square(last: LastLayer, law: TargetLaw) -> _Mean:
    """E (y - t)^2 = E y^2 - 2 E y E t + E t^2."""
    at = curves_of(last.activation, last.shift).at(np.array([max(last.ln_q, -1e4)]))
    rms = np.exp(at.ln_v / 2)
    value = rms**2 - 2 * at.mean * rms * law.mean + law.second
    return _Mean(float(value[0]))


def _by_quadrature(run: Run, last: LastLayer, law: TargetLaw) -> _Mean:
    """E and E^2 of a loss over y = phi(z) and t."""
    record, p = LOSSES[run.loss.name], run.loss.parameters
    loss, bits = load(str(record.pointwise)), precision(run.dtype)
    phi = last.phi

    def over_values(y: Array) -> Array:
        value = loss(y[..., None], law.values, p, bits)
        return np.stack([value @ law.shares, value**2 @ law.shares])

    def over_normal(y: Array) -> Array:
        """The target's mean is taken off y; the loss is one of the residual."""
        kinks = [0.0, *(s * v for v in p.values() for s in (-1, 1) if isinstance(v, float))]
        flat = (y - law.mean).ravel()

        def both(x: Array) -> Array:
            value = loss(x, np.zeros(1), p, bits)
            return np.stack([value, value**2])

        found = expectations(both, flat, np.full_like(flat, law.std), kinks, TOLERANCE)
        return found.reshape(2, *y.shape)

    integrand = over_normal if law.std else over_values
    sigma = np.exp(last.ln_q / 2)
    if not sigma:
        return _Mean(*integrand(phi.values(np.zeros(1)))[:, 0].tolist())
    if law.std:  # which leaves nothing of kinks: fixed points will do
        z, weights = nodes(float(sigma), phi.kinks)
        return _Mean(*(integrand(phi.values(z)) @ weights).tolist())
    found = expectations(
        lambda z: integrand(phi.values(z)),
        np.zeros(1),
        np.array([sigma]),
        phi.kinks,
        TOLERANCE,
    )
    return _Mean(*found[:, 0].tolist())


def precision(dtype: str) -> int:
    """Bits of the significand, the hidden one included: 24 of float32."""
    mantissa, _ = math.frexp(DTYPES[dtype].largest)  # 1 - 2^-p
    return round(-math.log2(1 - mantissa)) if mantissa < 1 else 53


def _softmax(run: Run, last: LastLayer) -> InitialLoss:
    """-sum_c t_c log softmax(y)_c, and for a divergence what the entropy of t adds."""
    record, outputs = LOSSES[run.loss.name], run.shape[-1]
    sigma, phi = float(np.exp(last.ln_q / 2)), last.phi
    z, weights = nodes(sigma, phi.kinks) if sigma else (np.zeros(1), np.ones(1))
    y = phi.values(z)
    value = float(log_sum_exp(y, weights, outputs) - y @ weights)
    mass, added = _distribution(run)
    smoothing = run.loss.parameters.get("label_smoothing", 0.0)
    value = value * (smoothing + (1 - smoothing) * mass) + added
    if record.unit == "class":  # whose mean is over the classes, too
        return InitialLoss(
            value * {"mean": 1 / outputs, "none": 1, "sum": run.batch}[run.reduction]
        )
    ignored = ignored_share(run)
    if run.reduction == "mean" and ignored**run.batch > LEAST_KEPT:
        return InitialLoss(None, reason="all samples of a batch may be left out by ignore_index")
    kept = {"mean": 1.0, "none": 1 - ignored, "sum": run.batch * (1 - ignored)}
    return InitialLoss(value * kept[run.reduction])


def _distribution(run: Run) -> tuple[float, float]:
    """What the target of a sample sums to, and sum t log t of a loss that has that; means.

    Of t = softmax(u), u ~ N(0, 1), E sum t log t = E sum t u - E log sum e^u, and by parts
    E sum_c t_c u_c = C E t (1 - t) = C E u e^(u - v) exp(-e^(u - v)) M(v)^(C - 1) over v.
    """
    divergence, rows = LOSSES[run.loss.name].unit == "class", None
    if run.target is not None and run.target.samples is not None:
        rows = run.target.samples.rows
        if rows.shape[1] == 1:
            return 1.0, 0.0
        rows = np.exp(rows) if run.loss.parameters.get("log_target") else rows
        entropy = rows * np.log(np.where(rows > 0, rows, 1.0))
        return float(rows.sum(1).mean()), float(entropy.sum(1).mean()) if divergence else 0.0
    if not divergence or run.target is not None:  # labels, or rows with a single 1
        return 1.0, 0.0
    outputs = run.shape[-1]
    u, weights = nodes(1.0, ())
    v, step = _grid(u, outputs)
    hits = np.exp(u - v[:, None])
    below = (1 + np.expm1(-hits) @ weights).clip(0, 1) ** (outputs - 1)
    along = (u * hits * np.exp(-hits)) @ weights
    product = outputs * step * float(along @ below)
    return 1.0, product - log_sum_exp(u, weights, outputs)


def log_sum_exp(y: Array, weights: Array, outputs: int) -> float:
    """E log sum_c e^y_c of C independent outputs.

    Args:
        y: values of an output, shape (n,).
        weights: their probabilities.
        outputs: C.
    """
    if not np.isfinite(y).all():
        return math.nan
    v, step = _grid(y, outputs)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        below = np.concatenate(
            [
                np.exp(outputs * np.log1p(np.expm1(-np.exp(y - part[:, None])) @ weights))
                for part in np.array_split(v, max(1, len(v) * len(y) // 2**20))
            ]
        )
    # E max = v_last - int P(max < v) dv
    return float(v[-1] - step * (below.sum() - below[-1] / 2) - np.euler_gamma)


def _grid(y: Array, outputs: int) -> tuple[Array, float]:
    """Points from where no largest value lies below them to where all do."""
    start, end = y.min() - math.log(CERTAIN), y.max() + math.log(outputs) + CERTAIN
    count = math.ceil((end - start) / STEP)
    v = np.linspace(start, end, min(max(count, 2), max(POINTS, 2)) + 1)
    return v, float(v[1] - v[0])
