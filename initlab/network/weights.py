"""Weights of every layer: a unit draw, scaled."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from initlab.catalog import Fans
from initlab.network.draws import draws_of
from initlab.network.scratch import Scratch
from initlab.spec.run import Run
from initlab.theory.gains import scale_of


def scaled(
    unit: Tensor, scale: float, shift: float, dtype: torch.dtype, scratch: Scratch
) -> Tensor:
    """The weights unit * scale + shift, rounded to the network's dtype last; in scratch memory."""
    weights = torch.mul(
        unit, scale, out=scratch.take(("weights", unit.ndim), unit.shape, unit.dtype)
    )
    return (weights.add_(shift) if shift else weights).to(dtype)


def layers_of(run: Run) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Weights (fan_out, fan_in) and biases (fan_out,) or None of each layer of a run.

    For whoever wants to build the same network elsewhere: load these into `nn.Linear`s.
    """
    draws, dtype = draws_of(run, keep=False), getattr(torch, run.dtype)
    for index, (fans, layer) in enumerate(zip(pairwise(run.shape), run.layers, strict=True)):
        activation, init, bias = layer
        unit, unit_bias = draws.layer(index)
        weights = scaled(unit, *scale_of(init, Fans(*fans), activation), dtype, Scratch())
        if unit_bias is None or bias is None:
            yield weights, None
        else:
            affine = scale_of(bias, Fans(*fans), activation)
            yield weights, scaled(unit_bias, *affine, dtype, Scratch())
