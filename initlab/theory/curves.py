"""The moments of an activation as curves over ln q, and its correlation map as a series.

A prediction asks for the moments layer by layer, for thousands of networks. They are smooth in
ln q, whatever the activation (averaging over a normal smooths every kink), so each unit of ln q is
interpolated by a Chebyshev polynomial, made when it is first asked for.
"""

from collections.abc import Callable
from functools import cache, cached_property
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from initlab.spec.run import Choice
from initlab.theory.moments import Activation
from initlab.theory.quadrature import Array

NODES = 16  # of a patch; measured against quadrature, the interpolation is good to 1e-11
TERMS, LONG = 128, 512  # of the series of the correlation map
LOWEST, HIGHEST = -100.0, 100.0  # of ln q, interpolated; beyond, powers of q
SMALL = -25.0  # ln q below which, where phi(0) is not 0, Var phi = q D(q) to all digits
SCALE_FREE = 30.0  # |ln q| beyond which shares are a power's, so that q does not matter

_AT = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)  # Chebyshev points of (-1, 1)
_FIT = np.linalg.inv(np.polynomial.chebyshev.chebvander(_AT, NODES - 1))


class CurveValues(NamedTuple):
    """What the curves say at some ln q, all of one shape."""

    ln_v: Array  # ln E phi^2
    ln_d: Array  # ln E phi'^2
    growth: Array  # d ln V / d ln q
    overlap: Array  # E phi^2 phi'^2 / (E phi^2 E phi'^2)
    std: Array  # sqrt(V - E^2), centred; the rms is sqrt(V)


class Patches:
    """Columns of numbers over ln q, one Chebyshev polynomial a unit of ln q."""

    def __init__(self, of: Callable[[Array], Array]) -> None:
        self.of = of  # q (Q,) -> (Q, columns)
        self.lock = Lock()
        self.rows: dict[int, int] = {}
        self.coefficients: NDArray[np.float64] = np.empty((0, NODES, 0))

    def __call__(self, ln_q: Array) -> Array:
        """Values at ln q, shape (..., columns); nan at nan."""
        unknown = np.isnan(ln_q)
        flat = np.clip(np.where(unknown, 0.0, ln_q), LOWEST, HIGHEST).ravel()
        units = np.floor(flat).astype(int)
        present, inverse = np.unique(units, return_inverse=True)
        for unit in present.tolist():
            if unit not in self.rows:
                self._add(unit)
        rows = np.array([self.rows[unit] for unit in present.tolist()], dtype=int)[inverse]
        t = 2 * (flat - units) - 1
        basis = np.cos(np.arange(NODES) * np.arccos(t.clip(-1, 1))[:, None])  # T_k(t)
        values = np.einsum("pk,pkc->pc", basis, self.coefficients[rows])
        result: Array = values.reshape(*np.shape(ln_q), -1)
        result[unknown] = np.nan
        return result

    def _add(self, unit: int) -> None:
        patch = _FIT @ self.of(np.exp(unit + (_AT + 1) / 2))
        with self.lock:
            kept = self.coefficients.reshape(-1, *patch.shape)
            self.coefficients = np.concatenate([kept, patch[None]])
            self.rows[unit] = len(kept)  # last: another thread may be reading


class Curves:
    """Everything that predictions need of one activation."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self._affine = bool(activation.values(np.zeros(1))[0])  # near 0: phi(0) + phi'(0) x
        self._points = Patches(self._point)
        self._shares = Patches(lambda q: self._series(q, TERMS))

    def at(self, ln_q: Array) -> CurveValues:
        """Moments at ln q of any shape; nan where quadrature cannot resolve the activation."""
        ln_v, ln_d, ln_variance, growth, overlap = np.moveaxis(self._points(ln_q), -1, 0)
        # so far out every activation is a power of |x|: logarithms go on as straight lines
        outside = ln_q - np.clip(ln_q, LOWEST, HIGHEST)
        beyond = growth * outside
        if outside.any():
            low, high = self._powers
            # (a slope may be nan at one end; that is not to concern points within)
            slope = np.where(outside < 0, low, np.where(outside > 0, high, 0.0))
            ln_d = ln_d + slope * outside
        linear = self._affine & (ln_q < SMALL)
        ln_variance = np.where(linear, ln_q + ln_d, ln_variance + beyond)
        with np.errstate(over="ignore", under="ignore"):
            std = np.exp(ln_variance / 2)
        return CurveValues(ln_v + beyond, ln_d, growth, overlap, std)

    @cached_property
    def _powers(self) -> tuple[float, float]:
        """d ln D / d ln q at both ends."""
        ends = np.array([LOWEST, LOWEST + 1, HIGHEST - 1, HIGHEST])
        low, low_1, high_1, high = self._points(ends)[:, 1].tolist()
        return round(low_1 - low, 6), round(high - high_1, 6)  # what interpolation leaves is 0

    def _point(self, q: Array) -> Array:
        m = self.activation.moments(q)
        with np.errstate(divide="ignore", invalid="ignore"):
            least = np.finfo(float).tiny
            v, d = np.maximum(m.second, least), np.maximum(m.slope, 1e-300)
            ln_variance = np.log(np.maximum(m.variance, least))
            columns = np.log(v), np.log(d), ln_variance, m.growth / v, m.overlap / (v * d)
            return np.stack(columns, axis=-1)

    def series(self, ln_q: Array) -> Array:
        """Shares a_k^2 / V of the correlation map's terms, shape (..., TERMS)."""
        return self._shares(np.clip(ln_q, -SCALE_FREE, SCALE_FREE)).clip(min=0)

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


def correlation(shares: Array, slope_at_1: Array, c: Array) -> Correlation:
    """The correlation map sum_k s_k c^k, from the shares s_k of its first terms.

    What these miss of the map and of its slope at c = 1, where both are known, stands for c > 0 as
    one more term, of a degree that makes up for both: the mean degree of what is missing. That is a
    lower bound, as c^k is convex in k; the terms' number as degree gives an upper one.
    """
    k = np.arange(shares.shape[-1])
    missing = (1 - shares.sum(-1)).clip(min=0)
    missing_slope = (slope_at_1 - (k * shares).sum(-1)).clip(min=0)
    degree = np.maximum(missing_slope / np.maximum(missing, 1e-300), len(k))
    powers = c[..., None] ** k
    lower = np.concatenate([np.zeros_like(powers[..., :1]), powers[..., :-1]], axis=-1)
    size = c.clip(min=0)
    value = (shares * powers).sum(-1) + missing * size**degree
    slope = (shares * k * lower).sum(-1) + missing * degree * size ** (degree - 1)
    least = np.where(c > 0, size**degree, 0.0)
    return Correlation(value, slope, missing * (np.abs(c) ** len(k) - least))


@cache
def curves_of(activation: Choice) -> Curves:
    """The curves of an activation; made once a process, as they are needed."""
    return Curves(Activation(activation))
