"""The sums of one layer by torch, of any dtype.

Blocks hold many runs side by side. Shape letters: R runs, B samples, N neurons (O outputs, I inputs
of a layer), K tensors of one shape.

A block is read as few times as that allows: its sum and its sum of squares give mean, rms and std
at once. Where their difference would lose digits, the std is summed again about the mean.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from initlab.network.products import products_of_runs
from initlab.network.scratch import Scratch
from initlab.network.sums import (
    SATURATED_BELOW,
    Array,
    Backward,
    Forward,
    Sums,
    cancels,
    powers_of_two,
)

FORMED = 2**18  # weight gradients in memory at a time, where they are formed
COUNTS_EXACTLY = 2**24  # ones that float32 can add up


class _Double(NamedTuple):
    """Tensors in float64.

    Squares of float64 values overflow from 1e154 and vanish below 1e-162, so values that were
    float64 come in units of a power of two a run, in which the largest lies in [1/2, 1). Squares of
    narrower types fit into float64 as they are.
    """

    x_KRBN: Tensor
    unit_KR: Array


def _double(scratch: Scratch, name: str, *blocks_RBN: Tensor) -> _Double:
    shape = (len(blocks_RBN), *blocks_RBN[0].shape)
    x_KRBN = scratch.take(name, shape, torch.float64)
    for copy, block in zip(x_KRBN, blocks_RBN, strict=True):
        copy.copy_(block)
    unit = np.ones(shape[:2])
    if blocks_RBN[0].dtype == torch.float64:
        unit = powers_of_two(x_KRBN.abs().amax((2, 3)).numpy())
        x_KRBN.div_(torch.from_numpy(unit)[:, :, None, None])
    return _Double(x_KRBN, unit)


def _row_sums(x: Tensor) -> Array:
    sums: Array = x.sum(-1).numpy()
    return sums


def _norms(x: Tensor) -> Array:
    norms: Array = torch.linalg.vector_norm(x, dim=-1).numpy()
    return norms


def _sums(x_KRBN: Tensor, unit: Array, row_sums: Array, row_norms: Array) -> Sums:
    """Of tensors of equal shape, from the sums and norms of their rows, shape (K, R, B)."""
    total, squares = row_sums.sum(-1), np.square(row_norms).sum(-1)
    count = x_KRBN[0, 0].numel()
    # sum (x - mean)^2 = sum x^2 - (sum x)^2 / n
    centred = squares - total * total / count
    at = np.nonzero(cancels(centred, squares))
    if len(at[0]):
        x = x_KRBN[at] - torch.from_numpy(total[at] / count)[:, None, None]
        x -= x.mean((1, 2), keepdim=True)  # what rounding left of the mean
        centred[at] = np.square(_norms(x.flatten(1)))
    return Sums(total, squares, centred, unit)


def norms_of_runs(x_RBN: Tensor, scratch: Scratch) -> Array:
    """The Frobenius norm of every run's block, shape (R,)."""
    x_1RBN, unit = _double(scratch, "x", x_RBN)
    norms: Array = np.sqrt(np.square(_norms(x_1RBN[0])).sum(-1)) * unit[0]
    return norms


# forward -------------------------------------------------------------------------------------


def forward(
    pre_RBN: Tensor,
    out_RBN: Tensor,
    slope_RBN: Tensor,
    scratch: Scratch,
    *,
    saturation: float = SATURATED_BELOW,
) -> Forward:
    """What `statistics.forward` has."""
    x_KRBN, unit = _double(scratch, "x", pre_RBN, out_RBN)
    row_sums, row_norms = _row_sums(x_KRBN), _norms(x_KRBN)
    sums = _sums(x_KRBN, unit, row_sums, row_norms)
    largest = _abs(out_RBN, scratch).amax((1, 2)).to(torch.float64).numpy()
    finite = np.ones_like(largest)
    if not np.isfinite(largest).all():
        finite = out_RBN.isfinite().to(torch.float64).mean((1, 2)).numpy()
    samples, lengths_RB = x_KRBN[1], row_norms[1]
    if out_RBN.dtype == torch.float64:  # one sample may be 1e200 times as long as the next
        alone = _double(scratch, "samples", out_RBN.flatten(0, 1)[:, None]).x_KRBN
        samples = alone.view(out_RBN.shape)
        lengths_RB = _norms(samples)
    some = lengths_RB != 0
    inverse_RB = np.divide(1.0, lengths_RB, out=np.zeros_like(lengths_RB), where=some)
    direction_R1N = products_of_runs(torch.from_numpy(inverse_RB)[:, None], samples)
    return Forward(
        sums=sums,
        abs_max=largest,
        zeros=_count(torch.eq(out_RBN, 0, out=_hits(out_RBN, scratch))),
        saturated=_count(
            torch.lt(_abs(slope_RBN, scratch), saturation, out=_hits(slope_RBN, scratch))
        ),
        finite=finite,
        direction=_norms(direction_R1N)[:, 0],
        samples=some.sum(-1),
    )


def _abs(block_RBN: Tensor, scratch: Scratch) -> Tensor:
    memory = scratch.take("abs", block_RBN.shape, block_RBN.dtype)
    return torch.abs(block_RBN, out=memory)


def _hits(block_RBN: Tensor, scratch: Scratch) -> Tensor:
    # comparisons are written as numbers at once: summing a bool block takes ten times as long
    dtype = torch.float32 if block_RBN[0].numel() <= COUNTS_EXACTLY else torch.float64
    return scratch.take("hits", block_RBN.shape, dtype)


def _count(hits_RBN: Tensor) -> Array:
    count: Array = hits_RBN.sum((1, 2)).to(torch.float64).numpy()
    return count


# backward ------------------------------------------------------------------------------------


def backward(
    gradient_RBO: Tensor,
    delta_RBO: Tensor,
    input_RBI: Tensor,
    scratch: Scratch,
    *,
    biased: bool,
) -> Backward:
    """What `statistics.backward` has."""
    x_KRBO, unit = _double(scratch, "x", gradient_RBO, delta_RBO)
    h_1RBI, h_unit = _double(scratch, "h", input_RBI)
    row_sums = _row_sums(x_KRBO)
    gradient = _sums(x_KRBO[:1], unit[:1], row_sums[:1], _norms(x_KRBO[:1]))
    return Backward(
        gradient=Sums(*(column[0] for column in gradient)),
        weights=_weight_sums(
            x_KRBO[1], h_1RBI[0], row_sums[1], _row_sums(h_1RBI[0]), unit[1] * h_unit[0]
        ),
        biases=bias_sums(x_KRBO[1], unit[1]) if biased else None,
    )


def _weight_sums(d_RBO: Tensor, h_RBI: Tensor, d_sums: Array, h_sums: Array, unit: Array) -> Sums:
    """Of dL/dW = sum_b D_b^T h_b over its O x I entries, which need not be formed.

        sum dW = sum_b (sum_o D_bo) (sum_i h_bi)      sum dW^2 = sum_bb' (D D^T)_bb' (h h^T)_bb'

    It is formed where digits would be lost, and where the batch is larger than the layer.
    """
    batch, outputs = d_RBO.shape[1:]
    inputs = h_RBI.shape[-1]
    total = (d_sums * h_sums).sum(-1)
    if batch > min(outputs, inputs):
        squares, centred = direct_weight_sums(d_RBO, h_RBI)
        return Sums(total, squares, centred, unit)
    d_RBB, h_RBB = (products_of_runs(x, x.transpose(1, 2)) for x in (d_RBO, h_RBI))
    squares = _row_sums(d_RBB.mul_(h_RBB).flatten(1))
    centred = squares - total * total / (outputs * inputs)
    at = np.flatnonzero(cancels(centred, squares))
    if len(at):
        centred[at] = direct_weight_sums(d_RBO[at], h_RBI[at])[1]
    return Sums(total, squares, centred, unit)


def direct_weight_sums(d_RBO: Tensor, h_RBI: Tensor) -> tuple[Array, Array]:
    """Sum of dW^2 and of (dW - mean)^2 from dW itself, each of shape (R,)."""
    entries = d_RBO.shape[-1] * h_RBI.shape[-1]
    squares, centred = np.empty(len(d_RBO)), np.empty(len(d_RBO))
    runs = max(1, FORMED // entries)
    for at in (slice(start, start + runs) for start in range(0, len(d_RBO), runs)):
        gradient = products_of_runs(d_RBO[at].transpose(1, 2), h_RBI[at]).flatten(1)
        squares[at] = np.square(_norms(gradient))
        gradient -= gradient.mean(-1, keepdim=True)
        centred[at] = np.square(_norms(gradient))
    return squares, centred


def bias_sums(d_RBO: Tensor, unit: Array) -> Sums:
    """Of dL/db = sum over samples of D, over the O outputs."""
    db_1R1O = d_RBO.sum(1)[None, :, None]
    sums = _sums(db_1R1O, unit[None], _row_sums(db_1R1O), _norms(db_1R1O))
    return Sums(*(column[0] for column in sums))
