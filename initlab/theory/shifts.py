"""Biases that are not normal around 0, and what a normal variable is once one is added to it.

A pre-activation is z = b + s x, x ~ N(0, 1), with the weights' part s x and the bias b. A normal
bias of mean 0 only adds to s^2. Of any other, the law of z is not normal: it is that of b, smoothed
by N(0, s^2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from initlab.catalog import SCHEMES, Fans
from initlab.spec.run import Choice
from initlab.theory.gains import scale_of
from initlab.theory.quadrature import Array

CUT = 9.0  # standard deviations beyond which a normal law is not cut: there lies 1e-19 of it
RULES = {n: np.polynomial.legendre.leggauss(n) for n in (6, 12)}  # of a panel
FLAT = 0.5  # of s; on panels that are no wider, the rule of 6 points does
WIDEST = 1.0  # of a panel over b, in units of the activation's argument
MOST_PANELS = 64  # of them
GROWTH = 4.0  # of panels away from a kink


@dataclass(frozen=True)
class Shift:
    """The law of b: N(peak, std^2) between low and high; uniform at std inf, a constant at low."""

    low: float
    high: float
    peak: float = 0.0
    std: float = math.inf

    @property
    def constant(self) -> bool:
        """Whether it is one number."""
        return self.low == self.high

    @property
    def mean(self) -> float:
        """E b."""
        return self._moments()[0]

    @property
    def variance(self) -> float:
        """Var b."""
        return self._moments()[1]

    @cache  # noqa: B019 (a law is small, and there are few)
    def _moments(self) -> tuple[float, float]:
        if self.constant:
            return self.low, 0.0
        if math.isinf(self.std):
            return self.low / 2 + self.high / 2, (self.high - self.low) ** 2 / 12
        b, weights = self.nodes(self.std, (self.peak,))
        mean = float(weights @ b)
        return mean, float(weights @ np.square(b - mean))

    def nodes(self, s: float, kinks: Sequence[float] = ()) -> tuple[Array, Array]:
        """Points b and their weights, for integrals over b of what N(b, s^2) averages; (n,) each.

        Panels are as narrow as s around kinks and 0, and wider away from them.
        """
        if self.constant:
            return np.array([self.low]), np.ones(1)
        size = max(s, 1e-9 * (self.high - self.low))
        steps = size * GROWTH ** np.arange(40)
        bends = [k for k in (0.0, self.peak, *kinks) if math.isfinite(k)]
        edges = [self.low, self.high]
        for bend in bends:
            edges += [bend, *(bend + steps).tolist(), *(bend - steps).tolist()]
        inner = sorted({min(max(edge, self.low), self.high) for edge in edges})
        widest = max(WIDEST, 2 * s, (self.high - self.low) / MOST_PANELS)
        panels = [
            np.linspace(left, right, math.ceil((right - left) / widest) + 1)[:-1]
            for left, right in pairwise(inner)
        ]
        ends = np.concatenate([*panels, [self.high]])
        half = np.diff(ends)[:, None] / 2
        points, weights_of = RULES[6 if 2 * half.max() <= FLAT * s else 12]
        b = ((ends[1:] + ends[:-1])[:, None] / 2 + half * points).ravel()
        weights = (half * weights_of).ravel() * np.exp(self._ln_density(b))
        return b, weights / weights.sum()

    def _ln_density(self, b: Array) -> Array:
        """Up to a constant."""
        return -np.square((b - self.peak) / self.std) / 2

    def smoothed(self, z: Array, s: Array) -> tuple[Array, Array]:
        """The density p of z = b + s x, and r = p E[s x | z], of a law that is no constant.

        `z` has shape (P, n), `s` (P, 1).

        Given z, b is N(m, v) between low and high, with 1/v = 1/s^2 + 1/std^2, m = v (z/s^2 +
        peak/std^2); p is N(peak, std^2 + s^2) times the share of that N(m, v) that lies between.
        """
        from scipy.special import ndtr

        precision = self.std**-2
        v = 1 / (s**-2 + precision)
        m, root = v * (z * s**-2 + self.peak * precision), np.sqrt(v)
        low, high = (self.low - m) / root, (self.high - m) / root
        # the difference of two numbers near 0, not near 1
        share = np.where(low > 0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
        # E[b | z] = m - sqrt(v) (n(high) - n(low)) / share
        moved = (z - m) * share + root * (_normal(high) - _normal(low))
        narrow = np.ravel(root) > (self.high - self.low) / FLAT
        if narrow.any():  # there, differences have few digits: their integrals by a rule
            points, weights = RULES[6]
            half = (self.high - self.low) / 2
            b = (self.low + self.high) / 2 + half * points
            near = np.array([_normal((x - m[narrow]) / root[narrow]) for x in b])
            near *= (half * weights)[:, None, None] / root[narrow]
            share[narrow] = near.sum(0)
            moved[narrow] = (near * (z[narrow] - b[:, None, None])).sum(0)
        height = self._height(z, s)
        return height * share, height * moved

    def _height(self, z: Array, s: Array) -> Array | float:
        """N(peak, std^2 + s^2) at z, over the share of N(peak, std^2) between low and high."""
        from scipy.special import ndtr

        if math.isinf(self.std):
            return 1 / (self.high - self.low)
        spread = np.sqrt(self.std**2 + s * s)
        above, below = (ndtr((end - self.peak) / self.std) for end in (self.high, self.low))
        height: Array = _normal((z - self.peak) / spread) / (spread * (above - below))
        return height


def _normal(x: Array) -> Array:
    """n(x)."""
    density: Array = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return density


@cache
def bias_law(choice: Choice, fans: Fans, activation: Choice) -> tuple[float, Shift | None] | None:
    """(variance of what is normal around 0, law of all else) of a bias; None where it has none."""
    scale, shift = scale_of(choice, fans, activation)
    kind, *cuts = SCHEMES[choice.name].draw(choice.parameters)
    if kind == "normal":
        # of a mean so small, the law of z does not know
        negligible = fans.fan_in * shift * shift <= 1e-10 * scale * scale
        return scale * scale, None if negligible else Shift(shift, shift)
    if kind == "constant" or not scale:
        value = scale + shift
        return 0.0, Shift(value, value) if value else None
    if kind == "uniform":
        return 0.0, Shift(shift - scale, shift + scale)
    if kind == "truncated":
        low, high = (float(cut) for cut in cuts)
        if not shift and low < -CUT and high > CUT:
            return scale * scale, None
        low, high = (shift + scale * min(max(cut, -CUT), CUT) for cut in (low, high))
        return 0.0, Shift(low, high, shift, scale)
    return None
