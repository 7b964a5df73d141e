"""Where a signal or a gradient leaves the numbers that a dtype can hold.

The largest of n independent normal values of std s is near s t with N(t)^n = 1/2, its median. A
layer overflows when that exceeds the dtype's largest number, and is all zero when even that rounds
to 0: below half of the smallest subnormal.
"""

import math
import statistics
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from initlab.catalog import LOSSES
from initlab.catalog.dtypes import DTYPES
from initlab.catalog.targets import LABELS
from initlab.spec.run import Run
from initlab.theory.curves import Curves
from initlab.theory.layer_curves import LayerCurves
from initlab.theory.moments import Activation
from initlab.theory.quadrature import Array

NORMAL = statistics.NormalDist()


@dataclass(frozen=True)
class Limits:
    """Layer indices; None where nothing happens, or where it is not known.

    Attributes:
        nan_onset: first layer with an activation that is not finite.
        zero_onset: first layer whose activations are all zero.
        grad_overflow: last layer, on the way back, at which the gradient dL/dh overflows.
        grad_underflow: the same where it is all zero.
    """

    nan_onset: int | None = None
    zero_onset: int | None = None
    grad_overflow: int | None = None
    grad_underflow: int | None = None


def limits(run: Run, curves: LayerCurves, ln_q: Array, std: Array, ln_grad: Array) -> Limits:
    """Where a network leaves its dtype.

    Args:
        run: the network.
        curves: those of its layers, which know their activations.
        ln_q: ln of the pre-activations' variance, shape (depth,).
        std: of the activations, shape (depth,).
        ln_grad: ln of the gradient's variance relative to the last layer's, shape (depth,).
    """
    if np.isnan(ln_q).any():  # the activation cannot be resolved there
        return Limits()
    largest, smallest = log_range(run.dtype)
    reach = np.log(largest_of(run.batch * np.array(run.shape[1:], dtype=np.float64)))
    ln_x = ln_q / 2 + reach
    with np.errstate(over="ignore"):
        x = np.exp(np.where(ln_x > largest, np.inf, np.where(ln_x < smallest, -np.inf, ln_x)))
    with np.errstate(invalid="ignore", over="ignore"):
        # not |h| > largest, but its negation: nan counts as well
        h = np.abs(curves.each(_farthest, x))
        over = ~(h <= np.exp(largest)).all(1)
        zero = (h < np.exp(smallest)).all(1) if run.dtype != "float64" else (h == 0).all(1)
    nan_onset, zero_onset = _first(over), _first(zero)
    if nan_onset is not None:
        return Limits(nan_onset=nan_onset)
    if not run.backward:
        return Limits(zero_onset=zero_onset)
    return _back(run, zero_onset, _stopped(run, curves, zero), float(std[-1]), ln_grad)


def block_limits(run: Run, ln_largest: Array, std: float, ln_grad: Array) -> Limits:
    """The same of a network with sums or norms.

    Args:
        run: the network.
        ln_largest: ln of the largest number on the way to a layer's output, shape (depth,).
        std: of what the loss reads.
        ln_grad: ln of the gradient's variance relative to the last layer's, shape (depth,).
    """
    largest, smallest = log_range(run.dtype)
    nan_onset = _first(ln_largest > largest)
    if nan_onset is not None:
        return Limits(nan_onset=nan_onset)
    zero_onset = _first(ln_largest < smallest)
    return _back(run, zero_onset, None, std, ln_grad) if run.backward else Limits(None, zero_onset)


def _back(
    run: Run, zero_onset: int | None, stopped: int | None, std: float, ln_grad: Array
) -> Limits:
    """Where a gradient leaves its dtype; `stopped` is the last layer that gets none at all."""
    reach = np.log(largest_of(run.batch * np.array(run.shape[1:], dtype=np.float64)))
    largest, smallest = log_range(run.dtype)
    start = ln_start(run, std)
    if start is None:
        return Limits(zero_onset=zero_onset, grad_underflow=stopped)
    ln_g = ln_grad / 2 + start + reach
    passed = slice(0 if stopped is None else stopped + 1, None)
    overflow, underflow = _last(ln_g[passed] > largest), _last(ln_g[passed] < smallest)
    return Limits(
        zero_onset=zero_onset,
        grad_overflow=overflow if overflow is None else overflow + passed.start,
        grad_underflow=stopped if underflow is None else underflow + passed.start,
    )


def _farthest(curves: Curves, x: Array) -> Array:
    """phi of the largest and the smallest pre-activation, of which the weights make +-x."""
    low, high = curves.activation.bounds
    return curves.activation.values(np.stack([high + x, low - x], axis=1))


def _stopped(run: Run, curves: LayerCurves, zero: NDArray[np.bool_]) -> int | None:
    """The last layer whose gradient is 0 because the layer after it is all zero and hands none on.

    At z = 0 torch takes the slope from below.
    """
    if not zero.any():
        return None
    slopes = [_slopes(curves.of(layer).activation) for layer in range(run.depth)]
    values = [curves.of(layer).activation.values(np.zeros(1))[0] for layer in range(run.depth)]
    dead, last = False, None
    for layer, own in enumerate(run.layers):
        # what was all zero stays so, where nothing is added
        dead = bool(zero[layer]) or (dead and own.bias is None and not values[layer])
        if dead and layer and not slopes[layer]:
            last = layer - 1
    return last


def _slopes(phi: Activation) -> bool:
    """Whether phi has a slope where the weights add nothing to the biases."""
    low, high = phi.bounds
    return bool(phi.slopes(np.linspace(low, high, 33) - 1e-300).any())


def log_range(dtype: str) -> tuple[float, float]:
    """Ln of the largest number of a dtype, and of half its smallest, which rounds to 0."""
    held = DTYPES[dtype]
    return math.log(held.largest), math.log(held.smallest) - math.log(2)


def largest_of(n: Array) -> Array:
    """Median of the largest of n standard normal values: t with N(t)^n = 1/2."""
    # N(-t) = 1 - 2^(-1/n), whose leading digits cancel unless taken so
    tail = -np.expm1(-np.log(2) / n)
    # (Wichura 1988, to 16 digits. To import scipy's takes a tenth of a small sweep's whole time)
    largest: Array = np.vectorize(
        lambda p: -NORMAL.inv_cdf(p) if p > 0 else np.inf, otypes=[float]
    )(tail)
    return largest


def ln_start(run: Run, std: float) -> float | None:
    """ln of the std of dL/dh at the last layer, before training; None where it is not known."""
    record, outputs = LOSSES[run.loss.name], run.shape[-1]
    if record.start is None or not starts_as_known(run):
        return None
    with np.errstate(over="ignore"):
        start = float(np.log(record.start(outputs, np.square(std))))
    if run.reduction == "mean":
        start -= float(np.log(run.batch * (outputs if record.unit == "value" else 1)))
    return start


def starts_as_known(run: Run) -> bool:
    """Whether `start` of the run's loss holds: it is of the target that the loss draws by itself.

    One class a sample is as good as another: whatever the shares, of N entries one is 1.
    """
    if run.target is None:
        return True
    labels = LOSSES[run.loss.name].target in LABELS
    samples = run.target.samples
    return labels and (samples is None or samples.rows.shape[1] == 1)


def _first(where: NDArray[np.bool_]) -> int | None:
    return int(where.argmax()) if where.any() else None


def _last(where: NDArray[np.bool_]) -> int | None:
    return int(np.flatnonzero(where)[-1]) if where.any() else None
