"""Statistics of activations and gradients, in float64 whatever the network's dtype.

Blocks hold many runs side by side. Shape letters: R runs, B samples, N neurons (O outputs, I inputs
of a layer). Every statistic returns one number a run, shape (R,), and the numbers of a run do not
depend on the other runs of its block.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initlab.network.scratch import Scratch

SATURATED_BELOW = 0.05  # a unit with |phi'(z)| below this counts as saturated

Array = NDArray[np.float64]


class Centred(NamedTuple):
    """A block in float64, split into each sample's mean over neurons and the rest.

    Squares of float64 values overflow from 1e154 and vanish below 1e-162, so float64 blocks come in
    units of a power of two a run, in which the largest value lies in [1/2, 1). Squares of narrower
    types fit into float64 as they are.
    """

    rest_RBN: Tensor
    row_mean_RB: Array
    unit_R: Array


def centre(block_RBN: Tensor, scratch: Scratch, name: str, *, by_sample: bool = False) -> Centred:
    """Split a block into each sample's mean over neurons and what is left, in scratch memory.

    With `by_sample` each sample has its own unit; only what does not depend on the samples' lengths
    may be taken from the result.
    """
    runs, batch, width = block_RBN.shape
    x_RBN = scratch.block(name, runs, batch, width, torch.float64).RBN
    unit = np.ones(len(block_RBN))
    if block_RBN.dtype == torch.float64:
        largest = abs_max(block_RBN, scratch, by_sample=by_sample)
        exponent = np.where(np.isfinite(largest), np.frexp(largest)[1], 0).clip(-1000, 1000)
        unit = np.ldexp(1.0, exponent)
        inverse = torch.from_numpy(1 / unit).reshape(runs, -1, 1)
        torch.mul(block_RBN, inverse, out=x_RBN)
    else:
        x_RBN.copy_(block_RBN)
    row_mean_RB = x_RBN.mean(-1)
    return Centred(x_RBN.sub_(row_mean_RB[..., None]), row_mean_RB.numpy(), unit)


def abs_max(block_RBN: Tensor, scratch: Scratch, *, by_sample: bool = False) -> Array:
    """Largest magnitude of each run, or of each sample; nan if one value is nan."""
    return _numpy(_abs(block_RBN, scratch).amax(-1 if by_sample else (1, 2)))


def row_squares(c: Centred) -> Array:
    """Sum over neurons of rest^2, shape (R, B)."""
    return _numpy(torch.linalg.vector_norm(c.rest_RBN, dim=-1).square_())


def mean(c: Centred) -> Array:
    """Mean over samples and neurons."""
    values: Array = c.row_mean_RB.mean(-1) * c.unit_R
    return values


def std(c: Centred, within_RB: Array) -> Array:
    """Standard deviation over samples and neurons, centred and unbiased (n - 1) as `torch.std`.

    A single value has std nan, as in torch. One non-finite value makes it nan.
    """
    batch, width = c.rest_RBN.shape[1:]
    count = batch * width
    if count == 1:
        return np.full_like(c.unit_R, np.nan)
    # sum (x - mean)^2 = sum_b [ sum_n (x_bn - m_b)^2 + N (m_b - mean)^2 ], free of cancellation
    row_mean = c.row_mean_RB
    between = width * np.square(row_mean - row_mean.mean(-1, keepdims=True)).sum(-1)
    values: Array = np.sqrt((within_RB.sum(-1) + between) / (count - 1)) * c.unit_R
    return values


def rms(c: Centred, within_RB: Array) -> Array:
    """Root mean square over samples and neurons, not centred."""
    batch, width = c.rest_RBN.shape[1:]
    squares = within_RB.sum(-1) + width * np.square(c.row_mean_RB).sum(-1)
    values: Array = np.sqrt(squares / (batch * width)) * c.unit_R
    return values


def cosine(c: Centred, within_RB: Array) -> Array:
    """Mean cosine between different samples; nan when fewer than two samples are not all zero.

    Uses up what it is given: the rest is overwritten.
    """
    width = c.rest_RBN.shape[-1]
    squared_RB = within_RB + width * np.square(c.row_mean_RB)
    some = squared_RB != 0
    inverse_RB = np.divide(1.0, np.sqrt(squared_RB), out=np.zeros_like(squared_RB), where=some)
    # the sum of directions s = sum_b x_b / |x_b|, again as its mean over neurons and the rest
    directions = c.rest_RBN.mul_(torch.from_numpy(inverse_RB)[..., None])
    rest_R = _numpy(directions.sum(1).square_().sum(-1))
    mean_R = (inverse_RB * c.row_mean_RB).sum(-1)
    k = some.sum(-1)
    # |s|^2 = k + sum over ordered pairs of different samples of their cosine
    pairs = rest_R + width * np.square(mean_R) - k
    return np.where(k > 1, pairs / np.maximum(k * (k - 1), 1), np.nan).clip(-1, 1)


def fraction(
    compare: Callable[..., Tensor], block_RBN: Tensor, value: float, scratch: Scratch
) -> Array:
    """Share of entries of each run for which `compare(entry, value)` holds."""
    count = block_RBN[0].numel()
    # written as numbers at once: summing a bool block takes ten times as long; and summed in
    # float32 where that counts exactly, in a fifth of the time
    dtype = torch.float32 if count <= 2**24 else torch.float64
    hits = compare(block_RBN, value, out=scratch.take("hits", block_RBN.shape, dtype))
    return _numpy(hits.sum((1, 2))) / count


def finite_fraction(block_RBN: Tensor, largest_R: Array) -> Array:
    """Share of entries of each run that are neither infinite nor nan."""
    if np.isfinite(largest_R).all():
        return np.ones_like(largest_R)
    return _numpy(block_RBN.isfinite().to(torch.float64).mean((1, 2)))


def forward(
    pre_RBN: Tensor, out_RBN: Tensor, slope_RBN: Tensor, scratch: Scratch
) -> dict[str, Array]:
    """Every forward column of layers.csv for one layer of a block of runs."""
    with np.errstate(invalid="ignore", over="ignore"):  # in a run that has just burst
        pre = centre(pre_RBN, scratch, "x")
        columns = {"pre_mean": mean(pre), "pre_std": std(pre, row_squares(pre))}
        out = centre(out_RBN, scratch, "x")
        within_RB, largest = row_squares(out), abs_max(out_RBN, scratch)
        samples, lengths_RB = out, within_RB
        if out_RBN.dtype == torch.float64:  # one sample may be 1e200 times as long as the next
            samples = centre(out_RBN, scratch, "samples", by_sample=True)
            lengths_RB = row_squares(samples)
        return columns | {
            "mean": mean(out),
            "std": std(out, within_RB),
            "rms": np.where(np.isfinite(largest), rms(out, within_RB), largest),
            "abs_max": largest,
            "zero_fraction": fraction(torch.eq, out_RBN, 0, scratch),
            "saturated_fraction": fraction(
                torch.lt, _abs(slope_RBN, scratch), SATURATED_BELOW, scratch
            ),
            "finite_fraction": finite_fraction(out_RBN, largest),
            "cosine": cosine(samples, lengths_RB),
        }


def backward(
    gradient_RBO: Tensor, delta_RBO: Tensor, input_RBI: Tensor, scratch: Scratch
) -> dict[str, Array]:
    """Every backward column of layers.csv for one layer of a block of runs.

    Args:
        gradient_RBO: dL/dh at the layer's output.
        delta_RBO: dL/dz at its pre-activations.
        input_RBI: the layer's input h.
        scratch: memory to work in.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        gradient = centre(gradient_RBO, scratch, "x")
        grad_std = std(gradient, row_squares(gradient))
        delta = centre(delta_RBO, scratch, "x")
        return {
            "grad_std": grad_std,
            "weight_grad_std": weight_gradient_std(delta, centre(input_RBI, scratch, "h")),
            "bias_grad_std": bias_gradient_std(delta),
        }


def weight_gradient_std(d: Centred, h: Centred) -> Array:
    """Standard deviation of dL/dW = D^T h over its O x I entries.

    With D and h split into row means and rest, dW minus its mean is the sum over samples b of
    D'_bo h'_bi + D'_bo m_b + e_b h'_bi (m, e the row means of h, D). The three parts are orthogonal
    over (o, i), so that with the Gram matrices G_D = D' D'^T and G_h = h' h'^T over samples

        sum (dW - mean)^2 = sum_bb' [ G_D (G_h + I m m^T) + O e e^T G_h ]

    and dW need not be formed, except where the batch is larger than the layer.
    """
    batch, outputs = d.rest_RBN.shape[1:]
    inputs = h.rest_RBN.shape[-1]
    if outputs * inputs == 1:
        return np.full_like(d.unit_R, np.nan)
    if batch > min(outputs, inputs):
        squares = _direct_squares(d, h)
    else:
        gram_d, gram_h = _grams(d), _grams(h)
        mm, ee = (m[:, :, None] * m[:, None, :] for m in (h.row_mean_RB, d.row_mean_RB))
        terms = gram_d * (gram_h + inputs * mm) + outputs * ee * gram_h
        squares = terms.reshape(len(terms), -1).sum(-1)
    return np.sqrt(squares.clip(min=0) / (outputs * inputs - 1)) * (d.unit_R * h.unit_R)


def _grams(c: Centred) -> Array:
    """The Gram matrix over samples of every run, shape (R, B, B)."""
    runs, batch, _ = c.rest_RBN.shape
    grams = torch.empty(runs, batch, batch, dtype=torch.float64)
    # run by run: a product of many matrices at once rounds differently with their number
    for rest_BN, gram_BB in zip(c.rest_RBN.unbind(), grams.unbind(), strict=True):
        torch.mm(rest_BN, rest_BN.T, out=gram_BB)
    return _numpy(grams)


def _direct_squares(d: Centred, h: Centred) -> Array:
    """Sum of (dW - mean)^2 from dW itself, shape (R,)."""
    parts = []
    for part in (d, h):
        parts.append((part.rest_RBN + torch.from_numpy(part.row_mean_RB)[..., None]).unbind())
    gradients = (d_BO.T @ h_BI for d_BO, h_BI in zip(*parts, strict=True))
    return np.array([float((g - g.mean()).square().sum()) for g in gradients])


def bias_gradient_std(d: Centred) -> Array:
    """Standard deviation of dL/db = sum over samples of D, over the O outputs."""
    outputs = d.rest_RBN.shape[-1]
    if outputs == 1:
        return np.full_like(d.unit_R, np.nan)
    rest = d.rest_RBN.sum(1)  # the row means shift every entry of db alike
    squares = _numpy((rest - rest.mean(-1, keepdim=True)).square_().sum(-1))
    return np.sqrt(squares / (outputs - 1)) * d.unit_R


def _abs(block_RBN: Tensor, scratch: Scratch) -> Tensor:
    return torch.abs(block_RBN, out=scratch.take("abs", block_RBN.shape, block_RBN.dtype))


def _numpy(values: Tensor) -> Array:
    array: Array = values.to(torch.float64).numpy()
    return array
