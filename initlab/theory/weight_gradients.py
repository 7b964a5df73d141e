"""The std of dL/dW, in the loss's own units.

dL/dW_ij = sum_b d_bi h_bj over the samples b, with d = dL/dz and h the layer's input. So

    E (dL/dW_ij)^2 = B E d^2 E h^2 + sum over b != b' of E[d_b d_b'] E[h_b h_b']

A gradient g = dL/dh is k h + r (`recursions.gradients`), and d = phi'(z) g, so that between samples

    E[d_b d_b'] = k^2 E[phi phi'(z_b) phi phi'(z_b')] + p E[phi'(z_b) phi'(z_b')],   p = E[r_b r_b']

and, one layer further back, p' = fan_out Var W E[d_b d_b']. Targets are independent: p starts at 0.
What is measured is centred: the mean of dL/dW is B k E[phi phi'] E h.

Shapes: R networks, M kinds of pairs of samples, L layers.
"""

from collections.abc import Sequence

import numpy as np

from initlab.catalog import LOSSES
from initlab.catalog.inputs import InputMoments
from initlab.spec.run import Run
from initlab.theory import recursions
from initlab.theory.curves import CorrelationMap, CurveValues
from initlab.theory.layer_curves import LayerCurves
from initlab.theory.overflow import ln_start
from initlab.theory.quadrature import Array
from initlab.theory.recursions import Pairs
from initlab.theory.variances import LayerVariance


def weight_gradients(
    curves: LayerCurves,
    runs: Sequence[Run],
    variances: Sequence[Sequence[LayerVariance]],
    ln_q: Array,
    at: CurveValues,
    inputs: Sequence[InputMoments],
    pairs: Sequence[Pairs],
) -> Array:
    """Std of dL/dW at every layer, shape (L, R); nan where the loss's first gradient is not known.

    Args:
        curves: those of the layers.
        runs: R of them; short ones are padded at the end.
        variances: of their layers.
        ln_q: ln of the variance that the weights make, shape (L, R).
        at: moments there.
        inputs: of their samples.
        pairs: of the input, and of every layer; of `recursions.cosines`.
    """
    batch = np.array([run.batch for run in runs], dtype=float)
    last = np.array([run.depth - 1 for run in runs])
    std = np.array([float(at.std[run.depth - 1, i]) for i, run in enumerate(runs)])
    # of a target of the spec's own, samples may have something in common
    starts = [
        ln_start(run, float(own)) if run.target is None else None
        for run, own in zip(runs, std, strict=True)
    ]
    ln_scale = 2 * np.array([np.nan if ln is None else ln for ln in starts])
    residual = np.array([LOSSES[run.loss.name].residual for run in runs])
    r2_start = np.where(residual, 1 / (np.square(std) + 1), 1.0)  # of Var y + 1, and y = k h
    k2_start = np.where(residual, r2_start, 0.0)
    kept, result = recursions.kept(variances, ln_q), np.empty_like(ln_q)
    k2, r2, p = np.zeros(len(runs)), np.zeros(len(runs)), np.zeros_like(pairs[0].c)
    mean_x2 = np.array([s * kinds[0][0] if len(kinds) == 1 else 0.0 for s, kinds in inputs])
    for layer in range(len(ln_q) - 1, -1, -1):
        starting = last <= layer
        k2, r2 = np.where(starting, k2_start, k2), np.where(starting, r2_start, r2)
        p = np.where(starting[:, None], 0.0, p)
        q, v, d = (np.exp(x[layer]) for x in (ln_q, at.ln_v, at.ln_d))
        overlap = v * d * at.overlap[layer]
        here, before = pairs[layer + 1], pairs[layer]
        shares = curves.of(layer).product_series(ln_q[layer])
        products = CorrelationMap.of(shares[:, None], np.zeros((len(runs), 1)))
        both = k2 * overlap
        d2 = both + r2 * d
        across = both[:, None] * products(here.c).value + p * (v / q)[:, None] * here.slope
        h2 = np.exp(at.ln_v[layer - 1]) if layer else np.array([second for second, _ in inputs])
        mean2 = h2 * np.square(at.mean[layer - 1]) if layer else mean_x2
        between = (before.share * across * before.cosine).sum(-1) * h2
        square = batch * d2 * h2 + batch * (batch - 1) * between
        square -= np.square(batch) * both * shares[:, 0] * mean2
        result[layer] = np.sqrt(square.clip(min=0)) * recursions.exp(ln_scale / 2)
        # back through the weights; an orthogonal matrix hands on what it knows of h at its own size
        growth = np.array([own[layer].backward for own in variances])
        known = k2 * np.square(growth * v * at.growth[layer] / q)
        lost = known * q * kept[layer] / np.where(growth > 0, growth, 1)
        k2, r2, p = known, growth * d2 - lost, growth[:, None] * across - lost[:, None] * here.c
        # what explodes or vanishes stays within float64
        size = np.maximum(r2 + k2 * h2, np.finfo(float).tiny)
        k2, r2, p = k2 / size, r2 / size, p / size[:, None]
        ln_scale = np.where(starting & (last < layer), ln_scale, ln_scale + np.log(size))
    return result
