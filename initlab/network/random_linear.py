"""One linear layer of random networks, z = h W^T + b, whose weights have the law of a run's.

Signals near the ends of their dtype are multiplied as powers of two of themselves.

Shapes: R networks, B samples, I inputs and O outputs.
"""

import math

import numpy as np
import torch
from torch import Tensor

from initlab.catalog import SCHEMES, Fans
from initlab.network.block_source import largest
from initlab.network.sums import Array
from initlab.network.weightless import Built, Linear, Numbers, Orthogonal, Weightless
from initlab.spec.run import Run
from initlab.theory.gains import scale_of, weight_scale
from initlab.theory.random_point import how, keeps_weights
from initlab.theory.variances import UNIT


class RandomLinear:
    """A layer: weights scale U + shift of a unit draw U, and the biases of a run's layer.

    Args:
        run: what the networks are.
        index: of the layer, or, after them all, of a projection.
        backward: whether a gradient will come back through it.
    """

    def __init__(self, run: Run, index: int, backward: bool) -> None:
        fan_in, fan_out, self.layer = run.linears[index]
        self.fans = fans = Fans(fan_in, fan_out)
        self.scale, self.shift = weight_scale(self.layer, fans)
        draw = SCHEMES[self.layer.init.name].draw(self.layer.init.parameters)
        self.linear: Linear
        match how(self.layer, fan_in, fan_out, run.batch):
            case "built":
                self.linear = Built(draw, fan_out, kept=backward and keeps_weights(run))
            case "orthogonal":
                self.linear = Orthogonal(fan_in, fan_out)
            case _:
                mean, variance = UNIT[str(draw[0])](draw, fans)
                self.shift += self.scale * mean
                self.scale *= math.sqrt(variance)
                self.linear = Weightless(fan_out)

    def forward(self, h_RBI: Tensor, largest_R: Array, numbers: Numbers) -> Tensor:
        """H W^T + b, of inputs up to `largest_R`."""
        h_RBI, power_R11 = _in_units(h_RBI, largest_R)
        z_RBO = self.linear.forward(h_RBI, numbers).mul_(self.scale)
        if self.shift:
            z_RBO += self.shift * h_RBI.sum(2, keepdim=True)
        z_RBO = _powered(z_RBO, power_R11)
        bias = self.layer.bias
        if bias is not None:
            # real ones, whatever their law, shared by the samples
            scale, shift = scale_of(bias, self.fans, self.layer.activation)
            draw = SCHEMES[bias.name].draw(bias.parameters)
            z_RBO += numbers.unit(draw, self.fans.fan_out).mul_(scale).add_(shift)[:, None]
        return z_RBO

    def backward(self, delta_RBO: Tensor, numbers: Numbers) -> Tensor:
        """Delta W."""
        delta_RBO, power_R11 = _in_units(delta_RBO, largest(delta_RBO))
        gradient_RBI = self.linear.backward(delta_RBO, numbers).mul_(self.scale)
        if self.shift:
            gradient_RBI += self.shift * delta_RBO.sum(2, keepdim=True)
        return _powered(gradient_RBI, power_R11)


def _in_units(x_RBN: Tensor, largest_R: Array) -> tuple[Tensor, Tensor | None]:
    """Networks of which none is near the ends of its dtype, and the powers of two taken out."""
    fine = (largest_R == 0) | ((largest_R > 2.0**-40) & (largest_R < 2.0**40))
    if fine.all():
        return x_RBN, None
    exponent_R = np.where(fine | ~np.isfinite(largest_R), 0, np.frexp(largest_R)[1])
    exponent_R11 = torch.from_numpy(exponent_R)[:, None, None]
    # (half of it at a time: 2^149 is no float32)
    halves = torch.ldexp(torch.ldexp(x_RBN, -(exponent_R11 // 2)), exponent_R11 // 2 - exponent_R11)
    return halves, exponent_R11


def _powered(x_RBN: Tensor, exponent_R11: Tensor | None) -> Tensor:
    if exponent_R11 is None:
        return x_RBN
    half = exponent_R11 // 2
    return torch.ldexp(torch.ldexp(x_RBN, half), exponent_R11 - half)
