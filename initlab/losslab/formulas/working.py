"""What a formula returns, and the functions that several of them need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Operands = Mapping[str, Tensor]
Options = Mapping[str, Any]


@dataclass
class Working:
    """The unreduced loss of a call with the numbers on the way to it, all float64.

    `losses` has the shape of torch's reduction "none". `columns` are named quantities of that
    shape, in the order in which a reader needs them. The mean is
    the sum of `losses / denominator`, a number or one for every loss; `counted` spells it out.
    `batch` is what batchmean divides by.
    """

    losses: Tensor
    columns: dict[str, Tensor] = field(default_factory=dict)
    denominator: Tensor = field(default_factory=lambda: torch.tensor(torch.nan))
    counted: str = ""
    batch: int = 1

    def __post_init__(self) -> None:
        self.columns = {k: v.expand(self.losses.shape) for k, v in self.columns.items()}
        if not self.counted:
            self.denominator = torch.tensor(float(self.losses.numel()), dtype=torch.float64)
            self.counted = f"{self.losses.numel()} values"

    def reduced(self, reduction: str) -> Tensor:
        """The loss under a reduction."""
        match reduction:
            case "none":
                return self.losses
            case "sum":
                return self.losses.sum()
            case "mean":
                return (self.losses / self.denominator).sum()
            case "batchmean":
                return self.losses.sum() / self.batch
        raise ValueError(
            f"unknown reduction {reduction!r}; none, sum, mean and batchmean are known"
        )


def xlogy(x: Tensor, log_y: Tensor) -> Tensor:
    """Product x log y given log y, with 0 log 0 = 0, also in its gradient."""
    zero = x == 0
    return torch.where(zero, 0.0, x) * torch.where(zero, 0.0, log_y)


def log_softmax(x: Tensor, dim: int) -> Tensor:
    """Difference x - log sum e^x without losing the small probabilities of the others.

    With m the largest entry: (x - m) - log1p(sum of e^(x - m) over the others), which is exact
    where a plain log(1 + tiny) is 0.
    """
    top = x.argmax(dim, keepdim=True)
    shifted = x - x.gather(dim, top)
    others = shifted.exp().scatter(dim, top, 0.0).sum(dim, keepdim=True)
    return shifted - torch.log1p(others)


def softplus(x: Tensor) -> Tensor:
    """log(1 + e^x) = max(x, 0) + log1p(e^-|x|)."""
    return torch.clamp(x, min=0) + torch.log1p(torch.exp(-x.abs()))
