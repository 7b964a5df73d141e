"""Activations that torch does not ship, and phi and phi' written into given memory.

The latter, whose names end in `_into`, take z, and the memory for phi(z) and phi'(z). They call
what autograd would call, bit for bit, without its graph and its copies.
"""

import numpy as np
import torch
from torch import Tensor

ATEN = torch.ops.aten


def identity(z: Tensor) -> Tensor:
    """Z itself, as a new tensor, so that autograd sees a node."""
    return z * 1


def relu_squared(z: Tensor) -> Tensor:
    """max(0, z)^2 (So et al. 2021)."""
    return z.relu().square()


def sin(z: Tensor, omega: float = 1.0) -> Tensor:
    """sin(omega z) (Sitzmann et al. 2020)."""
    return torch.sin(z if omega == 1 else omega * z)


def _ones(z: Tensor) -> Tensor:
    return torch.ones((), dtype=z.dtype)


def identity_into(z: Tensor, y: Tensor, slope: Tensor) -> None:
    """z."""
    y.copy_(z)
    slope.fill_(1)


def tanh_into(z: Tensor, y: Tensor, slope: Tensor) -> None:
    """Tanh z, in float32 by numpy: within 4 ulp, on some processors in a tenth of torch's time."""
    if z.dtype == torch.float32:
        np.tanh(z.numpy(), out=y.numpy())
    else:
        torch.tanh(z, out=y)
    ATEN.tanh_backward.grad_input(_ones(z), y, grad_input=slope)


def sigmoid_into(z: Tensor, y: Tensor, slope: Tensor) -> None:
    """1 / (1 + e^-z)."""
    torch.sigmoid(z, out=y)
    ATEN.sigmoid_backward.grad_input(_ones(z), y, grad_input=slope)


def relu_into(z: Tensor, y: Tensor, slope: Tensor) -> None:
    """max(0, z)."""
    torch.clamp_min(z, 0, out=y)
    ATEN.threshold_backward.grad_input(_ones(z), y, 0, grad_input=slope)


def leaky_relu_into(z: Tensor, y: Tensor, slope: Tensor, *, negative_slope: float) -> None:
    """max(0, z) + negative_slope min(0, z)."""
    ATEN.leaky_relu.out(z, negative_slope, out=y)
    ATEN.leaky_relu_backward.grad_input(_ones(z), z, negative_slope, False, grad_input=slope)


def elu_into(z: Tensor, y: Tensor, slope: Tensor, *, alpha: float) -> None:
    """z if z > 0 else alpha (e^z - 1)."""
    ATEN.elu.out(z, alpha, out=y)
    ATEN.elu_backward.grad_input(_ones(z), alpha, 1, 1, False, z, grad_input=slope)


def gelu_into(z: Tensor, y: Tensor, slope: Tensor) -> None:
    """z N(z), N the standard normal distribution."""
    ATEN.gelu.out(z, out=y)
    ATEN.gelu_backward.grad_input(torch.ones_like(z), z, grad_input=slope)


def silu_into(z: Tensor, y: Tensor, slope: Tensor) -> None:
    """z / (1 + e^-z)."""
    ATEN.silu.out(z, out=y)
    ATEN.silu_backward.grad_input(_ones(z), z, grad_input=slope)
