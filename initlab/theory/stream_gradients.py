"""What norms, dropout and residual sums make of a gradient of infinite width, on its way back.

A gradient g = dL/dh is followed as

    g = k h + c 1 + r        with E r = 0, E r^2 and E r_a r_b of two samples

A loss that knows nothing of h starts with k = c = 0. Of mse, y - t, k = 1: it matters in residual
streams, where h of all layers are much alike. Back through z = W x + b, of u = dL/dz

    k' = G E[u z] / q,   c' = 0,   E r'^2 = G E u^2,   G = fan_out Var W

what z knows of W, and a part that does not depend on x (`recursions.gradients`). With moments
E[z phi phi'], E phi^2 phi'^2, E[z phi'] and so on, of g at phi(z), u = phi'(z) g has

    E[u z] = k E[z phi phi'] + c E[z phi']
    E u^2  = k^2 E[phi^2 phi'^2] + 2 k c E[phi phi'^2] + (c^2 + E r^2) E phi'^2

Dropout's mask makes of k h a k m h, whose part r of mean 0 is the larger the larger h is. So of r

    E[r^2 | h] = rest + tilt h / sqrt(s) + noise h^2 / s

is followed, of which phi' takes E phi'^2, E[phi phi'^2] and E phi^2 phi'^2.

A norm takes out what is along its output (and a centred one, what is along 1), and divides by what
it divided by. A sum h' = a h + b F hands a g' on to h and b g' into its branch, where

    b g' = b^2 k F + b (c + a k m) + b (a k (h - m) + r)

Shapes: R networks side by side.
"""

from typing import NamedTuple

import numpy as np

from initlab.theory.batch_norm import BatchNormMoments
from initlab.theory.curves import Curves, CurveValues
from initlab.theory.mixed_moments import mixed_moments
from initlab.theory.quadrature import Array
from initlab.theory.recursions import ln
from initlab.theory.streams import Signal

FULL = 300.0  # ln of a ratio of sizes from which on it is that to a sum that is 0


class Gradient(NamedTuple):
    """In units of exp(ln / 2): k sqrt(s), c, E[r^2 | h] and E r_a r_b, each (R,)."""

    ln: Array
    along: Array
    constant: Array
    rest: Array
    across: Array
    tilt: Array
    noise: Array

    @classmethod
    def start(cls, networks: int, ln_s: Array, residual: Array) -> "Gradient":
        """Of y - t, t ~ N(0, 1), where the loss is `residual`; else of independent numbers."""
        none = np.zeros(networks)
        ln_k = np.where(residual, ln_s, -np.inf)
        top = np.maximum(ln_k, 0)
        return cls(top, np.exp((ln_k - top) / 2), none, np.exp(-top), none, none, none)

    def independent(self, h: Signal) -> Array:
        """E r^2."""
        return self.rest + self.tilt * h.mean + self.noise

    def total(self, h: Signal) -> Array:
        """E g^2, in these units."""
        both = 2 * self.along * self.constant * h.mean
        return np.square(self.along) + np.square(self.constant) + both + self.independent(h)

    def ln_variance(self, h: Signal) -> Array:
        """Ln (E g^2 - (E g)^2): centred, as it is measured."""
        return self.ln + ln(np.square(self.along) * h.spread + self.independent(h))

    def scaled(self) -> "Gradient":
        """The same in units in which it is about 1."""
        size = np.square(self.along) + np.square(self.constant) + self.rest + self.noise
        size = np.where(size > 0, size, 1.0)
        root = np.sqrt(size)
        return Gradient(
            self.ln + np.log(size),
            self.along / root,
            self.constant / root,
            *(x / size for x in (self.rest, self.across, self.tilt, self.noise)),
        )

    def divided(self, ln_by: Array) -> "Gradient":
        """By a number whose square has this logarithm."""
        return self._replace(ln=self.ln - ln_by)


class Slopes(NamedTuple):
    """u = dL/dz: E[u z] / sqrt q, E u, E u^2 and E u_a u_b, in units of exp(ln / 2), each (R,)."""

    ln: Array
    with_z: Array
    mean: Array
    square: Array
    across: Array


def through_activation(
    g: Gradient, curves: Curves, ln_q: Array, at: CurveValues, slope: Array, cosine: Array
) -> Slopes:
    """Phi'(z) g.

    Args:
        g: at phi(z).
        curves: of phi.
        ln_q: of z.
        at: moments there.
        slope: d (K/V) / dc of a typical pair.
        cosine: K/V of it.
    """
    k, c, r = g.along, g.constant, g.rest
    none = np.zeros_like(k)
    z_slope, third, product, mean_slope = none, none, none, none
    if any((part != 0).any() for part in (k, c, g.tilt)):
        z_slope, third, product, mean_slope = mixed_moments(curves, ln_q)
    # k^2 E[phi phi' phi phi'] of two samples: that of phi where phi phi' is a multiple of phi,
    # as it is in a head without activation, or with relu
    known = np.square(k) * at.overlap * cosine
    # in units of sqrt D: phi / sqrt V is of size 1, as h / sqrt s is
    root = np.exp(np.minimum((at.ln_v - ln_q - at.ln_d) / 2, FULL))
    return Slopes(
        g.ln + at.ln_d,
        k * at.growth * root + c * z_slope,
        k * product + c * mean_slope,
        (np.square(k) + g.noise) * at.overlap + (2 * k * c + g.tilt) * third + np.square(c) + r,
        g.across * root**2 * slope + known,
    )


def through_norm(u: Slopes, ln_by: Array, *, centred: bool) -> Slopes:
    """Back through a norm between weights and activation, to the weights' side."""
    square = u.square - np.square(u.with_z) - (np.square(u.mean) if centred else 0)
    none = np.zeros_like(u.mean)
    return Slopes(u.ln - ln_by, none, none, square.clip(0), u.across)


def through_weights(u: Slopes, x: Signal, ln_q: Array, g2: Array, kept: Array) -> Gradient:
    """W^T u.

    Args:
        u: at z = W x + b.
        x: what the weights were multiplied with.
        ln_q: of z.
        g2: G = fan_out Var W.
        kept: share of E z^2 that orthogonal weights hand on along x; 0 of others.
    """
    # along x of size sqrt s: G E[u z] / q sqrt s, in units of sqrt G, which may be 0 as q is
    along = np.exp((x.ln_s + ln(g2) - ln_q) / 2) * u.with_z
    lost = np.square(u.with_z) * kept
    none = np.zeros_like(along)
    rest = (u.square - lost).clip(0)
    across = u.across - lost * x.cosine[:, 0]
    return Gradient(u.ln + ln(g2), along, none, rest, across, none, none)


def through_dropout(g: Gradient, kept: Array) -> Gradient:
    """Back through a mask m / k: k' x (m / k)^2, of mean 1 / k over masks.

    Args:
        g: at x m / k, as weights hand it on: without a constant, and of a rest that knows no x.
        kept: the share k.
    """
    # k h' of h' = x m / k has size k sqrt(s / kept)
    inverse = 1 / kept
    return g._replace(
        along=g.along * np.sqrt(inverse),
        rest=g.rest * inverse,
        noise=np.square(g.along) * (np.square(inverse) - inverse),
    )


def through_layer_norm(g: Gradient, x: Signal, ln_by: Array, *, centred: bool) -> Gradient:
    """Back through a norm over neurons, of input x."""
    none = np.zeros_like(g.along)
    if not centred:
        # of c 1, what is along the output is taken out
        return g._replace(along=-g.constant * x.mean).divided(ln_by)
    # the output is (x - m) / std, in units of its own size
    std = np.sqrt(np.maximum(x.spread, 1e-300))
    tilt, noise = g.tilt / std, g.noise / std**2
    return Gradient(
        g.ln - ln_by,
        none,
        none,
        g.rest - tilt * x.mean + noise * np.square(x.mean),
        g.across,
        tilt - 2 * noise * x.mean,
        noise,
    )


def through_batch_norm(
    g: Gradient, batch: int, ln_tau2: Array, moments: BatchNormMoments
) -> Slopes:
    """Back through phi(BN(z)); what comes of it sums to 0 over the batch.

        E u^2 = (B / (B - 3) / tau^2) / B  E tr[(P - y y^T / B) Phi' G Phi'],  G = E g g^T

    as 1 / (variance of a batch) is B / (tau^2 (B - 3)) on average (an inverse chi^2).
    """
    apart, together = g.rest - g.across, g.rest + (batch - 1) * g.across
    # along phi(y), of size 1 where E phi^2 = V
    own = np.square(g.along) * moments.own + g.noise * moments.noise
    trace = own / max(moments.second, 1e-300) + apart * moments.across
    trace = trace + (together + batch * np.square(g.constant)) * moments.along
    square = trace / (batch - 3)
    none = np.zeros_like(square)
    return Slopes(g.ln - ln_tau2, none, none, square, -square / (batch - 1))


def as_gradient(u: Slopes) -> Gradient:
    """Of a norm that stands before weights: nothing is along its input."""
    none = np.zeros_like(u.square)
    return Gradient(u.ln, none, none, u.square, u.across, none, none)


def into_branch(
    g: Gradient, after: Signal, h: Signal, branch: Signal, skip: Array, scale: Array
) -> tuple[Gradient, Gradient]:
    """What a sum a h + b F hands on to h, and into its branch.

    Args:
        g: at the sum.
        after: the sum.
        h: what came in.
        branch: F.
        skip: a.
        scale: b.
    """
    return (
        _handed_on(g, after, (skip, h), (scale, branch)),
        _handed_on(g, after, (scale, branch), (skip, h)),
    )


def _handed_on(
    g: Gradient, after: Signal, to: tuple[Array, Signal], other: tuple[Array, Signal]
) -> Gradient:
    """What a sum hands on to one of its parts: its factor and the part, then those of the other."""
    (a, x), (b, y) = to, other
    # sizes relative to the sum's
    of_x, of_y = (np.exp(np.minimum((part.ln_s - after.ln_s) / 2, FULL)) for part in (x, y))
    # a g = a^2 k x + a (c + b k y) + a r: of y, the mean is a constant and the rest knows no x
    on = g.along * a * b * of_y
    in_x, in_y = a * of_x, b * of_y
    given = g.rest + g.tilt * in_y * y.mean + g.noise * np.square(in_y)  # E[r^2 | x = 0]
    return Gradient(
        g.ln,
        a * a * g.along * of_x,
        a * g.constant + on * y.mean,
        a * a * given + np.square(on) * y.spread,
        a * a * g.across + np.square(on) * _pairs(y),
        a * a * in_x * (g.tilt + 2 * g.noise * in_y * y.mean),
        np.square(a * in_x) * g.noise,
    )


def together(past: Gradient, branch: Gradient) -> Gradient:
    """The gradient of what came into a block: of both ways, whose rests are independent."""
    top = np.maximum(past.ln, branch.ln)
    parts = []
    for g in (past, branch):
        root = np.exp((g.ln - top) / 2)
        squares = (x * root**2 for x in (g.rest, g.across, g.tilt, g.noise))
        parts.append((g.along * root, g.constant * root, *squares))
    sums = [one + other for one, other in zip(*parts, strict=True)]
    return Gradient(top, *sums).scaled()


def _pairs(h: Signal) -> Array:
    """(p - m^2) / s of two samples, where all pairs are alike; else of the first kind."""
    pairs: Array = h.cosine[:, 0] - np.square(h.mean)
    return pairs
