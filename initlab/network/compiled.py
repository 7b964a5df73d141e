"""The sums of statistics.py in C, several times as fast; None where there is no such library.

`sums.c` is compiled when initlab is installed, if a C compiler is at hand. What it finds equals
what torch finds but for the last digits of a float64.

Blocks are of shape (R, B, N), float32, and contiguous but for a stride between runs.
"""

import ctypes
from ctypes import c_double, c_float, c_int64, c_void_p
from functools import cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

INTERFACE = 1  # of sums.c
LANES, ROWS = 8, 4  # numbers and rows that it takes at a time
MOST_SAMPLES = 64  # of a batch: larger Gram matrices are faster by a library's products

_SUMS = np.dtype([("total", "f8"), ("squares", "f8"), ("centred", "f8")])
_FORWARD = np.dtype(
    [("pre", _SUMS), ("out", _SUMS)]
    + [(x, "f8") for x in ("abs_max", "zeros", "saturated", "finite", "direction", "samples")]
)
_BACKWARD = np.dtype([("gradient", _SUMS), ("weights", _SUMS)])

Found = NDArray[np.void]


class Compiled:
    """The library's two functions."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._forward, self._backward = library.initlab_forward, library.initlab_backward
        self._forward.argtypes = [
            *[c_int64] * 6, *[c_void_p] * 3, c_float, c_double, *[c_void_p] * 2,
        ]  # fmt: skip
        self._backward.argtypes = [*[c_int64] * 7, *[c_void_p] * 3, c_double, *[c_void_p] * 2]
        self._forward.restype = self._backward.restype = None

    def forward(
        self,
        pre_RBN: Tensor,
        out_RBN: Tensor,
        slope_RBN: Tensor,
        saturated_below: float,
        least: float,
    ) -> Found:
        """Fields of _FORWARD, shape (R,)."""
        runs, batch, width = out_RBN.shape
        blocks = pre_RBN, out_RBN, slope_RBN
        found, direction = np.empty(runs, _FORWARD), np.empty(width)
        self._forward(
            runs, batch, width, *map(_stride, blocks), *(block.data_ptr() for block in blocks),
            saturated_below, least, direction.ctypes.data, found.ctypes.data,
        )  # fmt: skip
        return found

    def backward(
        self, gradient_RBO: Tensor, delta_RBO: Tensor, input_RBI: Tensor, least: float
    ) -> Found:
        """Fields of _BACKWARD, shape (R,); `centred` of the weights may have lost digits."""
        runs, batch, outputs = delta_RBO.shape
        inputs = input_RBI.shape[-1]
        blocks = gradient_RBO, delta_RBO, input_RBI
        widths = outputs + inputs + 2 * LANES
        found, work = np.empty(runs, _BACKWARD), np.empty((batch + ROWS) * widths)  # (LANES: two numbers a row, too)
        self._backward(
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
def compiled() -> Compiled | None:
    """The library, if there is one that fits."""
    spec = find_spec("initlab.network._sums")
    if spec is None or spec.origin is None:
        return None
    try:
        library = ctypes.CDLL(spec.origin)
        fits = library.initlab_interface() == INTERFACE
    except (OSError, AttributeError):  # of another processor or system
        return None
    return Compiled(library) if fits else None
