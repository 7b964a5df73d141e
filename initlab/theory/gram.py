"""What theory expects of a layer's Gram matrix G = h h^T / n, given the covariance of its z.

Of two samples of variances q, q' and correlation c, with m = E phi(z) and s^2 = Var phi(z),

    E phi(z) phi(z') = m m' + s s' C(c),    C(c) = sum_k t_k c^k,    k > 0

with the correlation map of theory/curves.py, centred. No t_k is negative, so that every term is a
positive semidefinite matrix (Schur 1911), and their sum is one. What the first terms miss of
C(1) = 1 and of C'(1) stands as two terms of higher degrees. C is taken at the samples' geometric
mean of q: exact where these are equal, or the activation is homogeneous.

Curves are read off tables over ln q, between whose rows they are straight lines: that is good to
1e-4, a hundredth of what the simulation of 400 networks leaves open.

Shapes: R networks, B samples.
"""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from initlab.spec.run import Choice
from initlab.theory.curves import HIGHEST, LOWEST, SCALE_FREE, Curves, curves_of
from initlab.theory.quadrature import Array

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 32  # rows of a table for a unit of ln q
LENGTHS = 3  # columns that are not of the correlation map
TERMS, SQUARINGS = 5, 4  # of it; the last terms are c^5 and c^(5 + 16), odd as odd activations are
FAR = TERMS + 2**SQUARINGS


class Expected(NamedTuple):
    """Of layers of R networks: E G = m m'^T + s s'^T C(c), and what their std takes."""

    cosine_RBB: "Tensor"  # C(c)
    means_RB: Array  # m
    deviations_RB: Array  # s
    mean_R: Array  # of the activations of all samples
    variance_R: Array  # of the same, about that


class Lines(NamedTuple):
    """Columns of a table over ln q, shape (columns, entries)."""

    value: Array
    rise: Array  # from each entry to the next
    low: int  # ln q of the first entry


def _within(ln_q: Array) -> Array:
    within: Array = np.fmin(np.fmax(ln_q, LOWEST), HIGHEST - 1 / STEPS)
    return within


def _read(lines: Lines, ln_q: Array) -> Array:
    """Columns first; straight on beyond the ends of all tables, nan at nan."""
    step = ((_within(ln_q) - lines.low) * STEPS).astype(int)
    share = (ln_q - lines.low) * STEPS - step
    value, rise = (part.take(step, axis=-1, mode="clip") for part in lines[:2])  # clipped: of nan
    result: Array = value + share * rise
    return result


class GramCurves:
    """The curves of one activation as tables over ln q, made unit by unit as they are needed."""

    def __init__(self, curves: Curves) -> None:
        self.curves = curves
        self.units: dict[int, Array] = {}
        self.lines: dict[tuple[int, int, int], Lines] = {}

    def expected(self, c_RBB: "Tensor", ln_q_RB: Array, ln_unit_R: Array) -> Expected:
        """Expected layers.

        Args:
            c_RBB: correlations of the samples' z.
            ln_q_RB: ln of their variances.
            ln_unit_R: ln of the number that activations are to be divided by.
        """
        ln_v, ln_variance, means = _read(self.lengths(ln_q_RB), ln_q_RB)
        ln_unit_R1 = ln_unit_R[:, None]
        means *= np.exp(ln_v / 2 - ln_unit_R1)
        deviations = np.exp(ln_variance / 2 - ln_unit_R1)
        mean_R = means.mean(1)
        variance = np.square(deviations) + np.square(means - mean_R[:, None])
        cosine_RBB = _series(self.shares(ln_q_RB), c_RBB)
        return Expected(cosine_RBB, means, deviations, mean_R, variance.mean(1))

    def lengths(self, ln_q: Array) -> Lines:
        """ln V, ln Var and E / rms around some ln q, which may be nan."""
        return self._lines(ln_q, slice(0, LENGTHS))

    def shares(self, ln_q_RB: Array) -> Array:
        """The shares of C's terms in every network, (terms, R): those at its samples' mean q."""
        ln_q_R = ln_q_RB.mean(1).clip(LOWEST, HIGHEST)
        return _read(self._lines(ln_q_R, slice(LENGTHS, None)), ln_q_R)

    def _lines(self, ln_q: Array, columns: slice) -> Lines:
        ends = np.array([np.fmin.reduce(ln_q, axis=None), np.fmax.reduce(ln_q, axis=None)])
        low, high = np.floor(_within(ends)).astype(int).tolist()
        key = low, high, columns.start
        if key not in self.lines:  # a signal is of much the same length layer after layer
            units = [self._unit(unit)[:, columns] for unit in range(low, high + 1)]
            value, rise = np.concatenate(units, axis=-1)
            self.lines[key] = Lines(value, rise, low)
        return self.lines[key]

    def _unit(self, unit: int) -> Array:
        """Values in a unit of ln q, and by how much they rise until the next; (2, columns, STEPS).

        Columns are ln V, ln Var, E / rms, the shares t_k and those of the last two terms.
        """
        if unit not in self.units:
            ln_q = unit + np.arange(STEPS + 1) / STEPS
            at, near = self.curves.at(ln_q), self.curves.at(ln_q.clip(-SCALE_FREE, SCALE_FREE))
            k, centred = np.arange(1, TERMS), np.square(near.std) / np.exp(near.ln_v)  # Var / V
            shares = self.curves.series(ln_q)[:, 1:TERMS] / centred[:, None]
            shares /= np.maximum(shares.sum(-1, keepdims=True), 1)  # by what rounding leaves
            missing = (1 - shares.sum(-1)).clip(min=0)
            missing_slope = self.curves.slope_at_1(ln_q) / centred - (k * shares).sum(-1)
            # near + far = missing, TERMS near + FAR far = missing slope
            far = ((missing_slope - TERMS * missing) / (FAR - TERMS)).clip(0, missing)
            with np.errstate(divide="ignore"):
                ln_variance = 2 * np.log(at.std)
            values = np.stack([at.ln_v, ln_variance, at.mean, *shares.T, missing - far, far])
            # (if two threads make it at once, they make the same)
            self.units[unit] = np.stack([values[:, :-1], np.diff(values)])
        return self.units[unit]


def _series(shares: Array, c_RBB: "Tensor") -> "Tensor":
    """C(c) = sum_k t_k c^k + near c^TERMS + far c^FAR, from t_1 ... near, far (terms, R)."""
    import torch

    share = torch.from_numpy(shares)[:, :, None, None]
    power = c_RBB.square()
    for _ in range(SQUARINGS - 1):
        power.square_()
    series = power.mul_(share[-1]).add_(share[-2])
    for term in share[:-2].flip(0):  # Horner
        series = torch.addcmul(term, series, c_RBB, out=series)
    return series.mul_(c_RBB)


@cache
def gram_curves_of(activation: Choice) -> GramCurves:
    """The tables of an activation; made once a process, as they are needed."""
    return GramCurves(curves_of(activation))
