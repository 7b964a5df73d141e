"""Sums over one layer of activations and gradients, in float64 whatever the network's dtype.

What is summed is one number a run, and a run's numbers do not depend on the other runs of its
block. Of float32 a library in C finds them in one pass over the block (`compiled_sums.py`), if
there is one; everything else is summed by torch (`torch_sums.py`).

Shape letters: R runs, B samples, N neurons (O outputs, I inputs of a layer).
"""

import numpy as np
import torch
from torch import Tensor

from initlab import native
from initlab.network import compiled_sums, torch_sums
from initlab.network.scratch import Scratch
from initlab.network.sums import SATURATED_BELOW, Backward, Forward


@np.errstate(invalid="ignore", over="ignore")  # in a run that has just burst
def forward(
    pre_RBN: Tensor,
    out_RBN: Tensor,
    slope_RBN: Tensor,
    scratch: Scratch,
    *,
    saturation: float = SATURATED_BELOW,
) -> Forward:
    """Sums of one layer.

    Args:
        pre_RBN: pre-activations z.
        out_RBN: activations phi(z).
        slope_RBN: slopes phi'(z).
        scratch: memory to work in.
        saturation: a unit with |phi'(z)| below it counts as saturated.
    """
    below = _in_range(saturation, slope_RBN.dtype)
    if _is_compiled(out_RBN):
        return compiled_sums.forward(pre_RBN, out_RBN, slope_RBN, saturation=below)
    return torch_sums.forward(pre_RBN, out_RBN, slope_RBN, scratch, saturation=below)


@np.errstate(invalid="ignore", over="ignore")
def backward(
    gradient_RBO: Tensor,
    delta_RBO: Tensor,
    input_RBI: Tensor,
    scratch: Scratch,
    *,
    biased: bool,
) -> Backward:
    """Sums of one layer.

    Args:
        gradient_RBO: dL/dh at the layer's output.
        delta_RBO: dL/dz at its pre-activations.
        input_RBI: the layer's input h.
        scratch: memory to work in.
        biased: whether the layer has biases.
    """
    batch, outputs = delta_RBO.shape[1:]
    few = batch <= min(compiled_sums.MOST_SAMPLES, outputs, input_RBI.shape[-1])
    if few and _is_compiled(delta_RBO):
        return compiled_sums.backward(gradient_RBO, delta_RBO, input_RBI, biased=biased)
    return torch_sums.backward(gradient_RBO, delta_RBO, input_RBI, scratch, biased=biased)


def _in_range(saturation: float, dtype: torch.dtype) -> float:
    """A threshold that a dtype can hold: as 0 it would count no slope at all, not even 0."""
    limits = torch.finfo(dtype)
    return min(max(saturation, limits.smallest_normal * limits.eps), limits.max)


def _is_compiled(block: Tensor) -> bool:
    return block.dtype == torch.float32 and native.available()
