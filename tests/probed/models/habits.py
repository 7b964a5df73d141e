"""Small models, each with one habit of code that a probe may trip over."""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.checkpoint import checkpoint

from probed.models.faulty import LowRankLinear
from probed.models.initialisers import he


@dataclass
class Detection:
    """What `Detector` returns."""

    boxes: Tensor
    logits: Tensor
    anchors: int = 9


class Detector(nn.Module):
    """Boxes and logits in a dataclass; the logits start at a rare class (Lin et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.GroupNorm(4, 16), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1)
        )
        self.boxes = nn.Conv2d(32, 36, 1)
        self.logits = nn.Conv2d(32, 45, 1)
        nn.init.constant_(self.logits.bias, -math.log(99))

    def forward(self, x: Tensor) -> Detection:
        features = functional.relu(self.features(x))
        return Detection(boxes=self.boxes(features), logits=self.logits(features))


class InPlace(nn.Module):
    """Adds, scales, rectifies and writes slices in place."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(4))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            y = layer(x)
            y[:, :8] = y[:, :8] + 1
            y.relu_()
            x = x + y
            x.mul_(0.8)
            x += 0.1
        return self.head(x)


class Checkpointed(nn.Module):
    """Residual blocks that are computed again in the backward pass."""

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU()) for _ in range(6)
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + checkpoint(block, x, use_reentrant=False)
        return self.head(x)


def weight_normed(depth: int = 6, width: int = 64) -> nn.Module:
    """ReLU layers whose weight is a direction times a length, from He weights."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layer = nn.Linear(width, width)
        he(layer.weight)
        layers += [weight_norm(layer), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def low_rank(depth: int = 3, width: int = 64) -> nn.Module:
    """Frozen layers with LoRA beside each: A is drawn, B is zero."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layer = LowRankLinear(width)
        he(layer.base.weight)
        nn.init.kaiming_uniform_(layer.lora_a, a=math.sqrt(5))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


class Teacher(nn.Module):
    """A student and a slow copy of itself: equal weights on purpose, and no gradient for one."""

    def __init__(self) -> None:
        super().__init__()
        self.student = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 16))
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.predictor = nn.Linear(16, 16)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        with torch.no_grad():
            target = functional.normalize(self.teacher(second), dim=1)
        guess = functional.normalize(self.predictor(self.student(first)), dim=1)
        return 2 - 2 * (guess * target).sum(1)
