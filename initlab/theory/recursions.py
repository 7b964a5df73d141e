"""Lengths, gradients and correlations of a network of infinite width, layer by layer.

Such a network is a recursion on three numbers: the variance q of a pre-activation, the correlation
c of two samples, and the variance of the gradient. Each layer has its own fans, and so its own
sigma_w^2 = fan_in Var W:

    q_0 = sigma_w^2 E x^2 + sigma_b^2       q_l+1 = sigma_w^2 V(q_l) + sigma_b^2
    c_l+1 = (sigma_w^2 K(q_l, c_l) + sigma_b^2) / q_l+1
    E (dL/dh_l-1)^2 = fan_out Var W D(q_l) E (dL/dh_l)^2

(Poole et al. 2016, eq. 3 and 5; Schoenholz et al. 2017, eq. 10.) Lengths are kept as logarithms: a
network that explodes leaves the numbers of float64.

Shapes: R networks side by side, (depth, R); short ones are padded at the end.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from initlab.catalog import LOSSES
from initlab.catalog.inputs import InputMoments
from initlab.spec.run import Run
from initlab.theory.curves import CorrelationMap, CurveValues
from initlab.theory.layer_curves import LayerCurves
from initlab.theory.quadrature import Array
from initlab.theory.variances import LayerVariance

LEAST_LN = -1e4  # ln of what is 0
SURE = 0.01  # of a cosine
MAPS = 1000  # correlation maps that are made at once, some 16 kB each


def exp(x: Array) -> Array:
    """e^x, 0 or inf where float64 ends."""
    with np.errstate(over="ignore", under="ignore"):
        result: Array = np.exp(x)
    return result


def ln(x: Array) -> Array:
    """Ln x, LEAST_LN of 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Array = np.maximum(np.log(np.maximum(x, 0)), LEAST_LN)
    return result


def lengths(curves: LayerCurves, w2: Array, b2: Array, second: Array) -> Array:
    """ln q of every layer, shape (depth, R)."""
    ln_q = np.empty_like(w2)
    ln_w2, ln_b2 = ln(w2), ln(b2)
    square = ln(second)
    for layer in range(len(w2)):
        ln_q[layer] = np.logaddexp(ln_w2[layer] + square, ln_b2[layer])
        square = curves.of(layer).ln_v(ln_q[layer])
    return ln_q


def gradients(
    runs: Sequence[Run],
    variances: Sequence[Sequence[LayerVariance]],
    ln_q: Array,
    at: CurveValues,
) -> Array:
    """ln Var dL/dh of every layer, relative to the last one's, shape (depth, R).

    Weights backward count as independent of those forward (Schoenholz et al. 2017, sec. 5), so that
    a gradient that knows nothing of h grows by G D(q) a layer, G = fan_out Var W. It does know h
    where the loss's gradient is y - t, as y is the last h. Then g = k h + r at every layer, r
    independent of h; and of W^T u, u = phi'(z) g, the part that z = W h knows is G (E[u z] / q) h:

        k' = k G E[z phi phi'] / q      E r'^2 = G (k^2 E[phi^2 phi'^2] + E r^2 D)

    In a deep linear network whose outputs are large, E g^2 after L layers is then L + 1 times what
    independence would have: the second moment of a product of L Gaussian matrices. An orthogonal W
    keeps lengths, so that what it hands on along h is missing in r'.
    """
    width = ln(np.array([[layer.backward for layer in own] for own in variances])).T
    last = np.array([run.depth - 1 for run in runs])
    # of y and of t ~ N(0, 1)
    residual = np.where([LOSSES[run.loss.name].residual for run in runs], 0.0, -np.inf)
    ln_k2, ln_r2 = np.zeros((2, len(runs)))
    ln_g2, ln_variance = np.empty_like(ln_q), 2 * ln(at.std)
    along = 2 * (width + at.ln_v + np.log(at.growth.clip(min=1e-300)) - ln_q)
    across = width + at.ln_v + at.ln_d + np.log(at.overlap.clip(min=1e-300))
    across += ln(1 - exp(along - width + ln_q + ln(kept(variances, ln_q)) - across))
    for layer in range(len(ln_q) - 1, -1, -1):
        ln_k2, ln_r2 = np.where(last <= layer, residual, ln_k2), np.where(last <= layer, 0, ln_r2)
        ln_g2[layer] = np.logaddexp(ln_k2 + ln_variance[layer], ln_r2)  # centred, as measured
        ln_r2 = np.logaddexp(ln_k2 + across[layer], ln_r2 + width[layer] + at.ln_d[layer])
        ln_k2 = ln_k2 + along[layer]
    relative: Array = ln_g2 - ln_g2[last, np.arange(len(runs))]
    return relative


def kept(variances: Sequence[Sequence[LayerVariance]], ln_q: Array) -> Array:
    """Share of E z^2 that an orthogonal W^T hands on along h, shape (depth, R); 0 of other W."""
    wide = [
        [layer.orthogonal * min(layer.fan_out / layer.fan_in, 1) for layer in own]
        for own in variances
    ]
    biases = ln(np.array([[layer.bias_variance for layer in own] for own in variances])).T
    share: Array = np.array(wide).T * (1 - exp(biases - ln_q))  # z = W h + b
    return share


class Pairs(NamedTuple):
    """Two samples at one layer, of M kinds: each shape (R, M)."""

    c: Array  # correlation of what the weights make of z
    share: Array  # of all pairs
    cosine: Array  # E phi(x1) phi(x2) / E phi^2
    slope: Array  # its derivative by c


def cosines(
    curves: LayerCurves,
    ln_q: Array,
    at: CurveValues,
    w2: Array,
    b2: Array,
    inputs: Sequence[InputMoments],
    pairs: list[Pairs] | None = None,
) -> Array:
    """Mean cosine of h between different samples, shape (depth, R); nan where it may be off.

    `pairs` takes what is known of every layer's pairs, those of the input first.

    Steep activations at large q need more terms than there are, where samples are almost alike.
    """
    most = max(len(classes) for _, classes in inputs)
    c = np.zeros((len(inputs), most))
    share, error = np.zeros_like(c), np.zeros_like(c)
    for index, (_, classes) in enumerate(inputs):
        c[index, : len(classes)], share[index, : len(classes)] = zip(*classes, strict=True)
    if pairs is not None:
        pairs.append(Pairs(c, share, c, np.ones_like(c)))
    # of the variance q, the weights' part and the biases', which all samples share
    ln_first = ln(np.array([second for second, _ in inputs]))
    weights = exp(ln(w2) + np.concatenate([ln_first[None], at.ln_v[:-1]]) - ln_q)[..., None]
    biases = exp(ln(b2) - ln_q)[..., None]
    cosine = np.empty_like(ln_q)
    slope_at_1 = curves.each(lambda own, at: own.slope_at_1(at), ln_q)[..., None]
    at_once = max(1, MAPS // len(inputs))
    for layer in range(len(ln_q)):
        if layer % at_once == 0:
            part = slice(layer, layer + at_once)
            shares = curves.each(lambda own, at: own.series(at), ln_q[part], layer)
            maps = CorrelationMap.of(shares[:, :, None], slope_at_1[part])
        c = np.clip(weights[layer] * c + biases[layer], -1, 1)
        mapped = maps.at(layer % at_once)(c)
        error = np.minimum(np.abs(mapped.slope) * weights[layer] * error + mapped.bound, 2)
        if pairs is not None:
            pairs.append(Pairs(c, share, mapped.value.clip(-1, 1), mapped.slope))
        c = mapped.value.clip(-1, 1)
        cosine[layer] = np.where((share * error).sum(-1) <= SURE, (share * c).sum(-1), np.nan)
    return cosine
