"""Moments of phi and phi' together, which a gradient that knows phi's output needs."""

from functools import cache
from typing import NamedTuple

import numpy as np

from initlab.theory.curves import Curves, Patches
from initlab.theory.quadrature import UNDERFLOW, Array, expectations
from initlab.theory.shifted import Smoothed

ENDS = (-30.0, 30.0)  # of ln q; beyond, activations are powers of |x|


class MixedMoments(NamedTuple):
    """Of z ~ N(0, q), or of z with its bias, without units; V = E phi^2 and D = E phi'^2."""

    z_slope: Array  # E[z phi'] / sqrt(q D)
    third: Array  # E[phi phi'^2] / (sqrt(V) D)
    product: Array  # E[phi phi'] / sqrt(V D)
    slope: Array  # E phi' / sqrt(D)


def mixed_moments(curves: Curves, ln_q: Array) -> MixedMoments:
    """At ln q of any shape."""
    return MixedMoments(*np.moveaxis(_patches_of(curves)(np.clip(ln_q, *ENDS)), -1, 0))


@cache
def _patches_of(curves: Curves) -> Patches:
    """The columns of `MixedMoments` over ln q."""
    phi = curves.activation

    def columns(q: Array) -> Array:
        def integrands(x: Array) -> Array:
            value, slope = phi.with_slope(x)
            product = value * slope
            z = 1.0 if isinstance(phi, Smoothed) else x  # there, x is z and its bias
            return np.stack([z * slope, product * slope, product, slope, value**2, slope**2])

        sigma = np.sqrt(q)
        floor = np.full((6, len(q)), UNDERFLOW)
        floor[:4] = 1e-13 * np.maximum(sigma, 1e-8)  # odd integrands are 0
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            found = (
                phi.averages(integrands, sigma, floor, [1, 0, 0, 0, 0, 0])
                if isinstance(phi, Smoothed)
                else expectations(integrands, np.zeros_like(sigma), sigma, phi.kinks, floor=floor)
            )
            z_slope, third, product, slope, v, d = found
            v, d = (np.maximum(x, np.finfo(float).tiny) for x in (v, d))
            columns = z_slope / (sigma * np.sqrt(d)), third / (np.sqrt(v) * d)
            shares: Array = np.stack([*columns, product / np.sqrt(v * d), slope / np.sqrt(d)], -1)
        return shares

    return Patches(columns, ENDS)
