"""What is summed over one layer of activations and gradients, and which digits it keeps.

Shape letters: R runs. `statistics.py` finds the sums, `tables.py` makes means and stds of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from initlab.spec.run import LATER

SATURATED_BELOW = LATER["saturation"]  # by default: a unit with |phi'(z)| below it is saturated
LEFT = 1e-3  # of the squares, must be left once the mean is taken out; three digits of 16 may go

Array = NDArray[np.float64]


class Sums(NamedTuple):
    """Over samples and neurons, in units of `unit` (or its square); each of shape (..., R)."""

    total: Array  # sum x
    squares: Array  # sum x^2
    centred: Array  # sum (x - mean)^2
    unit: Array


class Forward(NamedTuple):
    """Of one layer forward: `sums` of pre-activations and activations, (2, R); the others (R,)."""

    sums: Sums
    abs_max: Array  # max |h|
    zeros: Array  # number of h = 0
    saturated: Array  # number of |phi'(z)| below the threshold of saturation
    finite: Array  # share of finite h
    direction: Array  # |sum_b h_b / |h_b||
    samples: Array  # number of samples that are not all zero


class Backward(NamedTuple):
    """Of one layer backward: of dL/dh, of dL/dW = D^T h, and of dL/db (None without biases)."""

    gradient: Sums
    weights: Sums
    biases: Sums | None


def powers_of_two(largest: Array) -> Array:
    """Units in which values up to `largest` lie below 1, so that their squares are numbers."""
    exponent = np.where(np.isfinite(largest), np.frexp(largest)[1], 0)
    power: Array = np.ldexp(1.0, exponent.clip(-1000, 1000))
    return power


def cancels(centred: Array, squares: Array) -> NDArray[np.bool_]:
    """Where sum x^2 - (sum x)^2 / n has lost too many digits of its terms."""
    lost: NDArray[np.bool_] = ~(centred > LEFT * squares) & (squares > 0) & np.isfinite(squares)
    return lost
