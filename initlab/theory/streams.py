"""What norms, dropout and residual sums make of a signal of infinite width, forward.

Of a layer's output h three moments over neurons are followed, and four operations on them:

    s = E h^2      m = E h      p = E h_a h_b of two samples

    weights         (0, sigma_w^2 s + sigma_b^2, sigma_w^2 p + sigma_b^2): q and c = p / q
    layer norm      (0, 1, (p - m^2) / v),  v = s - m^2        RMS norm  (m / sqrt s, 1, p / s)
    dropout         (m, s / k, p), a share k kept, and scaled by 1 / k
    sum a h + b F   (a m + b mF, a^2 s + b^2 sF + 2 a b m mF, a^2 p + b^2 pF + 2 a b m mF)

as F, whose weights have mean 0, knows nothing of h but its mean (Yang & Schoenholz 2017, De & Smith
2020, Doshi et al. 2023; dropout: Schoenholz et al. 2017, sec. 5). Norms add eps to v or s. Of batch
norm see `batch_norm.py`.

Shapes: R networks side by side, (R,); M kinds of pairs of samples, (R, M).
"""

from typing import NamedTuple

import numpy as np

from initlab.theory.batch_norm import BatchNormMoments
from initlab.theory.curves import CorrelationMap, Curves, CurveValues
from initlab.theory.quadrature import Array
from initlab.theory.recursions import ln


class Signal(NamedTuple):
    """Moments of an output: ln s, m / sqrt(s), p / s, and a bound on the error of the last."""

    ln_s: Array  # (R,)
    mean: Array  # (R,)
    cosine: Array  # (R, M)
    error: Array  # (R, M)

    @property
    def spread(self) -> Array:
        """(s - m^2) / s."""
        return (1 - np.square(self.mean)).clip(0)

    @property
    def ln_variance(self) -> Array:
        """Ln (s - m^2)."""
        return self.ln_s + ln(self.spread)


class Pre(NamedTuple):
    """Pre-activations z: ln q of what is normal around 0, and its correlation c."""

    ln_q: Array
    c: Array
    error: Array


def weighted(h: Signal, w2: Array, b2: Array) -> Pre:
    """W h + b."""
    ln_w, ln_b = ln(w2) + h.ln_s, ln(b2)
    ln_q = np.logaddexp(ln_w, ln_b)
    share = np.exp(ln_w - ln_q)[:, None]
    c = share * h.cosine + np.exp(ln_b - ln_q)[:, None]
    return Pre(ln_q, np.clip(c, -1, 1), share * h.error)


class Activated(NamedTuple):
    """An activation's output, and what its gradient needs: phi's moments, and d (K/V) / dc."""

    signal: Signal
    at: CurveValues
    slope: Array  # (R, M)


def activated(curves: Curves, z: Pre) -> Activated:
    """phi(z)."""
    at = curves.at(z.ln_q)
    maps = CorrelationMap.of(curves.series(z.ln_q)[:, None], curves.slope_at_1(z.ln_q)[:, None])
    mapped = maps(z.c)
    error = np.minimum(np.abs(mapped.slope) * z.error + mapped.bound, 2)
    mean = np.clip(at.mean, -1, 1)
    # what the curves know of Var phi beyond V - E^2 is lost here, where phi hardly varies
    return Activated(Signal(at.ln_v, mean, mapped.value.clip(-1, 1), error), at, mapped.slope)


def dropped(h: Signal, kept: Array) -> Signal:
    """Inverted dropout, whose masks are independent."""
    root = np.sqrt(kept)
    each = kept[:, None]
    return Signal(h.ln_s - np.log(kept), h.mean * root, h.cosine * each, h.error * each)


def normed(h: Signal, eps: Array, *, centred: bool) -> tuple[Signal, Array]:
    """A norm over neurons, and ln of what it divides squares by."""
    ln_square = h.ln_variance if centred else h.ln_s
    ln_by = np.logaddexp(ln_square, ln(eps))
    if not centred:
        return h._replace(ln_s=h.ln_s - ln_by), ln_by
    spread = np.maximum(h.spread, 1e-300)[:, None]
    mean2 = np.square(h.mean)[:, None]
    cosine = np.clip((h.cosine - mean2) / spread, -1, 1)
    error = np.minimum(h.error / spread, 2)
    return Signal(h.ln_variance - ln_by, np.zeros_like(h.mean), cosine, error), ln_by


def normed_pre(z: Pre, eps: Array) -> tuple[Pre, Array]:
    """The same of pre-activations, whose mean is 0."""
    ln_by = np.logaddexp(z.ln_q, ln(eps))
    return z._replace(ln_q=z.ln_q - ln_by), ln_by


def batch_normed(
    ln_variance: Array, of_pairs: Array, batch: int, moments: BatchNormMoments
) -> tuple[Signal, Array]:
    """phi(BN(x)), and ln tau^2: the variance of x about the mean of its batch, at its neuron.

    Args:
        ln_variance: of x.
        of_pairs: correlation of two samples of x, (R, 1).
        batch: B.
        moments: of phi over a normalised batch.
    """
    ln_tau2 = ln_variance + ln(1 - of_pairs[:, 0])
    full = np.ones_like(ln_variance)
    second = max(moments.second, 1e-300)
    signal = Signal(
        full * np.log(second),
        full * moments.mean / np.sqrt(second),
        full[:, None] * moments.cross / second,
        np.zeros_like(of_pairs),
    )
    return signal, ln_tau2


def added(h: Signal, branch: Signal, skip: Array, scale: Array) -> Signal:
    """skip h + scale F."""
    ln_a, ln_b = ln(np.square(skip)) + h.ln_s, ln(np.square(scale)) + branch.ln_s
    top = np.maximum(ln_a, ln_b)
    a, b = np.sign(skip) * np.exp((ln_a - top) / 2), np.sign(scale) * np.exp((ln_b - top) / 2)
    both = 2 * a * b * h.mean * branch.mean
    s = a * a + b * b + both
    s = np.maximum(s, 1e-300)
    mean = (a * h.mean + b * branch.mean) / np.sqrt(s)
    a2, b2, s_ = (a * a)[:, None], (b * b)[:, None], s[:, None]
    cosine = (a2 * h.cosine + b2 * branch.cosine + both[:, None]) / s_
    error = (a2 * h.error + b2 * branch.error) / s_
    return Signal(top + np.log(s), np.clip(mean, -1, 1), np.clip(cosine, -1, 1), error)
