"""The sums of statistics.py by `native/sums.c`, of float32 blocks, several times as fast.

They equal what torch finds but for the last digits of a float64. Blocks are of shape (R, B, N), and
contiguous but for a stride between runs.
"""

from collections.abc import Callable
from ctypes import c_double, c_float, c_int64, c_void_p
from functools import cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from initlab import native

ROWS = 4  # of a Gram matrix, that are taken at a time
MOST_SAMPLES = 64  # of a batch: larger Gram matrices are faster by a library's products

_SUMS = np.dtype([("total", "f8"), ("squares", "f8"), ("centred", "f8")])
_FORWARD = np.dtype(
    [("pre", _SUMS), ("out", _SUMS)]
    + [(x, "f8") for x in ("abs_max", "zeros", "saturated", "finite", "direction", "samples")]
)
_BACKWARD = np.dtype([("gradient", _SUMS), ("weights", _SUMS)])

Found = NDArray[np.void]


def forward(
    pre_RBN: Tensor, out_RBN: Tensor, slope_RBN: Tensor, saturated_below: float, least: float
) -> Found:
    """Fields of _FORWARD, shape (R,). `abs_max` is the largest that is a number."""
    runs, batch, width = out_RBN.shape
    blocks = pre_RBN, out_RBN, slope_RBN
    found, direction = np.empty(runs, _FORWARD), np.empty(width)
    _functions()[0](
        runs, batch, width, *map(_stride, blocks), *(block.data_ptr() for block in blocks),
        saturated_below, least, direction.ctypes.data, found.ctypes.data,
    )  # fmt: skip
    return found


def backward(gradient_RBO: Tensor, delta_RBO: Tensor, input_RBI: Tensor, least: float) -> Found:
    """Fields of _BACKWARD, shape (R,). `centred` of the weights may have lost digits."""
    runs, batch, outputs = delta_RBO.shape
    inputs = input_RBI.shape[-1]
    blocks = gradient_RBO, delta_RBO, input_RBI
    row = native.padded(outputs) + native.padded(inputs) + 2
    found, work = np.empty(runs, _BACKWARD), np.empty((batch + ROWS) * row)
    _functions()[1](
        runs, batch, outputs, inputs, *map(_stride, blocks),
        *(block.data_ptr() for block in blocks), least, work.ctypes.data, found.ctypes.data,
    )  # fmt: skip
    return found


def _stride(block_RBN: Tensor) -> int:
    """Between runs, of a block whose rows are contiguous."""
    stride, row, number = block_RBN.stride()
    if (row, number) != (block_RBN.shape[-1], 1):
        raise ValueError(f"strides {block_RBN.stride()} of a block {tuple(block_RBN.shape)}")
    return stride


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
