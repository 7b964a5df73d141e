"""Finite width: between which values the std of each layer lies, for networks drawn at random.

At infinite width every network is the same. At width n the length of a signal is a random walk over
the layers (Hanin & Nica 2019), whose spread is of order sqrt(depth / width): of 100 He-initialised
ReLU layers of 256, the last std lies between 0.2 and 1.25 in 80 % of networks.

Where phi is homogeneous, phi(s z) = s phi(z) for s > 0, and there are no biases, the weights' scale
is a factor of every signal, and one simulation does for all scales.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from initlab.catalog.dtypes import DTYPES
from initlab.spec.run import Choice
from initlab.theory.moments import Activation
from initlab.theory.quadrature import Array
from initlab.theory.simulation import Simulated, simulate
from initlab.theory.variances import LayerVariance

MOST_SAMPLES = 64  # of a larger batch, a network costs less than its Gram matrices


@dataclass(frozen=True)
class BandPoint:
    """What a band depends on; runs that agree in it share one."""

    activation: Choice
    variances: tuple[LayerVariance, ...]
    input: Choice
    batch: int
    double: bool = False
    differing: tuple[Choice, ...] = ()  # the activation of each layer, where they are not all alike

    @property
    def activations(self) -> tuple[Choice, ...]:
        """The activation of each layer."""
        return self.differing or (self.activation,) * len(self.variances)

    @property
    def draws(self) -> tuple[Any, ...]:
        """Equal for those that can use the same random numbers."""
        widths = tuple(layer.fan_out for layer in self.variances)
        return self.variances[0].fan_in, widths, self.batch, self.double

    @property
    def unitless(self) -> bool:
        """Whether the scale of the weights multiplies every signal and changes nothing else."""
        biased = any(layer.bias_variance for layer in self.variances)
        return not biased and all(map(_homogeneous, {self.activation, *self.differing}))

    @property
    def simulated(self) -> "BandPoint":
        """The point whose networks are simulated: itself, or one for weights of every scale."""
        if not self.unitless:
            return self
        ones = tuple(replace(layer, weight_variance=1.0) for layer in self.variances)
        return replace(self, variances=ones)


@cache
def _homogeneous(activation: Choice) -> bool:
    """Whether phi(2 z) = 2 phi(z) in every digit, as identity, ReLU and leaky ReLU have it."""
    z = np.outer([-1.0, 1.0], np.exp2(np.arange(-1000, 1000)))
    phi = Activation(activation).values
    return bool((phi(2 * z) == 2 * phi(z)).all())


@dataclass(frozen=True)
class Band:
    """The law of each layer's std over random networks, arrays of shape (depth,).

    Where some networks hold what is not finite, moments are nan, and quantiles that they reach.
    `gradient` and `cosine`, each of shape (3, depth), hold the quantiles p10, p50 and p90 of
    grad_std relative to the last layer's and of the cosine, where they were asked for.
    """

    p10: Array
    p50: Array
    p90: Array
    mean_log: Array
    sd_log: Array
    gradient: Array | None = None
    cosine: Array | None = None

    def surprise(self, std: Array) -> Array:
        """(ln std - its mean) / its standard deviation, layer by layer; nan where there is none."""
        reached = slice(len(std))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (np.log(std) - self.mean_log[reached]) / self.sd_log[reached]
        return np.where(np.isfinite(z), z, np.nan)


def bands(
    points: Sequence[BandPoint], replicates: int, tick: Callable[[int], None] = lambda _: None
) -> list[Band]:
    """The band of every point; all points must have equal `draws`, which they share.

    A point's band does not depend on the others. `tick` is called for every layer, with the number
    of networks simulated.
    """
    return [band_of(stds) for stds in simulated_stds(points, replicates, tick)]


def simulated_stds(
    points: Sequence[BandPoint], replicates: int, tick: Callable[[int], None] = lambda _: None
) -> list[Array]:
    """The std of every layer of random networks, for each point of shape (replicates, depth).

    It is the std that is measured: centred, unbiased, over all neurons and samples of a layer. From
    the first layer with a value that is not finite, it is nan.
    """
    distinct = list(dict.fromkeys(point.simulated for point in points))
    found = dict(zip(distinct, simulate(distinct, replicates, tick), strict=True))
    return [_in_units(point, found[point.simulated]) for point in points]


def _in_units(point: BandPoint, simulated: Simulated) -> Array:
    """The stds of a point's own networks, shape (R, depth)."""
    scale, exponent = np.ones(len(point.variances)), np.zeros(len(point.variances), dtype=int)
    if point.unitless:
        fraction, power = 1.0, 0
        for index, layer in enumerate(point.variances):
            # of powers of two, no digit is lost
            fraction, more = math.frexp(fraction * math.sqrt(layer.weight_variance))
            power += more
            scale[index], exponent[index] = fraction, power
    exponent = exponent + simulated.exponent
    with np.errstate(over="ignore", under="ignore"):
        std, largest = (np.ldexp(x * scale, exponent) for x in simulated[:2])
    if point.unitless:
        held = DTYPES["float64" if point.double else "float32"]
        # what rounds to 0 at one layer stays 0
        zero = np.logical_or.accumulate(largest <= held.smallest / 2, axis=1)
        std[zero] = 0.0
        std[np.logical_or.accumulate((largest > held.largest) & ~zero, axis=1)] = np.nan
    return std


def quantiles(values: Array) -> Array:
    """10, 50 and 90 % over the replicates of (R, depth) values, shape (3, depth).

    What is not finite counts as largest; quantiles that it reaches are nan.
    """
    with np.errstate(invalid="ignore"):
        largest = np.where(np.isfinite(values), values, np.inf)
        found = np.quantile(largest, [0.1, 0.5, 0.9], axis=0)
        return np.where(np.isfinite(found), found, np.nan)


def band_of(stds: Array) -> Band:
    """Quantiles and moments over the replicates of (R, depth) stds."""
    p10, p50, p90 = quantiles(stds)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(stds)
        return Band(p10, p50, p90, logs.mean(0), logs.std(0, ddof=1))
