"""How far a sample's signal and gradient stray from infinite width: a random walk over the layers.

The sums behind the length map and the gradient map are, in a layer of n neurons, sums of n terms:

    ln V^ = ln V(q) + e1    sum phi_i^2 has a relative variance of        (E phi^4 / V^2 - 1) / n
    ln D^ = ln D(q) + e2    sum (phi'_i g_i)^2, beside sum g_i^2, of      3 (E phi'^4 / D^2 - 1) / n
                            and |W^T u|^2, chi^2_n / n times |u|^2, of    2 / n
    e1 and e2 covary by     (E phi^2 phi'^2 / (V D) - 1) / n, as one z decides both

e1 and e2 are taken as normal, so that V^ and D^ have these variances and the means V and D. Then
q' = sigma_w^2 V^ + sigma_b^2, and ln |dL/dh|^2 changes by ln sigma_w^2 D^. Of ReLU both variances
are 5/n (Hanin & Nica 2019), of a linear network 2/n. Left out: what g knows of the network through
the loss, and the other samples of a batch, whose average strays less.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from initlab.theory.curves import Curves, Patches
from initlab.theory.moments import Activation
from initlab.theory.quadrature import Array, expectations

PATHS = 400
SEED = 2019


class Walks(NamedTuple):
    """Ends of random walks, shape (paths, C)."""

    ln_std: Array  # ln of the std at the last layer
    ln_grad: Array  # ln of the gradient's std at layer 0 over that at the last


def random_walks(curves: Curves, sigma_w: Array, sigma_b: Array, depth: int, width: int) -> Walks:
    """Random networks of C pairs of scales, shape (C,), for an input of unit variance."""
    rng, w2, b2 = np.random.default_rng(SEED), np.square(sigma_w), np.square(sigma_b)
    ln_q = np.broadcast_to(np.log(w2 + b2), (PATHS, len(w2)))
    kurtosis, ln_grad = kurtoses(curves.activation), np.zeros((PATHS, len(w2)))
    with np.errstate(divide="ignore"):
        ln_w2, ln_b2 = np.log(w2), np.log(b2)
    for layer in range(depth):
        at = curves.at(ln_q)
        signal, slope = np.moveaxis(kurtosis(ln_q), -1, 0)
        s1, s2 = np.log1p((signal - 1) / width), np.log1p(3 * (slope - 1) / width)
        s2 = s2 + np.log1p(2 / width)
        both = np.log1p((at.overlap - 1) / width) / np.sqrt(s1 * s2)
        x, y = rng.standard_normal((2, *ln_q.shape))
        y = both * x + np.sqrt((1 - both * both).clip(min=0)) * y
        if layer:  # the gradient passes every layer but the first
            ln_grad = ln_grad + ln_w2 + at.ln_d + np.sqrt(s2) * y - s2 / 2
        if layer < depth - 1:
            ln_q = np.logaddexp(ln_w2 + at.ln_v + np.sqrt(s1) * x - s1 / 2, ln_b2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Walks(np.log(at.std), ln_grad / 2)


@cache
def kurtoses(activation: Activation) -> Patches:
    """E phi^4 / (E phi^2)^2 and E phi'^4 / (E phi'^2)^2 over ln q, shape (..., 2)."""

    def powers(x: Array) -> Array:
        value, slope = (f * f for f in activation.with_slope(x))
        return np.stack([value, value * value, slope, slope * slope])

    def at(q: Array) -> Array:
        with np.errstate(all="ignore"):
            v2, v4, d2, d4 = expectations(
                powers, np.zeros_like(q), np.sqrt(q), activation.kinks, 1e-10
            )
            return np.stack([v4 / v2**2, d4 / d2**2], axis=-1)

    return Patches(at)
