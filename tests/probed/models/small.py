"""Small fully connected models of many trades."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from probed.models.initialisers import initialise, lecun


class Highway(nn.Module):
    """Ten layers that carry their input by a gate with bias -2 (Srivastava et al. 2015)."""

    def __init__(self, *, width: int = 64, depth: int = 10) -> None:
        super().__init__()
        self.transform = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.gate = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, 10)
        for gate in self.gate:
            nn.init.constant_(gate.bias, -2.0)

    def forward(self, x: Tensor) -> Tensor:
        for transform, gate in zip(self.transform, self.gate, strict=True):
            open_ = torch.sigmoid(gate(x))
            x = open_ * functional.relu(transform(x)) + (1 - open_) * x
        return self.head(x)


def self_normalizing(depth: int = 20, width: int = 96) -> nn.Module:
    """SELU with LeCun weights and alpha dropout (Klambauer et al. 2017)."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.SELU(), nn.AlphaDropout(0.05)]
    model = nn.Sequential(*layers, nn.Linear(width, 10))
    initialise(model, lecun, nn.Linear)
    return model


class NeRF(nn.Module):
    """Density and colour of points; positions as sines, one skip (Mildenhall et al. 2020)."""

    def __init__(self, *, width: int = 128) -> None:
        super().__init__()
        self.before = nn.ModuleList(nn.Linear(63 if i == 0 else width, width) for i in range(4))
        self.after = nn.ModuleList(
            nn.Linear(width + 63 if i == 0 else width, width) for i in range(4)
        )
        self.density = nn.Linear(width, 1)
        self.colour = nn.Sequential(
            nn.Linear(width + 27, 64), nn.ReLU(), nn.Linear(64, 3), nn.Sigmoid()
        )
        initialise(self, nn.init.xavier_uniform_, nn.Linear)

    @staticmethod
    def encode(x: Tensor, levels: int) -> Tensor:
        """x, and sines and cosines of x at octaves."""
        waves = [wave(2**level * x) for level in range(levels) for wave in (torch.sin, torch.cos)]
        return torch.cat([x, *waves], -1)

    def forward(self, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        encoded = self.encode(points, 10)
        h = encoded
        for layer in self.before:
            h = functional.relu(layer(h))
        h = torch.cat([h, encoded], -1)
        for layer in self.after:
            h = functional.relu(layer(h))
        colour = self.colour(torch.cat([h, self.encode(directions, 4)], -1))
        return colour, functional.softplus(self.density(h))


class NeuralODE(nn.Module):
    """Twenty Euler steps of one vector field that also reads the time (Chen et al. 2018)."""

    def __init__(self, *, width: int = 32) -> None:
        super().__init__()
        self.field = nn.Sequential(nn.Linear(width + 1, 64), nn.Tanh(), nn.Linear(64, width))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        for step in range(20):
            time = x.new_full((len(x), 1), step / 20)
            x = x + self.field(torch.cat([x, time], 1)) / 20
        return self.head(x)


class Hypernetwork(nn.Module):
    """A task vector makes the weights of a two-layer network, at 1 / sqrt(fan_in)."""

    def __init__(self, *, width: int = 16, task: int = 8) -> None:
        super().__init__()
        self.width = width
        self.trunk = nn.Sequential(nn.Linear(task, 32), nn.Tanh())
        self.first = nn.Linear(32, width * width)
        self.second = nn.Linear(32, width)
        # weights of variance 1 / fan_in, as tanh leaves a mean square of about 1/4
        for head in (self.first, self.second):
            nn.init.normal_(head.weight, std=math.sqrt(4 / (32 * width)))

    def forward(self, x: Tensor, task: Tensor) -> Tensor:
        code = self.trunk(task)
        hidden = torch.bmm(x, self.first(code).view(-1, self.width, self.width))
        return torch.bmm(functional.relu(hidden), self.second(code)[..., None])


class ActorCritic(nn.Module):
    """Two heads on one body; orthogonal weights, gain .01 on the policy (as in PPO)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.policy = nn.Linear(64, 4)
        self.value = nn.Linear(64, 1)
        initialise(self, lambda weight: nn.init.orthogonal_(weight, math.sqrt(2)), nn.Linear)
        nn.init.orthogonal_(self.policy.weight, 0.01)
        nn.init.orthogonal_(self.value.weight, 1.0)

    def forward(self, state: Tensor) -> dict[str, Tensor]:
        hidden = self.body(state)
        return {"logits": self.policy(hidden), "value": self.value(hidden).squeeze(-1)}


class Siamese(nn.Module):
    """Cosine similarity of two inputs under one encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(32, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32)
        )

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return functional.cosine_similarity(self.encoder(first), self.encoder(second))


class Quantiles(nn.Module):
    """Nine increasing quantiles: a first one, and softplus steps."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.lowest = nn.Linear(64, 1)
        self.steps = nn.Linear(64, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.net(x)
        steps = functional.softplus(self.steps(h)).cumsum(1)
        return torch.cat([self.lowest(h), self.lowest(h) + steps], 1)
