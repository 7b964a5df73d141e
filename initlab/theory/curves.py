"""The moments of an activation as curves over ln q, and its correlation map as a series.

A prediction asks for the moments layer by layer, for thousands of networks. They are smooth in
ln q, whatever the activation (averaging over a normal smooths every kink), so each unit of ln q is
interpolated by a Chebyshev polynomial, made when it is first asked for.
"""

import math
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initlab.spec.run import Choice
from initlab.theory.moments import Activation
from initlab.theory.quadrature import Array
from initlab.theory.shifted import shifted
from initlab.theory.shifts import Shift

NODES = 16  # of a patch; measured against quadrature, the interpolation is good to 1e-11
TERMS, LONG = 128, 512  # of the series of the correlation map
ENDS = LOWEST, HIGHEST = -100.0, 100.0  # of ln q, interpolated at most; beyond, powers of q
KNOTS = np.array([0.0, 10, 20, 30, 40, 50, 60, 80, HIGHEST])  # where they may end before
STRAIGHT = 1e-12  # from a straight line, at knots beyond
SMALL = -25.0  # ln q below which, where phi(0) is not 0, Var phi = q D(q) to all digits
SCALE_FREE = 30.0  # |ln q| beyond which shares are a power's, so that q does not matter

_AT = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)  # Chebyshev points of (-1, 1)
_DEGREES = np.arange(NODES)
_FIT = np.linalg.inv(np.polynomial.chebyshev.chebvander(_AT, NODES - 1))


class CurveValues(NamedTuple):
    """What the curves say at some ln q, all of one shape."""

    ln_v: Array  # ln E phi^2
    ln_d: Array  # ln E phi'^2
    growth: Array  # d ln V / d ln q
    overlap: Array  # E phi^2 phi'^2 / (E phi^2 E phi'^2)
    std: Array  # sqrt(V - E^2), centred; the rms is sqrt(V)
    mean: Array  # E / sqrt(V)


class Patches:
    """Columns of numbers over ln q, one Chebyshev polynomial a unit of ln q."""

    def __init__(self, of: Callable[[Array], Array], ends: tuple[float, float] = ENDS) -> None:
        self.of = of  # q (Q,) -> (Q, columns)
        self.low, self.high = ends
        self.first = math.floor(self.low)  # unit
        self.lock = Lock()
        self.rows = np.full(math.floor(self.high) - self.first + 1, -1)  # of each unit, if made
        self.coefficients: NDArray[np.float64] = np.empty((0, NODES, 0))

    def __call__(self, ln_q: Array) -> Array:
        """Values at ln q, shape (..., columns); constant beyond the ends, nan at nan."""
        flat = np.ravel(ln_q)
        within = np.fmin(np.fmax(flat, self.low), self.high)
        units = np.floor(within)
        at = units.astype(int) - self.first
        rows = self.rows[at]
        if (rows < 0).any():
            for unit in sorted(set(at[rows < 0].tolist())):
                self._add(unit)
            rows = self.rows[at]
        t = 2 * (within - units) - 1
        basis = np.cos(_DEGREES * np.arccos(t)[:, None])  # T_k(t)
        values = np.einsum("pk,pkc->pc", basis, self.coefficients[rows])
        values[np.isnan(flat)] = np.nan
        result: Array = values.reshape(*np.shape(ln_q), -1)
        return result

    def _add(self, unit: int) -> None:
        patch = _FIT @ self.of(np.exp(self.first + unit + (_AT + 1) / 2))
        with self.lock:
            kept = self.coefficients.reshape(-1, *patch.shape)
            self.coefficients = np.concatenate([kept, patch[None]])
            self.rows[unit] = len(kept)  # last: another thread may be reading


class Curves:
    """Everything that predictions need of one activation, and of biases that are not normal."""

    def __init__(self, activation: Activation, shift: Shift | None = None) -> None:
        self.activation, self.shift = activation, shift
        self._affine = activation.affine
        (low, self._low_power), (high, self._high_power) = map(self._straight, (-KNOTS, KNOTS))
        self._points = Patches(self._point, (low, high))
        ends = max(low, -SCALE_FREE), min(high, SCALE_FREE)
        self._shares = Patches(lambda q: self._series(q, TERMS), ends)
        self._products = Patches(self._product_series, ends)

    def _straight(self, knots: Array) -> tuple[float, float]:
        """From where on all columns are straight lines over ln q, and there d ln D / d ln q.

        What scale an activation has, it has between; of one that has none, one point tells all.
        """
        columns = self._point(np.exp(knots))[:, :5]
        growth = columns[-1, 3]
        (slope_d,) = np.diff(columns[-2:, 1]) / np.diff(knots[-2:])
        slopes = np.array([growth, slope_d, growth, 0.0, 0.0])
        line = columns[-1] + slopes * (knots - knots[-1])[:, None]
        bent = np.flatnonzero(~(np.abs(columns - line) <= STRAIGHT).all(1))
        start = min(bent[-1] + 1 if len(bent) else 0, len(knots) - 1)
        return float(knots[start]), round(float(slope_d), 6)  # what quadrature leaves is 0

    def at(self, ln_q: Array) -> CurveValues:
        """Moments at ln q of any shape; nan where quadrature cannot resolve the activation."""
        columns, outside = self._points(ln_q), self._outside(ln_q)
        ln_v, ln_d, ln_variance, growth, overlap, mean = np.moveaxis(columns, -1, 0)
        # so far out every activation is a power of |x|: logarithms go on as straight lines
        beyond = growth * outside
        if outside.any():
            # (a slope may be nan at one end; that is not to concern points within)
            powers = np.where(outside < 0, self._low_power, self._high_power)
            ln_d = ln_d + np.where(outside == 0, 0.0, powers * outside)
        linear = self._affine & (ln_q < SMALL)
        ln_variance = np.where(linear, ln_q + ln_d, ln_variance + beyond)
        with np.errstate(over="ignore", under="ignore"):
            std = np.exp(ln_variance / 2)
        return CurveValues(ln_v + beyond, ln_d, growth, overlap, std, mean)

    def ln_v(self, ln_q: Array) -> Array:
        """The first of them alone, for recursions."""
        columns = self._points(ln_q)
        result: Array = columns[..., 0] + columns[..., 3] * self._outside(ln_q)
        return result

    def _outside(self, ln_q: Array) -> Array:
        return ln_q - np.clip(ln_q, self._points.low, self._points.high)

    def _point(self, q: Array) -> Array:
        m = self.activation.moments(q)
        with np.errstate(divide="ignore", invalid="ignore"):
            least = np.finfo(float).tiny
            v, d = np.maximum(m.second, least), np.maximum(m.slope, 1e-300)
            ln_variance = np.log(np.maximum(m.variance, least))
            columns = np.log(v), np.log(d), ln_variance, m.growth / v, m.overlap / (v * d)
            return np.stack([*columns, m.mean / np.sqrt(v)], axis=-1)

    def series(self, ln_q: Array) -> Array:
        """Shares a_k^2 / V of the correlation map's terms, shape (..., TERMS)."""
        return self._shares(np.clip(ln_q, -SCALE_FREE, SCALE_FREE)).clip(min=0)

    def product_series(self, ln_q: Array) -> Array:
        """The same of phi phi', relative to E phi^2 phi'^2: for gradients."""
        return self._products(np.clip(ln_q, -SCALE_FREE, SCALE_FREE)).clip(min=0)

    def _product_series(self, q: Array) -> Array:
        overlap = np.maximum(self.activation.moments(q).overlap, np.finfo(float).tiny)
        shares: Array = self.activation.series(q, TERMS, product=True) / overlap[:, None]
        return shares

    def long_series(self, ln_q: Array) -> Array:
        """The same to LONG terms, from quadrature at every single q, which others do not change."""
        return np.concatenate([self._series(q, LONG) for q in np.exp(ln_q)[:, None]])

    def _series(self, q: Array, terms: int) -> Array:
        second = np.maximum(self.activation.moments(q).second, np.finfo(float).tiny)
        shares: Array = self.activation.series(q, terms) / second[:, None]
        return shares

    def slope_at_1(self, ln_q: Array) -> Array:
        """d (K/V) / dc at c = 1, which is q D(q) / V(q); as far out as the series."""
        near = np.clip(ln_q, -SCALE_FREE, SCALE_FREE)
        at = self.at(near)
        slope: Array = np.exp(near + at.ln_d - at.ln_v)
        return slope


class Correlation(NamedTuple):
    """K(q, c) / V(q), its derivative by c, and a bound on the error of the first."""

    value: Array
    slope: Array
    bound: Array


class CorrelationMap(NamedTuple):
    """The correlation map sum_k s_k c^k, from the shares s_k of its first terms.

    What these miss of the map and of its slope at c = 1, where both are known, stands for c > 0 as
    one more term, of a degree that makes up for both: the mean degree of what is missing. That is a
    lower bound, as c^k is convex in k; the terms' number as degree gives an upper one.
    """

    shares: Array  # (..., terms)
    rises: Array  # k s_k
    missing: Array  # (...)
    degree: Array

    @classmethod
    def of(cls, shares: Array, slope_at_1: Array) -> "CorrelationMap":
        """Maps of shares (..., terms) and slopes (...)."""
        terms = shares.shape[-1]
        rises = np.arange(terms) * shares
        missing = (1 - shares.sum(-1)).clip(min=0)
        missing_slope = (slope_at_1 - rises.sum(-1)).clip(min=0)
        degree = np.maximum(missing_slope / np.maximum(missing, 1e-300), terms)
        return cls(shares, rises, missing, degree)

    def at(self, index: Any) -> "CorrelationMap":
        """Some of them."""
        return CorrelationMap(*(part[index] for part in self))

    def __call__(self, c: Array) -> Correlation:
        """The maps, each at its c; c is broadcast."""
        shares, rises, missing, degree = self
        terms = shares.shape[-1]
        powers = c[..., None] ** np.arange(terms)
        size = c.clip(min=0)
        before = size ** (degree - 1)
        last = size * before
        value = (shares * powers).sum(-1) + missing * last
        slope = (rises[..., 1:] * powers[..., :-1]).sum(-1) + missing * degree * before
        least = np.where(c > 0, last, 0.0)
        return Correlation(value, slope, missing * (np.abs(c) ** terms - least))


@cache
def curves_of(activation: Choice, shift: Shift | None = None) -> Curves:
    """The curves of an activation; made once a process, as they are needed.

    Where biases are not normal, those of z = b + s x, over ln s^2.
    """
    return Curves(shifted(activation, shift), shift)
