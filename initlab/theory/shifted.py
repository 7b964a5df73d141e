"""Moments of an activation of z = b + s x, x ~ N(0, 1), where the bias b has a law of its own.

    V(s^2) = E_b E phi(b + s x)^2     and D, E, growth and overlap in the same way
    K(s^2, c) = E_b E phi(b + s x1) phi(b + s x2) = E_b sum_k a_k(b)^2 c^k

Two samples share b, and c is the correlation of what the weights make of them. So all that is true
of phi(x), x ~ N(0, q), holds with s^2 in the place of q: the maps of lengths, gradients and
correlations, their slopes and their fixed points.
"""

import math

import numpy as np
from numpy.typing import NDArray

from initlab.spec.run import Choice
from initlab.theory.moments import Activation, Moments
from initlab.theory.quadrature import (
    REACH,
    UNDERFLOW,
    Array,
    Integrand,
    gauss_legendre,
    hermite,
    integrals,
)
from initlab.theory.shifts import Shift

AT_ONCE = 4096  # expansions into Hermite polynomials, some 0.2 MB each


def shifted(choice: Choice, shift: Shift | None) -> Activation:
    """The activation of pre-activations to which a bias of this law is added."""
    if shift is None:
        return Activation(choice)
    return Moved(choice, shift.low) if shift.constant else Smoothed(choice, shift)


class Moved(Activation):
    """phi(b + .), b a number: one more activation, whose kinks lie elsewhere."""

    def __init__(self, choice: Choice, b: float) -> None:
        super().__init__(choice)
        # what phi does around 0, it does around -b now
        self.kinks = (*(kink - b for kink in self.kinks), -b)
        values, with_slope = self.values, self.with_slope
        self.values = lambda x: values(b + x)
        self.with_slope = lambda x: with_slope(b + x)


class Smoothed(Activation):
    """phi of z = b + s x, averaged over b too; q stands for s^2 everywhere."""

    def __init__(self, choice: Choice, shift: Shift) -> None:
        super().__init__(choice)
        self.shift = shift
        self.bounds = shift.low, shift.high

    @property
    def affine(self) -> bool:
        """False: for small q, phi differs from neuron to neuron as b does."""
        return False

    def moments(self, q: Array) -> Moments:
        """Moments at every q > 0, shape (Q,); nan where quadrature cannot resolve phi."""
        origin, s = float(self.values(np.array([self.shift.mean]))[0]), np.sqrt(q)

        def squares(z: Array) -> Array:
            value, slope = self.with_slope(z)
            return np.stack([value * value, slope * slope, np.square(value * slope)])

        def others(z: Array) -> Array:
            value, slope = self.with_slope(z)
            off = value - origin
            return np.stack([off, off * off, value * slope])

        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            second, slope, overlap = self.averages(squares, s, UNDERFLOW, [0, 0, 0])
            size, reach = np.sqrt(second), max(map(abs, self.bounds))
            floor = 1e-15 * np.stack([size, second, reach * size * np.sqrt(slope)])
            floor = np.maximum(floor, UNDERFLOW)
            off, square, growth = self.averages(others, s, floor, [0, 0, 1])
        return Moments(second, slope, origin + off, square - off * off, growth, overlap)

    def averages(
        self, f: Integrand, s: Array, floor: float | Array, by_weights: list[int]
    ) -> Array:
        """E f(z), or E s x f(z) of the functions `by_weights`, for every s (Q,); shape (K, Q)."""
        low, high = self.bounds

        def rule(start: Array, end: Array, of: NDArray[np.int_]) -> Array:
            z, weights = gauss_legendre(start, end)
            density = np.stack(self.shift.smoothed(z, s[of, None]))[by_weights]
            result: Array = (f(z) * (density * weights)).sum(-1)
            return result

        near = s[:, None] * np.arange(-REACH, REACH + 1, 4.0)
        widths = np.r_[0.0, 4.0 ** np.arange(5)]  # of what phi does around 0 and its kinks
        x = np.array([c + w for c in (0.0, *self.kinks) for w in (*widths, *-widths)])
        everywhere = np.r_[x, np.linspace(low, high, 5)]
        fixed = np.broadcast_to(everywhere, (len(s), len(everywhere)))
        edges = np.concatenate([low + near, high + near, fixed], axis=1)
        ends = (low - REACH * s)[:, None], (high + REACH * s)[:, None]
        edges = np.sort(np.clip(edges, *ends), axis=1)
        owner, panel = np.nonzero(np.diff(edges, axis=1) > 0)
        panels = owner, edges[owner, panel], edges[owner, panel + 1]
        return integrals(rule, *panels, len(s), floor=floor)

    def kernel(self, q: float, c: float, *, slope: bool = False) -> float:
        """K(q, c), or with `slope` the same of phi', as of other activations."""
        moments = self.moments(np.array([q]))
        size = float(moments.slope[0] if slope else moments.second[0])
        b, weights = self.shift.nodes(math.sqrt(q), self.kinks)
        return float(weights @ self._kernels(b, q, c, size, slope=slope))

    def series(self, q: Array, n: int, *, product: bool = False) -> Array:
        """Shares E_b a_k(b)^2 of V(q), k < n, shape (Q, n)."""
        return np.stack([self._series(float(s), n, product=product) for s in np.sqrt(q)])

    def _series(self, s: float, n: int, *, product: bool) -> Array:
        f = self.product if product else self.values
        b, weights = self.shift.nodes(s, self.kinks)
        total = np.zeros(n)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for start in range(0, len(b), AT_ONCE):
                part = slice(start, start + AT_ONCE)
                sigma = np.full_like(b[part], s)
                a = hermite(f, sigma, self.kinks, n, mean=b[part])
                total += weights[part] @ np.square(a)
        return total
