"""Classifiers of pictures after well-known papers, with batch norm and their own weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def fan_out_weights(model: nn.Module) -> None:
    """Torchvision's weights for networks with batch norm."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


def conv_norm(
    channels_in: int, channels: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """A convolution without bias, and its batch norm."""
    padding = (kernel - 1) // 2
    conv = nn.Conv2d(channels_in, channels, kernel, stride, padding, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(channels)]


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1, four times as many channels out as inside (He et al. 2016)."""

    def __init__(self, channels_in: int, inside: int, stride: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            *conv_norm(channels_in, inside, 1),
            nn.ReLU(inplace=True),
            *conv_norm(inside, inside, 3, stride=stride),
            nn.ReLU(inplace=True),
            *conv_norm(inside, 4 * inside, 1),
        )
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or channels_in != 4 * inside:
            self.skip = nn.Sequential(*conv_norm(channels_in, 4 * inside, 1, stride=stride))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.net(x) + self.skip(x), inplace=True)


class BottleneckResNet(nn.Module):
    """ResNet-50's shape (3, 4, 6, 3 blocks) at an eighth of its width."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [*conv_norm(3, 8, 3), nn.ReLU(inplace=True)]
        channels = 8
        for stage, (inside, depth) in enumerate(((8, 3), (16, 4), (32, 6), (64, 3))):
            for number in range(depth):
                stride = 2 if stage > 0 and number == 0 else 1
                blocks.append(Bottleneck(channels, inside, stride))
                channels = 4 * inside
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels, 10)
        fan_out_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class PreActivationBlock(nn.Module):
    """Norm, ReLU, convolution, twice (He et al. 2016b)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(functional.relu(self.norm1(x)))
        return x + self.conv2(functional.relu(self.norm2(y)))


class PreActivationResNet(nn.Sequential):
    """Twelve such blocks, torch's default weights."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            *(PreActivationBlock(16) for _ in range(12)),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 10),
        )


class DenseBlock(nn.Module):
    """Every layer reads all earlier ones (Huang et al. 2017)."""

    def __init__(self, channels: int, *, growth: int = 12, depth: int = 6) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(channels + growth * number),
                nn.ReLU(),
                nn.Conv2d(channels + growth * number, growth, 3, padding=1, bias=False),
            )
            for number in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    """Two dense blocks with a transition between them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, padding=1, bias=False)
        self.dense1 = DenseBlock(24)
        self.transition = nn.Sequential(
            nn.BatchNorm2d(96), nn.ReLU(), nn.Conv2d(96, 48, 1, bias=False), nn.AvgPool2d(2)
        )
        self.dense2 = DenseBlock(48)
        self.norm = nn.BatchNorm2d(120)
        self.classifier = nn.Linear(120, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dense2(self.transition(self.dense1(self.stem(x))))
        return self.classifier(functional.relu(self.norm(x)).mean((2, 3)))


class InvertedResidual(nn.Module):
    """Expand, depthwise, project, with a linear end (Sandler et al. 2018)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        inside = 6 * channels_in
        self.residual = stride == 1 and channels_in == channels
        self.net = nn.Sequential(
            *conv_norm(channels_in, inside, 1),
            nn.ReLU6(inplace=True),
            *conv_norm(inside, inside, 3, stride=stride, groups=inside),
            nn.ReLU6(inplace=True),
            *conv_norm(inside, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x) if self.residual else self.net(x)


class MobileNet(nn.Module):
    """MobileNetV2, short and narrow."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *conv_norm(3, 16, 3, stride=2),
            nn.ReLU6(inplace=True),
            InvertedResidual(16, 16, 1),
            InvertedResidual(16, 24, 2),
            InvertedResidual(24, 24, 1),
            InvertedResidual(24, 32, 1),
            InvertedResidual(32, 32, 1),
            *conv_norm(32, 128, 1),
            nn.ReLU6(inplace=True),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(128, 10))
        fan_out_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(functional.adaptive_avg_pool2d(self.features(x), 1).flatten(1))
