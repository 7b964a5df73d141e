"""Statistics of activations and gradients, in float64 whatever the network's dtype.

Blocks hold many runs side by side. Shape letters: R runs, B samples, N neurons (O outputs, I inputs
of a layer). Every statistic returns one number a run, shape (R,), and the numbers of a run do not
depend on the other runs of its block.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

SATURATED_BELOW = 0.05  # a unit with |phi'(z)| below this counts as saturated


class Centred(NamedTuple):
    """A block in float64, split into each sample's mean over neurons and the rest.

    Squares of float64 values overflow from 1e154 and vanish below 1e-162, so float64 blocks come in
    units of a power of two a run, in which the largest value lies in [1/2, 1). Squares of narrower
    types fit into float64 as they are.
    """

    rest_RBN: Tensor
    row_mean_RB: Tensor
    unit_R: Tensor


def centre(block_RBN: Tensor) -> Centred:
    """Split a block into each sample's mean over neurons and what is left."""
    x_RBN = block_RBN.to(torch.float64)
    unit = torch.ones(len(block_RBN), dtype=torch.float64)
    if block_RBN.dtype == torch.float64:
        abs_max = abs_max_of(block_RBN)
        exponent = torch.where(abs_max.isfinite(), abs_max.frexp().exponent, 0)
        unit = unit.ldexp(exponent.clamp(-1000, 1000))
        x_RBN = x_RBN * unit.reciprocal()[:, None, None]
    row_mean = x_RBN.mean(-1)
    return Centred(x_RBN.sub_(row_mean[..., None]), row_mean, unit)


def abs_max_of(block_RBN: Tensor) -> Tensor:
    """Largest magnitude of each run; nan if one value is nan."""
    largest: Tensor = block_RBN.abs().amax((1, 2))
    return largest.to(torch.float64)


def row_squares(c: Centred) -> Tensor:
    """Sum over neurons of rest^2, shape (R, B)."""
    return torch.linalg.vector_norm(c.rest_RBN, dim=-1).square()


def mean(c: Centred) -> Tensor:
    """Mean over samples and neurons."""
    return c.row_mean_RB.mean(-1) * c.unit_R


def std(c: Centred, within_RB: Tensor) -> Tensor:
    """Standard deviation over samples and neurons, centred and unbiased (n - 1) as `torch.std`.

    A single value has std nan, as in torch. One non-finite value makes it nan.
    """
    batch, width = c.rest_RBN.shape[1:]
    count = batch * width
    if count == 1:
        return torch.full_like(c.unit_R, torch.nan)
    # sum (x - mean)^2 = sum_b [ sum_n (x_bn - m_b)^2 + N (m_b - mean)^2 ], free of cancellation
    row_mean = c.row_mean_RB
    between = width * (row_mean - row_mean.mean(-1, keepdim=True)).square().sum(-1)
    return ((within_RB.sum(-1) + between) / (count - 1)).sqrt() * c.unit_R


def rms(c: Centred, within_RB: Tensor) -> Tensor:
    """Root mean square over samples and neurons, not centred."""
    batch, width = c.rest_RBN.shape[1:]
    squares = within_RB.sum(-1) + width * c.row_mean_RB.square().sum(-1)
    return (squares / (batch * width)).sqrt() * c.unit_R


def cosine(c: Centred, within_RB: Tensor) -> Tensor:
    """Mean cosine between different samples; nan when fewer than two samples are not all zero."""
    width = c.rest_RBN.shape[-1]
    squared_RB = within_RB + width * c.row_mean_RB.square()
    inverse_RB = torch.where(squared_RB == 0, 0.0, squared_RB.rsqrt())
    # the sum of directions s = sum_b x_b / |x_b|, again as its mean over neurons and the rest
    rest_RN = torch.bmm(inverse_RB[:, None, :], c.rest_RBN)[:, 0]
    mean_R = (inverse_RB * c.row_mean_RB).sum(-1)
    k = (squared_RB != 0).sum(-1)
    # |s|^2 = k + sum over ordered pairs of different samples of their cosine
    pairs = rest_RN.square().sum(-1) + width * mean_R.square() - k
    return torch.where(k > 1, pairs / (k * (k - 1)), torch.nan).clamp(-1, 1)


def fraction(compare: Callable[..., Tensor], block_RBN: Tensor, value: float) -> Tensor:
    """Share of entries of each run for which `compare(entry, value)` holds."""
    count = block_RBN[0].numel()
    # written as numbers at once: summing a bool block takes ten times as long; and summed in
    # float32 where that counts exactly, in a fifth of the time
    hits = torch.empty(block_RBN.shape, dtype=torch.float32 if count <= 2**24 else torch.float64)
    return compare(block_RBN, value, out=hits).sum((1, 2)).to(torch.float64) / count


def finite_fraction(block_RBN: Tensor, abs_max_R: Tensor) -> Tensor:
    """Share of entries of each run that are neither infinite nor nan."""
    if abs_max_R.isfinite().all():
        return torch.ones_like(abs_max_R)
    return block_RBN.isfinite().to(torch.float64).mean((1, 2))


def forward(pre_RBN: Tensor, out_RBN: Tensor, slope_RBN: Tensor) -> dict[str, Tensor]:
    """Every forward column of layers.csv for one layer of a block of runs."""
    pre, out = centre(pre_RBN), centre(out_RBN)
    within_RB, abs_max = row_squares(out), abs_max_of(out_RBN)
    return {
        "pre_mean": mean(pre),
        "pre_std": std(pre, row_squares(pre)),
        "mean": mean(out),
        "std": std(out, within_RB),
        "rms": rms(out, within_RB),
        "abs_max": abs_max,
        "zero_fraction": fraction(torch.eq, out_RBN, 0),
        "saturated_fraction": fraction(torch.lt, slope_RBN.abs(), SATURATED_BELOW),
        "finite_fraction": finite_fraction(out_RBN, abs_max),
        "cosine": cosine(out, within_RB),
    }


def backward(gradient_RBO: Tensor, delta_RBO: Tensor, input_RBI: Tensor) -> dict[str, Tensor]:
    """Every backward column of layers.csv for one layer of a block of runs.

    Args:
        gradient_RBO: dL/dh at the layer's output.
        delta_RBO: dL/dz at its pre-activations.
        input_RBI: the layer's input h.
    """
    gradient, delta = centre(gradient_RBO), centre(delta_RBO)
    return {
        "grad_std": std(gradient, row_squares(gradient)),
        "weight_grad_std": weight_gradient_std(delta, centre(input_RBI)),
        "bias_grad_std": bias_gradient_std(delta),
    }


def weight_gradient_std(d: Centred, h: Centred) -> Tensor:
    """Std of dL/dW = D^T h over its O x I entries, without forming it where the batch is small.

    With D and h split into row means and rest, dW minus its mean is the sum over samples b of
    D'_bo h'_bi + D'_bo m_b + e_b h'_bi (m, e the row means of h, D). The three parts are orthogonal
    over (o, i), so that with the Gram matrices G_D = D' D'^T and G_h = h' h'^T over samples

        sum (dW - mean)^2 = sum_bb' [ G_D (G_h + I m m^T) + O e e^T G_h ]
    """
    batch, outputs = d.rest_RBN.shape[1:]
    inputs = h.rest_RBN.shape[-1]
    if outputs * inputs == 1:
        return torch.full_like(d.unit_R, torch.nan)
    if batch > min(outputs, inputs):
        squares = torch.stack([_direct(*pair) for pair in zip(*_whole(d, h), strict=True)])
    else:
        gram_d = torch.bmm(d.rest_RBN, d.rest_RBN.transpose(1, 2))
        gram_h = torch.bmm(h.rest_RBN, h.rest_RBN.transpose(1, 2))
        mm = h.row_mean_RB[:, :, None] * h.row_mean_RB[:, None, :]
        ee = d.row_mean_RB[:, :, None] * d.row_mean_RB[:, None, :]
        squares = (gram_d * (gram_h + inputs * mm) + outputs * ee * gram_h).sum((1, 2))
    std = (squares.clamp(min=0) / (outputs * inputs - 1)).sqrt()
    return std * d.unit_R * h.unit_R


def _whole(*parts: Centred) -> list[Tensor]:
    return [p.rest_RBN + p.row_mean_RB[..., None] for p in parts]


def _direct(delta_BO: Tensor, input_BI: Tensor) -> Tensor:
    gradient = delta_BO.T @ input_BI
    return (gradient - gradient.mean()).square().sum()


def bias_gradient_std(d: Centred) -> Tensor:
    """Std of dL/db = sum over samples of D, over the O outputs."""
    outputs = d.rest_RBN.shape[-1]
    if outputs == 1:
        return torch.full_like(d.unit_R, torch.nan)
    # the row means shift every entry of db alike
    rest = d.rest_RBN.sum(1)
    return ((rest - rest.mean(-1, keepdim=True)).square().sum(-1) / (outputs - 1)).sqrt() * d.unit_R
