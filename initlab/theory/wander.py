"""How far a gradient strays from infinite width, on its way back through layers of n neurons.

From layer to layer ln |dL/dh|^2 changes by ln chi_1 and a random step, mean -c/2n and variance c/n:

    c = 3 (E phi'^4 / (E phi'^2)^2 - 1) + 2

The first part comes from sum_i (phi'_i g_i)^2, g normal, beside sum_i g_i^2; the 2 from W^T u, of a
squared length of chi^2_n / n times u's. It is 2 of a linear network, 5 of ReLU (Hanin & Nica 2019).
It counts one sample, of a length q that stays: where lengths wander too (GELU), gradients were seen
to sink up to twice as far.
"""

import math

import numpy as np

from initlab.theory.gaussian import Array, expectations
from initlab.theory.moments import Activation

LEAST_Q = 1e-24  # stands for 0, where phi is linear
DECILE = 1.2815515655446004  # standard deviations from the median of a normal law


def steps(activation: Activation, q: Array) -> Array:
    """c at every q, shape (Q,)."""

    def powers(x: Array) -> Array:
        square = activation.slopes(x) ** 2
        return np.stack([square, square * square])

    sigma = np.sqrt(np.maximum(q, LEAST_Q))
    second, fourth = expectations(powers, np.zeros_like(sigma), sigma, activation.kinks)
    c: Array = 3 * (fourth / second**2 - 1) + 2
    return c


def deciles(c: float, depth: int, width: int) -> tuple[float, float, float]:
    """The 10, 50 and 90 % quantiles of ln of a gradient's std, relative to infinite width."""
    median, spread = -depth * c / (4 * width), math.sqrt(depth * c / width) / 2
    return median - DECILE * spread, median, median + DECILE * spread


def least_width(c: float, depth: int, lost: float) -> int:
    """The width at which the 10 % quantile of ln of the gradient's std is -lost."""
    # with x^2 = depth c / n: x^2 / 4 + DECILE x / 2 = lost
    x = -DECILE + math.sqrt(DECILE**2 + 4 * lost)
    return math.ceil(depth * c / x**2)
