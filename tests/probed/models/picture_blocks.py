"""Newer convolutional blocks: ConvNeXt, squeeze and excitation, Fixup, an additive U-Net."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from probed.models.picture_classifiers import conv_norm


class ConvNeXtBlock(nn.Module):
    """Depthwise 7x7, LayerNorm, a wide GELU layer, and a scale of 1e-6 (Liu et al. 2022)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.wide = nn.Linear(channels, 4 * channels)
        self.out = nn.Linear(4 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.out(functional.gelu(self.wide(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """A patch stem and six blocks, all weights truncated N(0, .02)."""

    def __init__(self, *, channels: int = 32) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 4, 4)
        self.stem_norm = nn.LayerNorm(channels, eps=1e-6)
        self.blocks = nn.Sequential(*(ConvNeXtBlock(channels) for _ in range(6)))
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.head = nn.Linear(channels, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.head(self.norm(self.blocks(x).mean((2, 3))))


class SqueezeExcite(nn.Module):
    """Channels gated by their means (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.expand = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = functional.silu(self.reduce(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.expand(gate))


class EfficientBlock(nn.Module):
    """Expand, depthwise, squeeze and excite, project (Tan and Le 2019)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inside = 4 * channels
        self.net = nn.Sequential(
            *conv_norm(channels, inside, 1),
            nn.SiLU(),
            *conv_norm(inside, inside, 5, groups=inside),
            nn.SiLU(),
            SqueezeExcite(inside),
            *conv_norm(inside, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


class EfficientNet(nn.Sequential):
    """Five such blocks, torch's default weights."""

    def __init__(self) -> None:
        super().__init__(
            *conv_norm(3, 24, 3, stride=2),
            nn.SiLU(),
            *(EfficientBlock(24) for _ in range(5)),
            *conv_norm(24, 96, 1),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(96, 10),
        )


class FixupBlock(nn.Module):
    """No norm: scalar biases, a scale, first convolution small, second zero (Zhang et al. 2019)."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(4))
        self.scale = nn.Parameter(torch.ones(1))
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight)
        self.conv1.weight.data *= depth**-0.5
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.conv1(x + self.shift[0]) + self.shift[1])
        y = self.conv2(y + self.shift[2]) * self.scale + self.shift[3]
        return functional.relu(x + y)


class Fixup(nn.Module):
    """Twelve Fixup blocks and a head at zero."""

    def __init__(self, *, channels: int = 16, depth: int = 12) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False)
        nn.init.kaiming_normal_(self.stem.weight)
        self.blocks = nn.Sequential(*(FixupBlock(channels, depth) for _ in range(depth)))
        self.head = nn.Linear(channels, 10)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(functional.relu(self.stem(x))).mean((2, 3)))


class AdditiveUNet(nn.Module):
    """Three levels whose skips are added, as in LinkNet; strided down, transposed up."""

    def __init__(self, *, channels: int = 16) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(4)]
        self.stem = nn.Sequential(*conv_norm(3, channels, 3), nn.ReLU(inplace=True))
        self.down = nn.ModuleList(
            nn.Sequential(*conv_norm(fine, coarse, 3, stride=2), nn.ReLU(inplace=True))
            for fine, coarse in pairwise(widths)
        )
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(coarse, fine, 2, 2), nn.BatchNorm2d(fine), nn.ReLU(inplace=True)
            )
            for fine, coarse in pairwise(widths)
        )
        self.head = nn.Conv2d(channels, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.stem(x)]
        for down in self.down:
            skips.append(down(skips[-1]))
        x = skips.pop()
        for up in reversed(self.up):
            x = up(x) + skips.pop()
        return self.head(x)


class DuelingDQN(nn.Module):
    """Atari's three convolutions, and value plus advantage (Wang et al. 2016)."""

    def __init__(self, *, actions: int = 6) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(4, 32, 8, 4),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.value = nn.Sequential(nn.Linear(1024, 128), nn.ReLU(), nn.Linear(128, 1))
        self.advantage = nn.Sequential(nn.Linear(1024, 128), nn.ReLU(), nn.Linear(128, actions))

    def forward(self, frames: Tensor) -> Tensor:
        features = self.features(frames / 255)
        advantage = self.advantage(features)
        return self.value(features) + advantage - advantage.mean(1, keepdim=True)
