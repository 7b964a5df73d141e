"""Functions that several formulas need, exact where plain torch is not."""

import torch
from torch import Tensor


def xlogy(x: Tensor, log_y: Tensor) -> Tensor:
    """Product x log y given log y, with 0 log 0 = 0, also in its gradient; shapes broadcast."""
    zero = x == 0
    return torch.where(zero, 0.0, x) * torch.where(zero, 0.0, log_y)


def log_softmax(x: Tensor, dim: int) -> Tensor:
    """Difference x - log sum e^x along a dimension, of the shape of x.

    With m the largest entry: (x - m) - log1p(sum of e^(x - m) over the others), which keeps small
    probabilities of the others, where a plain log(1 + tiny) is 0 (Blanchard, Higham & Higham 2021).
    """
    top = x.argmax(dim, keepdim=True)
    shifted = x - x.gather(dim, top)
    others = shifted.exp().scatter(dim, top, 0.0).sum(dim, keepdim=True)
    return shifted - torch.log1p(others)


def softplus(x: Tensor) -> Tensor:
    """log(1 + e^x) = max(x, 0) + log1p(e^-|x|), without overflow; elementwise."""
    return torch.clamp(x, min=0) + torch.log1p(torch.exp(-x.abs()))
