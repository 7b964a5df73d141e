"""Modules with a mistake in how they are written; wrong weights are in `misdrawn.py`."""

import copy

import torch
from torch import Tensor, nn

from probed.models.attentive import Transformer
from probed.models.initialisers import he, initialise
from probed.models.perceptrons import MLP


class DoubleSoftmax(nn.Module):
    """Probabilities, for a loss that takes logits."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = MLP(3, weights=he)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.mlp(x), -1)


class Unused(nn.Module):
    """`lost` is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = MLP(3, weights=he)
        self.lost = nn.Linear(128, 128)

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)


class Detached(nn.Module):
    """What `cut` returns is detached."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = MLP(3, weights=he)
        self.cut = nn.Linear(128, 128)

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x + self.cut(x).detach())


class LastStepGRU(nn.Module):
    """A bidirectional GRU read at the last step, where its reverse half has seen one token."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 32)
        self.gru = nn.GRU(32, 32, batch_first=True, bidirectional=True)
        self.head = nn.Linear(64, 5)

    def forward(self, ids: Tensor) -> Tensor:
        states, _ = self.gru(self.embedding(ids))
        return self.head(states[:, -1])


class ClonedLayers(nn.Module):
    """Blocks deep-copied from one, as `clone_modules` helpers do."""

    def __init__(self, *, depth: int = 4, width: int = 64) -> None:
        super().__init__()
        block = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
        self.layers = nn.ModuleList(copy.deepcopy(block) for _ in range(depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x)


class ZeroTokenViT(nn.Module):
    """A ViT whose cls token and positions stay zero, so the first norm gets a row of zeros."""

    def __init__(self, *, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, 17, width))
        self.blocks = nn.ModuleList(Transformer(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.head = nn.Linear(width, 10)
        initialise(self.blocks, lambda weight: nn.init.trunc_normal_(weight, std=0.02), nn.Linear)
        for block in self.blocks:
            block.norm1.eps = block.norm2.eps = 1e-12

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patches(x).flatten(2).transpose(1, 2)
        cls = self.cls_token.expand(x.shape[0], -1, -1)
        h = torch.cat([cls, patches], 1) + self.position
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h).mean(1))


class Distances(nn.Module):
    """Euclidean distances between all rows; sqrt has slope inf at the zeros of the diagonal."""

    def forward(self, x: Tensor) -> Tensor:
        squared = (x[:, None] - x[None]).pow(2).sum(-1)
        return squared.sqrt()


class Metric(nn.Module):
    """Embeds a batch and returns how far its rows are from each other."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16))
        self.distances = Distances()

    def forward(self, x: Tensor) -> Tensor:
        return self.distances(self.embed(x))


class Entropy(nn.Module):
    """Entropy of rows of probabilities; 0 log 0 is NaN here."""

    def forward(self, probabilities: Tensor) -> Tensor:
        return -(probabilities * probabilities.log()).sum(-1)


class MaskedEntropy(nn.Module):
    """Attention over ten items, the last three masked, and its entropy."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Linear(32, 10)
        self.entropy = Entropy()

    def forward(self, x: Tensor) -> Tensor:
        masked = torch.arange(10) >= 7
        scores = self.scores(x).masked_fill(masked, -torch.inf)
        return self.entropy(scores.softmax(-1))


class VGG(nn.Module):
    """Sixteen 3x3 convolutions without a norm; the caller draws the weights."""

    def __init__(self, *, width: int = 48) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels_in = 3
        for number in range(16):
            layers += [nn.Conv2d(channels_in, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels_in = width
            if number in (1, 3, 7, 11):
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(width * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).flatten(1))


class LowRankLinear(nn.Module):
    """A frozen linear layer and B A x beside it (Hu et al. 2022); here A starts at zero as well."""

    def __init__(self, width: int, *, rank: int = 4) -> None:
        super().__init__()
        self.base = nn.Linear(width, width)
        self.base.requires_grad_(False)
        self.lora_a = nn.Parameter(torch.zeros(rank, width))
        self.lora_b = nn.Parameter(torch.zeros(width, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + x @ self.lora_a.T @ self.lora_b.T
