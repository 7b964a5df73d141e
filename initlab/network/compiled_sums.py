"""The sums of statistics.py by `native/sums.c`, of float32 blocks.

They equal what torch finds but for the last digits of a float64. Blocks are of shape (R, B, N), and
contiguous but for a stride between runs.
"""

from collections.abc import Callable
from ctypes import c_double, c_float, c_int64, c_void_p
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initlab import native
from initlab.network.sums import LEFT, SATURATED_BELOW, Backward, Forward, Sums, cancels
from initlab.network.torch_sums import bias_sums, direct_weight_sums

ROWS = 4  # of a Gram matrix, that are taken at a time
MOST_SAMPLES = 64  # of a batch: larger Gram matrices are faster by a library's products

_SUMS = np.dtype([("total", "f8"), ("squares", "f8"), ("centred", "f8")])
_FORWARD = np.dtype(
    [("pre", _SUMS), ("out", _SUMS)]
    + [(x, "f8") for x in ("abs_max", "zeros", "saturated", "finite", "direction", "samples")]
)
_BACKWARD = np.dtype([("gradient", _SUMS), ("weights", _SUMS)])

_Found = NDArray[np.void]


def forward(
    pre_RBN: Tensor, out_RBN: Tensor, slope_RBN: Tensor, *, saturation: float = SATURATED_BELOW
) -> Forward:
    """What `statistics.forward` has."""
    runs, batch, width = out_RBN.shape
    blocks = pre_RBN, out_RBN, slope_RBN
    found, direction = np.empty(runs, _FORWARD), np.empty(width)
    _functions()[0](
        runs, batch, width, *map(_stride, blocks), *(block.data_ptr() for block in blocks),
        saturation, LEFT, direction.ctypes.data, found.ctypes.data,
    )  # fmt: skip
    largest, finite = found["abs_max"].copy(), found["finite"] / (batch * width)
    for row in np.flatnonzero(finite < 1):  # the library's is of those that are not nan
        largest[row] = out_RBN[row].abs().amax()
    both = zip(_sums(found["pre"]), _sums(found["out"]), strict=True)
    return Forward(
        sums=Sums(*map(np.stack, both)),
        abs_max=largest,
        zeros=found["zeros"],
        saturated=found["saturated"],
        finite=finite,
        direction=np.sqrt(found["direction"]),
        samples=found["samples"],
    )


def backward(
    gradient_RBO: Tensor, delta_RBO: Tensor, input_RBI: Tensor, *, biased: bool
) -> Backward:
    """What `statistics.backward` has, of batches no larger than a layer and than MOST_SAMPLES."""
    runs, batch, outputs = delta_RBO.shape
    inputs = input_RBI.shape[-1]
    blocks = gradient_RBO, delta_RBO, input_RBI
    row = native.padded(outputs) + native.padded(inputs) + 2
    found, work = np.empty(runs, _BACKWARD), np.empty((batch + ROWS) * row)
    _functions()[1](
        runs, batch, outputs, inputs, *map(_stride, blocks),
        *(block.data_ptr() for block in blocks), LEFT, work.ctypes.data, found.ctypes.data,
    )  # fmt: skip
    weights = _sums(found["weights"])
    at = np.flatnonzero(cancels(weights.centred, weights.squares))
    if len(at):
        formed = direct_weight_sums(delta_RBO[at].double(), input_RBI[at].double())
        weights.centred[at] = formed[1]
    biases = bias_sums(delta_RBO.double(), weights.unit) if biased else None
    return Backward(_sums(found["gradient"]), weights, biases)


def _sums(found: _Found) -> Sums:
    """Of every run; squares of float32 need no unit."""
    return Sums(found["total"], found["squares"], found["centred"], np.ones(len(found)))


def _stride(block_RBN: Tensor) -> int:
    """Between runs, of a float32 block whose rows are contiguous.

    Raises:
        ValueError: it is another block, which the library would read as if it were one.
    """
    runs, batch, width = block_RBN.shape
    # (where there is one number or one row, torch's strides say anything)
    contiguous = block_RBN.is_contiguous() or block_RBN[0].is_contiguous()
    if block_RBN.dtype != torch.float32 or not contiguous:
        raise ValueError(f"{block_RBN.dtype}, strides {block_RBN.stride()} of {block_RBN.shape}")
    return block_RBN.stride(0) if runs > 1 else batch * width


@cache
def _functions() -> tuple[Callable[..., None], Callable[..., None]]:
    """Forward and backward."""
    return (
        native.function(
            "initlab_forward_sums",
            *[c_int64] * 6, *[c_void_p] * 3, c_float, c_double, *[c_void_p] * 2,
        ),
        native.function(
            "initlab_backward_sums", *[c_int64] * 7, *[c_void_p] * 3, c_double, *[c_void_p] * 2
        ),
    )  # fmt: skip
