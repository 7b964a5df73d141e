"""Where masks and projections of the runs of a share come from.

Shapes: R runs, B samples, N neurons (I inputs, O outputs).
"""

import numpy as np
import torch
from torch import Tensor

from initlab.network.draws import Draws
from initlab.network.linear import Linear
from initlab.network.rows import Rows
from initlab.network.sums import Array
from initlab.spec.run import Run


class DrawnSource:
    """Random numbers and projections of the runs of a share, for what stands around layers.

    Args:
        first: a run that speaks for all where they agree.
        rows: the runs.
        draws: their random numbers, by seed.
        linear: their weights.
    """

    def __init__(self, first: Run, rows: Rows, draws: dict[int, Draws], linear: Linear) -> None:
        self.first, self.rows, self.draws, self.linear = first, rows, draws, linear

    def uniforms(self, layer: int, width: int) -> Tensor:
        """Those of a seed are shared by its runs: shape (R, B, width)."""
        dtype = getattr(torch, self.first.draw_dtype)
        uniform_RBN = torch.empty((len(self.rows), self.first.batch, width), dtype=dtype)
        for seed, at in self.rows.by_seed:
            generator = self.draws[seed].generator("mask", layer)
            uniform_RBN[at] = torch.rand(
                (self.first.batch, width), generator=generator, dtype=dtype
            )
        return uniform_RBN

    def project(self, number: int, h_RBI: Tensor) -> Tensor:
        """By weights that are drawn after those of the layers."""
        index = self.first.depth + number
        return self.linear.forward(index, self.rows, h_RBI, largest(h_RBI)).RBN.clone()

    def project_back(self, number: int, gradient_RBO: Tensor) -> Tensor:
        """By their transpose."""
        index, size_R = self.first.depth + number, largest(gradient_RBO)
        return self.linear.backward(index, self.rows, gradient_RBO, size_R).RBN.clone()


def largest(x_RBN: Tensor) -> Array:
    """max |x| of every run, 0 of those that have burst."""
    largest: Array = x_RBN.abs().amax((1, 2)).double().numpy()
    return np.where(np.isfinite(largest), largest, 0.0)
