"""Fully connected networks."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from probed.models.initialisers import Initialiser, he, initialise


class MLP(nn.Module):
    """`depth` square layers, each with a norm (if any) and an activation, and a head of 10.

    Without `weights` the layers keep torch's default.
    """

    def __init__(
        self,
        depth: int,
        *,
        width: int = 128,
        activation: Callable[[], nn.Module] = nn.ReLU,
        weights: Initialiser | None = None,
        norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers.append(nn.Linear(width, width))
            if norm is not None:
                layers.append(norm(width))
            layers.append(activation())
        self.net = nn.Sequential(*layers)
        self.head = nn.Linear(width, 10)
        if weights is not None:
            initialise(self, weights, nn.Linear)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.net(x))


class ResidualMLP(nn.Module):
    """`depth` blocks x + scale · branch(x) without a norm, He weights, and a head of 10."""

    def __init__(self, depth: int, *, width: int = 64, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
            for _ in range(depth)
        )
        self.head = nn.Linear(width, 10)
        initialise(self, he, nn.Linear)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + self.scale * block(x)
        return self.head(x)


class Siren(nn.Module):
    """Sines of frequency 30 over coordinates (Sitzmann et al. 2020), with their weights."""

    def __init__(self, *, depth: int = 5, width: int = 128, frequency: float = 30.0) -> None:
        super().__init__()
        self.frequency = frequency
        widths = [2] + [width] * depth
        self.layers = nn.ModuleList(nn.Linear(fan_in, width) for fan_in in widths[:-1])
        self.head = nn.Linear(width, 3)
        nn.init.uniform_(self.layers[0].weight, -1 / 2, 1 / 2)
        bound = math.sqrt(6 / width) / frequency
        for layer in [*self.layers[1:], self.head]:
            nn.init.uniform_(layer.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.sin(self.frequency * layer(x))
        return self.head(x)
