"""One layer of random networks by `native/random_layers.c`, as `layers.py` has it, in float32.

Shapes: R replicates, B samples, M neurons drawn.
"""

import math
from collections.abc import Callable
from ctypes import POINTER, Structure, byref, c_double, c_int64, c_void_p
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from initlab import native
from initlab.theory import layers
from initlab.theory.gram import STEPS, GramCurves
from initlab.theory.layers import Layer, Passed
from initlab.theory.quadrature import Array
from initlab.theory.variances import LayerVariance

if TYPE_CHECKING:
    from torch import Tensor

MOST_SAMPLES = 64  # of a batch, that the library has memory for

_LAYER = np.dtype([(x, "f8") for x in ("variance", "unknown", "largest", "exponent", "distinct")])


class _Expected(Structure):
    """Of random_layers.c."""

    _fields_ = (
        ("value", c_void_p), ("rise", c_void_p), ("entries", c_int64),
        ("low", c_double), ("high", c_double), ("steps", c_double), ("series", c_void_p),
    )  # fmt: skip


def passed(
    layer: Layer,
    law: LayerVariance,
    unitless: bool,
    normal_RMB: "Tensor",
    phi: Callable[["Tensor"], "Tensor"],
    curves: GramCurves,
) -> Passed:
    """The layer after another one; arguments are those of `layers.passed`."""
    k = layers.covariance(layer, law, unitless)
    gram_RBB = layer.gram_RBB.contiguous()
    (replicates, neurons, batch), normal_RMB = normal_RMB.shape, _float32(normal_RMB)
    c_RBB, q_RB = np.empty((replicates, batch, batch)), np.empty((replicates, batch))
    z_RMB, two_to_unit = normal_RMB.new_empty(normal_RMB.shape), np.exp2(k.unit_R)
    _functions()[0](
        replicates, batch, neurons, gram_RBB.data_ptr(), k.weights_R.ctypes.data,
        k.biases_R.ctypes.data, k.scale, two_to_unit.ctypes.data, normal_RMB.data_ptr(),
        c_RBB.ctypes.data, q_RB.ctypes.data, z_RMB.data_ptr(),
    )  # fmt: skip
    h_RMB = _float32(phi(z_RMB))
    share, reach, tables, ln_q_RB = 1.0, 1.0, None, q_RB
    if neurons < law.fan_out:
        share = math.sqrt(neurons / law.fan_out)
        reach = layers.reach(batch, neurons, law.fan_out)
        ln_q_RB = layers.ln_variances(q_RB, k.unit_R)
        tables = _Tables(curves, ln_q_RB)
    found, work = np.empty(replicates, _LAYER), np.empty(neurons * native.padded(batch))
    after_RBB = gram_RBB.new_empty(gram_RBB.shape)
    _functions()[1](
        replicates, batch, neurons, h_RMB.data_ptr(), share, reach, c_RBB.ctypes.data,
        ln_q_RB.ctypes.data, tables and byref(tables.expected), work.ctypes.data,
        after_RBB.data_ptr(), found.ctypes.data,
    )  # fmt: skip
    after = Layer(
        after_RBB,
        found["variance"].copy(),
        found["largest"].copy(),
        found["exponent"].astype(np.int_),
    )
    if batch > 1 and not found["distinct"].any():
        after = layers.one_sample(after)
    return Passed(after, not found["unknown"].any())


def _float32(x_RMB: "Tensor") -> "Tensor":
    """In the library's order.

    Raises:
        ValueError: numbers of another type, or more samples than the library has memory for.
    """
    import torch

    if x_RMB.dtype != torch.float32 or x_RMB.shape[-1] > MOST_SAMPLES:
        raise ValueError(f"{x_RMB.dtype} of {x_RMB.shape}")
    return x_RMB.contiguous()


class _Tables:
    """What is expected around some ln q; keeps alive what the library reads."""

    def __init__(self, curves: GramCurves, ln_q_RB: Array) -> None:
        self.lengths = curves.lengths(ln_q_RB)
        self.series = np.ascontiguousarray(curves.shares(ln_q_RB))
        value, rise, low = self.lengths
        entries = value.shape[-1]
        self.expected = _Expected(
            value.ctypes.data, rise.ctypes.data, entries,
            low, low + entries / STEPS, STEPS, self.series.ctypes.data,
        )  # fmt: skip


@cache
def _functions() -> tuple[Callable[..., None], Callable[..., None]]:
    """Before and after the activation."""
    return (
        native.function(
            "initlab_pre_activations",
            *[c_int64] * 3, *[c_void_p] * 3, c_double, *[c_void_p] * 5,
        ),
        native.function(
            "initlab_layers",
            *[c_int64] * 3, c_void_p, c_double, c_double, c_void_p, c_void_p,
            POINTER(_Expected), *[c_void_p] * 3,
        ),
    )  # fmt: skip
