"""Sound modules whose weights are drawn, set or left wrongly."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from probed.models.convolutional import ResNet
from probed.models.faulty import VGG, LowRankLinear
from probed.models.gpt import GPT
from probed.models.initialisers import constant, he, initialise, normal
from probed.models.perceptrons import MLP


class DoubleZero(nn.Module):
    """Both layers of a branch are zero: neither ever gets a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
        self.head = nn.Linear(64, 5)
        initialise(self.branch, nn.init.zeros_, nn.Linear)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x + self.branch(x))


class ReusedMemory(nn.Module):
    """A weight from `torch.empty` that nobody filled."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 64)
        self.mixing = nn.Parameter(torch.empty(64, 64))
        bits = torch.randint(-(2**31), 2**31 - 1, (64, 64)).to(torch.int32)
        # finite, or it would be the rule of NaNs that finds it
        self.mixing.data.copy_(torch.nan_to_num(bits.view(torch.float32), 0.0, 1e30, -1e30))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.linear(x)) @ self.mixing


class ForgottenBias(nn.Module):
    """A bias from `torch.empty`, of every size from 1e-35 to 1e30."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 64)
        self.shift = nn.Parameter(torch.empty(64))
        self.head = nn.Linear(64, 10)
        exponents = torch.empty(64).uniform_(-35, 30)
        self.shift.data.uniform_(-1, 1).mul_(10.0**exponents)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(functional.relu(self.linear(x) + self.shift))


class TiedEmbedding(nn.Module):
    """`nn.Embedding` as torch draws it, N(0, 1), shared with the head."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(256, 64)
        self.gru = nn.GRU(64, 64, batch_first=True)
        self.norm = nn.LayerNorm(64)
        self.head = nn.Linear(64, 256, bias=False)
        self.head.weight = self.token.weight

    def forward(self, ids: Tensor) -> Tensor:
        states, _ = self.gru(self.token(ids))
        return self.head(self.norm(states))


class ConvThenLinear(nn.Module):
    """A small classifier of pictures with two linear layers at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
        )
        self.hidden = nn.Linear(512, 64)
        self.head = nn.Linear(64, 10)
        initialise(self, he, nn.Conv2d, nn.Linear)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(functional.relu(self.hidden(self.features(x))))


def constant_hidden() -> nn.Module:
    """A classifier whose hidden layer was set to one number."""
    model = ConvThenLinear()
    nn.init.constant_(model.hidden.weight, 0.01)
    return model


def dead_bias() -> nn.Module:
    """Biases so low that no ReLU is ever on."""
    model = MLP(5, weights=he)
    for layer in model.net:
        if isinstance(layer, nn.Linear):
            nn.init.constant_(layer.bias, -10.0)
    return model


def same_weights() -> nn.Module:
    """Every hidden layer gets a copy of the first one's weight."""
    model = MLP(8, weights=he)
    for layer in model.net:
        if isinstance(layer, nn.Linear):
            layer.weight.data.copy_(model.net[0].weight)
    return model


def all_constant() -> nn.Module:
    """Every weight is .01."""
    return MLP(3, weights=constant(0.01))


def nan_weight() -> nn.Module:
    """A standardised weight matrix with a row of variance zero: one row is 0 / 0."""
    model = MLP(3, weights=he)
    with torch.no_grad():
        weight = model.net[2].weight
        weight[5] = 0.0
        weight.div_(weight.norm(dim=1, keepdim=True)).mul_(math.sqrt(2))
    return model


def small_normal_vgg() -> nn.Module:
    """VGG's published N(0, .01), which needed shallow networks to start from."""
    model = VGG()
    initialise(model, normal(0.01), nn.Conv2d, nn.Linear)
    return model


def zero_lora() -> nn.Module:
    """LoRA with both factors at zero: its gradient stays zero for ever."""
    return nn.Sequential(LowRankLinear(64), nn.ReLU(), nn.Linear(64, 10))


def softmax_at_the_end() -> nn.Module:
    """A convolutional classifier that ends in `nn.Softmax`."""
    return nn.Sequential(ResNet(1), nn.Softmax(-1))


def wide_heads() -> nn.Module:
    """A pre-norm GPT whose own head is drawn N(0, 1)."""
    model = GPT(4, tied=False)
    nn.init.normal_(model.head.weight)
    return model
