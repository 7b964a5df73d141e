"""Fixed points, depth scales and phases of a deep network of infinite width.

    length map         q' = sigma_w^2 V(q) + sigma_b^2                 fixed point q*, slope chi_q
    gradient map       chi_1 = sigma_w^2 D(q*): a gradient's variance from layer to layer
    correlation map    c' = (sigma_w^2 K(q*, c) + sigma_b^2) / q*      fixed point c*, slope chi_c
    depth scale        xi = -1 / ln chi, in layers

(Poole et al. 2016; Schoenholz et al. 2017.) Everything is computed for many networks of one
activation at once; q* is the fixed point that an input of unit variance runs into.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initlab.theory.curves import CorrelationMap, Curves
from initlab.theory.quadrature import Array

CRITICAL = 1e-6  # |chi_1 - 1| on the edge of chaos
STILL = 1e-12  # |ln q' - ln q| of a fixed point: what rounding leaves
FIRST_STEP = 0.25  # in ln q, towards the fixed point
FARTHEST = 600.0  # |ln q| beyond which q has left for 0 or infinity
MOST_STEPS = 200
SURE = 1e-10  # of the correlation map, for its fixed point to count


class FixedPoints(NamedTuple):
    """Of P networks, each shape (P,). Where `converged` is false, the numbers are nan.

    `q` may be 0 or inf: the length runs there, and chi_1 is its limit. At inf the correlation map
    has no fixed form, so that chi_q, c and chi_c are nan.
    `iterations` counts evaluations of the length map and of the correlation map.
    """

    q: Array
    chi_1: Array
    chi_q: Array
    c: Array
    chi_c: Array
    converged: NDArray[np.bool_]
    iterations: NDArray[np.int_]

    def one(self, at: int) -> "FixedPoints":
        """Those of one network, arrays of one."""
        only: Any = [column[at : at + 1] for column in self]
        return FixedPoints(*only)

    @property
    def xi_q(self) -> Array:
        """Layers in which a deviation of the length from q* falls by e."""
        return depth_scale(self.chi_q)

    @property
    def xi_c(self) -> Array:
        """Layers in which a deviation of the correlation from c* falls by e; how far signals reach.

        A network deeper than about 6 xi_c is hard to train (Schoenholz et al. 2017, sec. 4).
        """
        return depth_scale(self.chi_c)

    @property
    def phase(self) -> list[str]:
        """Ordered (samples grow alike), critical or chaotic (they part); empty if not converged."""
        return [phase_of(chi) for chi in self.chi_1.tolist()]


def phase_of(chi_1: float) -> str:
    """The phase to which chi_1 belongs."""
    if np.isnan(chi_1):
        return ""
    if abs(chi_1 - 1) <= CRITICAL:
        return "critical"
    return "ordered" if chi_1 < 1 else "chaotic"


def depth_scale(chi: Array) -> Array:
    """Xi = -1 / ln chi; inf at chi = 1, 0 at chi = 0. Of a growing deviation (chi > 1) negative."""
    with np.errstate(divide="ignore", invalid="ignore"):
        chi = np.where(np.abs(chi - 1) <= CRITICAL, 1.0, chi)
        return np.where(chi == 1, np.inf, -1 / np.log(chi.clip(min=0)))


def length_map(curves: Curves, ln_q: Array, sigma_w2: Array, sigma_b2: Array) -> Array:
    """ln q' = ln(sigma_w^2 V(q) + sigma_b^2)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        fed_back = np.log(sigma_w2) + curves.ln_v(ln_q)
        return np.where(sigma_b2 > 0, np.logaddexp(fed_back, np.log(sigma_b2)), fed_back)


def fixed_points(
    curves: Curves, sigma_w: Array, sigma_b: Array, tick: Callable[[], None] = lambda: None
) -> FixedPoints:
    """Fixed points for every (sigma_w, sigma_b), shape (P,); sigma_w > 0, sigma_b >= 0.

    `tick` is called from time to time, and may raise.
    """
    w2, b2 = np.square(sigma_w), np.square(sigma_b)
    ln_q, found, steps = _length_fixed_point(curves, w2, b2)
    at = curves.at(ln_q)
    with np.errstate(over="ignore"):
        share = np.exp(np.log(w2) + at.ln_v - ln_q)  # sigma_w^2 V / q*: of the weights in q*
        chi_1 = w2 * np.exp(at.ln_d)
        chi_q = at.growth * share  # dq'/dq = sigma_w^2 dV/dq
    settles = np.isfinite(chi_1) & (ln_q < FARTHEST)
    c, chi_c = np.full_like(chi_1, np.nan), np.full_like(chi_1, np.nan)
    c[settles], chi_c[settles], sure, more = _correlation_fixed_point(
        curves, ln_q[settles], share[settles], chi_1[settles], tick
    )
    found &= ~np.isnan(chi_1)
    found[settles] &= sure
    steps[settles] += more
    gone = np.where(ln_q < 0, 0.0, np.inf)
    q = np.where(np.abs(ln_q) < FARTHEST, np.exp(ln_q.clip(-FARTHEST, FARTHEST)), gone)
    chi_q = np.where(settles, chi_q, np.nan)
    q, chi_1, chi_q, c, chi_c = (np.where(found, x, np.nan) for x in (q, chi_1, chi_q, c, chi_c))
    return FixedPoints(q, chi_1, chi_q, c, chi_c, found, steps)


def _length_fixed_point(
    curves: Curves, w2: Array, b2: Array
) -> tuple[Array, NDArray[np.bool_], NDArray[np.int_]]:
    """(ln q*, found, evaluations): the first fixed point in the direction in which q moves.

    V grows with q, so lengths move one way only and cannot step over a fixed point. Iterating is
    slow near the edge of chaos; here q walks that way in growing steps until the map turns round,
    and the point between is bisected. A length that nothing stops has its fixed point at 0 or inf;
    so has one whose drift fades below rounding without turning (tanh at sigma_w = 1).
    """

    def drift(ln_q: Array, at: NDArray[np.bool_]) -> Array:
        moved = np.zeros_like(ln_q)
        if at.any():
            moved[at] = length_map(curves, ln_q[at], w2[at], b2[at]) - ln_q[at]
        return moved

    far = np.log(w2 + b2)  # an input of unit variance
    near, everywhere = far.copy(), np.ones(len(far), dtype=bool)
    start = drift(far, everywhere)
    towards = np.where(np.abs(start) <= STILL, 0.0, np.sign(start))
    walking, turned = towards != 0, ~everywhere
    steps = np.ones(len(far), dtype=int)
    step = FIRST_STEP
    for count in range(MOST_STEPS):
        if not walking.any():
            break
        near, far = np.where(walking, far, near), np.where(walking, far + towards * step, far)
        moved = drift(far, walking)
        steps += walking
        turned |= walking & (moved * towards < -STILL)
        walking &= (moved * towards > STILL) & (np.abs(far) <= FARTHEST)
        step *= 1.0 if count < 40 else 1.5
    for _ in range(60):
        if not turned.any():
            break
        middle = (near + far) / 2
        ahead = drift(middle, turned) * towards > 0
        near, far = np.where(turned & ahead, middle, near), np.where(turned & ~ahead, middle, far)
        steps += turned
    far = np.where((towards == 0) | turned, far, 2 * FARTHEST * towards)
    return far, ~np.isnan(start) & ~walking & (~turned | (np.abs(drift(far, turned)) < 1e-9)), steps


def _correlation_fixed_point(
    curves: Curves, ln_q: Array, share: Array, chi_1: Array, tick: Callable[[], None]
) -> tuple[Array, Array, NDArray[np.bool_], NDArray[np.int_]]:
    """(c*, chi_c, sure, evaluations) of the correlation map c' = share K(q*, c) / V + 1 - share.

    The map is a power series in c without negative terms, so it is convex on [0, 1], and it fixes
    1 with slope chi_1. If chi_1 <= 1 that is its only fixed point; else one more lies in [0, 1).
    Where the series is too slow for that (close to 1, for activations with kinks) a longer one is
    taken, and then quadrature.
    """
    c, chi_c = np.ones_like(ln_q), chi_1.copy()
    steps = np.zeros(len(ln_q), dtype=int)
    at = np.flatnonzero(chi_1 > 1 + CRITICAL)
    for series in (curves.series, curves.long_series):
        if len(at):
            maps = CorrelationMap.of(series(ln_q[at]), curves.slope_at_1(ln_q[at]))
            c[at], chi_c[at], bound, counts = _rise(maps, share[at])
            steps[at] += counts
            at = at[~(bound < SURE)]
    sure = np.ones(len(ln_q), dtype=bool)
    for i in at:
        tick()
        place = float(ln_q[i]), float(share[i])
        c[i], chi_c[i], count = _by_quadrature(curves, *place, float(c[i]))
        steps[i] += count
        sure[i] = np.isfinite(chi_c[i])
    return c, chi_c, sure, steps


def _rise(maps: CorrelationMap, share: Array) -> tuple[Array, Array, Array, NDArray[np.int_]]:
    """(c*, chi_c, bound, evaluations) by Newton's method from 0, which does not overshoot."""
    x, count = np.zeros(len(share)), np.zeros(len(share), dtype=int)
    for _ in range(MOST_STEPS):
        value, slope, bound = maps(x)
        rise = share * value + (1 - share) - x
        following = np.clip(x + rise / np.maximum(1 - share * slope, 1e-12), x, 1)
        moves = following - x >= 1e-15
        count += moves
        if not moves.any():
            break
        x = np.where(moves, following, x)  # a point that has arrived does not wait for others
    return x, share * slope, bound, count


def _by_quadrature(curves: Curves, ln_q: float, share: float, c: float) -> tuple[float, float, int]:
    """(c*, chi_c, evaluations) by the secant method from a good guess; nan where it fails."""
    q, activation = float(np.exp(ln_q)), curves.activation
    weight = share / float(np.exp(curves.ln_v(np.array(ln_q))))
    before, rise_before = np.nan, np.nan
    falls = 1 - weight * q * activation.kernel(q, c, slope=True)  # of the rise, by c
    for count in range(1, 20):
        rise = weight * activation.kernel(q, c) + (1 - share) - c
        if count > 1 and c != before:
            falls = (rise_before - rise) / (c - before)
        following = c + rise / falls
        if not 0 <= following < 1:
            break
        if abs(following - c) < 1e-12:
            return following, weight * q * activation.kernel(q, following, slope=True), count + 2
        before, rise_before, c = c, rise, following
    return np.nan, np.nan, count
