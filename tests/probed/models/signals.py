"""Convolutions over time: TCN, WaveNet, a speech recogniser."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm


class CausalBlock(nn.Module):
    """Two dilated causal convolutions with weight norm (Bai et al. 2018)."""

    def __init__(self, channels_in: int, channels: int, dilation: int) -> None:
        super().__init__()
        self.past = 2 * dilation
        self.conv1 = weight_norm(nn.Conv1d(channels_in, channels, 3, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(channels, channels, 3, dilation=dilation))
        self.skip = nn.Conv1d(channels_in, channels, 1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(functional.relu(self.conv1(functional.pad(x, (self.past, 0)))))
        y = self.dropout(functional.relu(self.conv2(functional.pad(y, (self.past, 0)))))
        return functional.relu(y + self.skip(x))


class TCN(nn.Module):
    """Four levels, dilations 1 to 8, read at the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.Sequential(
            *(CausalBlock(1 if level == 0 else 25, 25, 2**level) for level in range(4))
        )
        self.head = nn.Linear(25, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.levels(x)[..., -1])


class WaveNet(nn.Module):
    """Gated dilated convolutions; all skips are summed (van den Oord et al. 2016)."""

    def __init__(self, *, channels: int = 24, depth: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, channels, 1)
        self.gated = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, 2, dilation=2**level) for level in range(depth)
        )
        self.residual = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(depth - 1))
        self.skip = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(depth))
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv1d(channels, channels, 1), nn.ReLU(), nn.Conv1d(channels, 64, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        skips = torch.zeros_like(x)
        for level, (gated, skip) in enumerate(zip(self.gated, self.skip, strict=True)):
            value, gate = gated(functional.pad(x, (2**level, 0))).chunk(2, 1)
            y = torch.tanh(value) * torch.sigmoid(gate)
            skips = skips + skip(y)
            if level < len(self.residual):
                x = x + self.residual[level](y)
        return self.head(skips)


class SpeechNet(nn.Module):
    """A spectrogram to log-probabilities [time, batch, characters], for CTC."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 16, 3, (2, 1), 1),
            nn.BatchNorm2d(16),
            nn.Hardtanh(0, 20, inplace=True),
            nn.Conv2d(16, 16, 3, (2, 1), 1),
            nn.BatchNorm2d(16),
            nn.Hardtanh(0, 20, inplace=True),
        )
        self.gru = nn.GRU(16 * 10, 48, 2, bidirectional=True)
        self.norm = nn.LayerNorm(96)
        self.head = nn.Linear(96, 29)

    def forward(self, spectrogram: Tensor) -> Tensor:
        x = self.conv(spectrogram[:, None]).flatten(1, 2).permute(2, 0, 1)
        states, _ = self.gru(x)
        return self.head(self.norm(states)).log_softmax(-1)
