"""Weights of every layer: a unit draw, scaled."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from initlab.catalog import Fans
from initlab.network.draws import draws_of
from initlab.network.scratch import Scratch
from initlab.network.sums import Array, powers_of_two
from initlab.spec.run import Run
from initlab.theory.gains import scale_of, weight_scale

AT_ONCE = 2**18  # weights in float64 at a time


def scaled(
    unit: Tensor, scale: float, shift: float, dtype: torch.dtype, scratch: Scratch
) -> Tensor:
    """The weights unit * scale + shift, rounded to the network's dtype last; in scratch memory."""
    weights = torch.mul(
        unit, scale, out=scratch.take(("weights", unit.ndim), unit.shape, unit.dtype)
    )
    return (weights.add_(shift) if shift else weights).to(dtype)


def rms(weights_OI: Tensor) -> float:
    """The root mean square of a matrix, not centred, in float64."""
    unit, squares = 1.0, 0.0
    if weights_OI.dtype == torch.float64:
        unit = float(powers_of_two(np.array(float(weights_OI.abs().amax()))))
    for part_PI in _parts(weights_OI):
        squares += float(torch.linalg.vector_norm(part_PI.double() / unit)) ** 2
    return float(np.sqrt(squares / weights_OI.numel())) * unit


def affine_rms(unit_OI: Tensor, scale_R: Array, shift_R: Array | float) -> Array:
    """The rms of W = scale U + shift of every run, shape (R,), of a unit draw U in float32.

        mean W^2 = (scale mean(U) + shift)^2 + scale^2 mean((U - mean(U))^2)

    Both terms are squares: nothing cancels.
    """
    count = unit_OI.numel()
    mean = sum(float(part_PI.double().sum()) for part_PI in _parts(unit_OI)) / count
    norms = (float(torch.linalg.vector_norm(p.double() - mean)) for p in _parts(unit_OI))
    variance = sum(norm**2 for norm in norms) / count
    found: Array = np.sqrt((scale_R * mean + shift_R) ** 2 + scale_R**2 * variance)
    return found


def _parts(weights_OI: Tensor) -> tuple[Tensor, ...]:
    """Some rows at a time, so that little is in memory twice."""
    return torch.split(weights_OI, max(1, AT_ONCE // weights_OI.shape[1]))


def layers_of(run: Run) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Weights (fan_out, fan_in) and biases (fan_out,) or None of each layer of a run.

    Those of projections, by which what comes into a block is taken to another width, come last.

    For whoever wants to build the same network elsewhere: load these into `nn.Linear`s.
    """
    draws, dtype = draws_of(run, keep=False), getattr(torch, run.dtype)
    for index, (*pair, layer) in enumerate(run.linears):
        fans = Fans(*pair)
        unit, unit_bias = draws.layer(index)
        weights = scaled(unit, *weight_scale(layer, fans), dtype, Scratch())
        if unit_bias is None or layer.bias is None:
            yield weights, None
        else:
            affine = scale_of(layer.bias, fans, layer.activation)
            yield weights, scaled(unit_bias, *affine, dtype, Scratch())
