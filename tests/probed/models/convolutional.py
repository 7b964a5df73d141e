"""Residual networks, DCGAN, U-Net."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a skip, written in place as torchvision does."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.down: nn.Module | None = None
        if stride != 1 or channels_in != channels:
            self.down = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.down is None else self.down(x)
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        y += skip
        return self.relu(y)


class ResNet(nn.Module):
    """He et al.'s network for 32x32 pictures, of 6 · blocks + 2 layers."""

    def __init__(self, blocks: int, *, width: int = 16, zero_gamma: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        layers, channels_in = [], width
        for stage, channels in enumerate((width, 2 * width, 4 * width)):
            for number in range(blocks):
                stride = 2 if stage > 0 and number == 0 else 1
                layers.append(BasicBlock(channels_in, channels, stride))
                channels_in = channels
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(channels_in, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if zero_gamma and isinstance(module, BasicBlock):
                nn.init.zeros_(module.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.adaptive_avg_pool2d(self.layers(self.stem(x)), 1)
        return self.head(torch.flatten(x, 1))


def _up(channels_in: int, channels: int, stride: int, padding: int) -> list[nn.Module]:
    return [
        nn.ConvTranspose2d(channels_in, channels, 4, stride, padding, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    ]


class Generator(nn.Module):
    """DCGAN's generator, 32 numbers to a 32x32 picture, weights N(0, .02)."""

    def __init__(self, *, latent: int = 32, width: int = 32) -> None:
        super().__init__()
        self.net = nn.Sequential(
            *_up(latent, 4 * width, 1, 0),
            *_up(4 * width, 2 * width, 2, 1),
            *_up(2 * width, width, 2, 1),
            nn.ConvTranspose2d(width, 3, 4, 2, 1),
            nn.Tanh(),
        )
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z[:, :, None, None])


class Discriminator(nn.Module):
    """DCGAN's discriminator, torch's default weights."""

    def __init__(self, *, width: int = 16) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * width, 1, 8),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).flatten()


def _conv(channels_in: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, 1, 1), nn.GroupNorm(4, channels), nn.SiLU()
    )


class UNet(nn.Module):
    """Two levels down and up again; skips are concatenated."""

    def __init__(self, *, width: int = 16) -> None:
        super().__init__()
        self.down1 = _conv(3, width)
        self.down2 = _conv(width, 2 * width)
        self.middle = _conv(2 * width, 2 * width)
        self.up2 = _conv(4 * width, width)
        self.up1 = _conv(2 * width, width)
        self.head = nn.Conv2d(width, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.down1(x)
        coarse = self.down2(functional.max_pool2d(fine, 2))
        x = self.middle(functional.max_pool2d(coarse, 2))
        x = self.up2(torch.cat([functional.interpolate(x, scale_factor=2), coarse], 1))
        x = self.up1(torch.cat([functional.interpolate(x, scale_factor=2), fine], 1))
        return self.head(x)
