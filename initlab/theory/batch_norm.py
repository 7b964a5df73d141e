"""What batch normalisation makes of an activation, when each batch is normalised by itself.

Before the norm, a neuron's values over a batch of B are normal and exchangeable. After it they are
y = sqrt(B) u, with u uniform on the unit sphere of the d = B - 1 dimensions across (1, ..., 1):
their sum is 0, the sum of their squares B, and no direction is another than the rest (Yang et al.
2019, "A mean field theory of batch normalization"). Two values of a batch are

    y_1 = sqrt(d) cos a                                         rho = -1 / d
    y_2 = sqrt(d) (rho cos a + sqrt(1 - rho^2) sin a cos b)

with polar angles of densities sin^(d - 2) a and sin^(d - 3) b on (0, pi).
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from initlab.spec.run import Choice
from initlab.theory.moments import Activation
from initlab.theory.quadrature import REACH, Array

SMALLEST = 4  # of 3 samples the gradient's square is not finite: 1 / |z|^2 has no mean in a plane
NODES = 24, 48, 96  # a panel, until two rules agree
TOLERANCE = 1e-5  # of what they agree to; of smooth functions the finer one is then exact
STEP = 3.0  # from one panel to the next, in standard deviations of y
PHI, SLOPE, PRODUCT = 0, 1, 3  # rows of `_functions`, after the last two those times y


class BatchNormMoments(NamedTuple):
    """Expectations over a batch y, with P = I - J, J = 11^T / B and Phi' = diag(phi'(y)).

    P - u u^T is what the norm lets through of a gradient, on its way back.
    """

    mean: float  # E phi(y_1)
    second: float  # V = E phi(y_1)^2
    cross: float  # K = E phi(y_1) phi(y_2)
    across: float  # E tr[(P - u u^T) Phi' P Phi'], of gradients that sum to 0 over the batch
    along: float  # E tr[(P - u u^T) Phi' J Phi'], of those that are the same for all of it
    own: float  # E tr[(P - u u^T) w w^T], w = phi(y) phi'(y), of those that are along phi(y)
    noise: float  # E tr[(P - u u^T) diag(w)^2], of those that are phi(y) times independent numbers


@cache
def batch_norm_moments(activation: Choice, batch: int) -> BatchNormMoments:
    """Moments of phi and phi' over normalised batches, by quadrature in float64.

    Args:
        activation: with all its parameters.
        batch: B, at least 4.

    Returns:
        Good to 1e-12 of what they are sums of; to 1e-5 where phi bends within a hairline, as
        softplus of beta 1e4 does; nan where two rules do not agree, as of sin(omega z) from an
        omega of 7 on.

    Raises:
        ValueError: the batch is smaller than 4.
    """
    if batch < SMALLEST:
        raise ValueError(f"batch: {batch} samples; of fewer than {SMALLEST} no gradient is finite")
    phi = Activation(activation)
    before = _expectations(phi, batch, NODES[0])
    for n in NODES[1:]:
        found = _expectations(phi, batch, n)
        # |E h(y_1) h(y_2)| <= E h(y_1)^2, which is a size for both
        if (np.abs(found - before) <= TOLERANCE * found[1]).all():
            return _moments(found, batch)
        before = found
    return BatchNormMoments(*[math.nan] * 7)


def growth(activation: Choice, batch: int) -> float:
    """By how much a layer phi(BN(W h)) multiplies the gradient's second moment on its way back.

        B / ((B - 1)(B - 3)(V - K)) E tr[(P - u u^T) Phi' P Phi']

    It is the rate of layers deep in a network, where the norm of the layer above has left only
    gradients that sum to 0 over the batch (Yang et al. 2019, "A mean field theory of batch
    normalization"). No scale of the weights changes it. Without activation it is (B - 2) / (B - 3);
    in large batches it tends to E phi'^2 / Var phi of a standard normal, which is at least 1.
    V - K loses the digits that V has before it, some of them where phi is large and flat.

    Args:
        activation: with all its parameters.
        batch: B, at least 4.

    Raises:
        ValueError: the batch is smaller than 4.
    """
    m = batch_norm_moments(activation, batch)
    return batch / ((batch - 1) * (batch - 3) * (m.second - m.cross)) * m.across


def _moments(expected: Array, batch: int) -> BatchNormMoments:
    """The moments, from E h(y_1), E h(y_1)^2 and E h(y_1) h(y_2) of `_functions`."""
    mean, square, pair = expected.tolist()

    def let_through(h: int) -> float:
        """E h^T (P - u u^T) h = E sum h^2 - E (sum h)^2 / B - E (sum y h)^2 / B."""
        of_sum, of_y_sum = (square[row] + (batch - 1) * pair[row] for row in (h, h + 1))
        return float(batch * square[h] - of_sum - of_y_sum)

    along = let_through(SLOPE) / batch  # Phi' J Phi' = phi' phi'^T / B
    # tr[(P - u u^T) Phi'^2] = sum phi'^2 (1 - 1 / B - u^2), and P = I - J
    across = (batch - 1) * square[SLOPE] - square[SLOPE + 1] - along
    noise = (batch - 1) * square[PRODUCT] - square[PRODUCT + 1]
    return BatchNormMoments(
        mean[PHI], square[PHI], pair[PHI], across, along, let_through(PRODUCT), noise
    )


def _functions(phi: Activation, y: Array) -> Array:
    """h(y) = phi, phi', y phi', phi phi' and y phi phi', shape (5, ...)."""
    value, slope = phi.with_slope(y)
    product = value * slope
    return np.stack([value, slope, y * slope, product, y * product])


def _expectations(phi: Activation, batch: int, n: int) -> Array:
    """E h(y_1), E h(y_1)^2 and E h(y_1) h(y_2), shape (3, 5), with n nodes a panel."""
    radius, rho = math.sqrt(batch - 1), -1 / (batch - 1)
    steps = np.unique(np.arange(-REACH, REACH + 1, STEP).clip(-radius, radius)) / radius
    bends = np.array([k for k in {0.0, *phi.kinks} if abs(k) < radius]) / radius
    # of y_1; and where a bend of y_2 comes within its range, an angle of acos rho from that of y_1
    ends, at, between = np.arccos(steps), np.arccos(bends), math.acos(rho)
    edges = np.r_[ends, at, np.abs(at - between), np.pi - np.abs(np.pi - at - between)]
    a, weights = _rule(np.unique(edges.clip(ends.min(), ends.max())), n, batch - 3)

    middle, reach = rho * np.cos(a)[:, None], math.sqrt(1 - rho**2) * np.sin(a)[:, None]
    moving = ((bends - middle) / reach).clip(steps.min(), steps.max())
    fixed = np.broadcast_to(steps, (len(a), len(steps)))
    b, weights_b = _rule(np.sort(np.arccos(np.hstack([fixed, moving]))), n, batch - 4)

    first = _functions(phi, radius * np.cos(a))
    second = _functions(phi, radius * (middle + reach * np.cos(b)))
    given_first = (second * weights_b).sum(-1)  # E h(y_2), of every y_1
    return np.stack([first, first * first, first * given_first]) @ weights


def _rule(edges: Array, n: int, power: int) -> tuple[Array, Array]:
    """Points and weights of an angle of density sin^power, shapes (..., edges) -> (..., points).

    Gauss-Legendre on the panels between edges, in s of angle = left + width (3 s^2 - 2 s^3): a
    square root at an edge, as a bend leaves it behind, becomes smooth, and nodes are dense where
    an activation is steep.
    """
    x, weights = np.polynomial.legendre.leggauss(n)
    s = (1 + x) / 2
    left, width = edges[..., :-1, None], np.diff(edges)[..., None]
    angle = (left + width * s * s * (3 - 2 * s)).reshape(*edges.shape[:-1], -1)
    density = (width * s * (1 - s) * weights).reshape(angle.shape) * np.sin(angle) ** power
    return angle, density / density.sum(-1, keepdims=True)
