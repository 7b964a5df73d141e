"""What a formula returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Operands = Mapping[str, Tensor]
Options = Mapping[str, Any]


@dataclass
class Working:
    """The unreduced loss of a call with the numbers on the way to it.

    `losses` has the shape of torch's reduction "none", float64. `columns` are named quantities of
    that shape, in the order in which a reader needs them. The mean is the sum of
    `losses / denominator`, () or like losses; `counted` says in words what that denominator is.
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
