"""Generative models: VAE, GAN, Glow, diffusion."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm


class VAE(nn.Module):
    """A picture to its reconstruction, mean and log-variance (Kingma and Welling 2014)."""

    def __init__(self, *, latent: int = 16) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.mean = nn.Linear(32 * 49, latent)
        self.log_variance = nn.Linear(32 * 49, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 32 * 49),
            nn.ReLU(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 16, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, 2, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.decoder(z), mean, log_variance


class SpectralDiscriminator(nn.Sequential):
    """SN-GAN's critic (Miyato et al. 2018)."""

    def __init__(self, *, width: int = 16) -> None:
        super().__init__(
            spectral_norm(nn.Conv2d(3, width, 3, 1, 1)),
            nn.LeakyReLU(0.1),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, 2, 1)),
            nn.LeakyReLU(0.1),
            spectral_norm(nn.Conv2d(2 * width, 4 * width, 4, 2, 1)),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            spectral_norm(nn.Linear(4 * width * 64, 1)),
        )


class GAN(nn.Module):
    """A generator with residual upsampling and its critic, end to end, as its update sees them."""

    def __init__(self, *, width: int = 32) -> None:
        super().__init__()
        self.project = nn.Linear(32, width * 64)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.out = nn.Conv2d(width, 3, 3, padding=1)
        self.critic = SpectralDiscriminator()

    def forward(self, z: Tensor) -> Tensor:
        x = self.project(z).unflatten(1, (-1, 8, 8))
        for norm, conv in zip(self.norms, self.convs, strict=False):
            up = functional.interpolate(x, scale_factor=2)
            y = functional.interpolate(functional.relu(norm(x)), scale_factor=2)
            x = up + conv(y)
        return self.critic(torch.tanh(self.out(functional.relu(self.norms[-1](x)))))


class GlowStep(nn.Module):
    """A learned scale, an orthogonal mixing, and a zero-initialised affine coupling."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(width))
        self.shift = nn.Parameter(torch.zeros(width))
        self.mixing = nn.Parameter(nn.init.orthogonal_(torch.empty(width, width)))
        self.net = nn.Sequential(
            nn.Linear(width // 2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, width)
        )
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = ((x + self.shift) * self.log_scale.exp()) @ self.mixing
        kept, moved = x.chunk(2, 1)
        shift, logit = self.net(kept).chunk(2, 1)
        log_scale = functional.logsigmoid(logit + 2)
        change = self.log_scale.sum() + torch.linalg.slogdet(self.mixing)[1] + log_scale.sum(1)
        return torch.cat([kept, (moved + shift) * log_scale.exp()], 1), change


class Glow(nn.Module):
    """Six steps (Kingma and Dhariwal 2018); returns the mean negative log-likelihood as well."""

    def __init__(self, *, width: int = 12) -> None:
        super().__init__()
        self.steps = nn.ModuleList(GlowStep(width) for _ in range(6))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        total = torch.zeros(len(x))
        for step in self.steps:
            x, change = step(x)
            total = total + change
        log_normal = -0.5 * (x**2 + math.log(2 * math.pi)).sum(1)
        return {"z": x, "loss": -(log_normal + total).mean()}


def timestep_embedding(time: Tensor, size: int) -> Tensor:
    """Sines and cosines of `size` / 2 frequencies, [batch, size]."""
    rates = torch.exp(-math.log(10000) * torch.arange(size // 2) / (size // 2))
    angles = time[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


class TimedBlock(nn.Module):
    """A residual block that adds the time; its last convolution starts at zero (Ho et al. 2020)."""

    def __init__(self, channels_in: int, channels: int, time: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, channels_in), nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = nn.Linear(time, channels)
        self.skip = nn.Conv2d(channels_in, channels, 1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        y = self.conv1(functional.silu(self.norm1(x)))
        y = y + self.time(functional.silu(time))[:, :, None, None]
        return self.skip(x) + self.conv2(functional.silu(self.norm2(y)))


class DiffusionUNet(nn.Module):
    """Predicts noise at two levels; takes a dict, and its last convolution starts at zero."""

    def __init__(self, *, channels: int = 16, time: int = 32) -> None:
        super().__init__()
        self.time_size = time
        self.time = nn.Sequential(nn.Linear(time, time), nn.SiLU(), nn.Linear(time, time))
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.fine = TimedBlock(channels, channels, time)
        self.down = nn.Conv2d(channels, channels, 3, 2, 1)
        self.coarse = TimedBlock(channels, 2 * channels, time)
        self.merge = TimedBlock(3 * channels, channels, time)
        self.norm = nn.GroupNorm(8, channels)
        self.head = nn.Conv2d(channels, 3, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: dict[str, Any]) -> Tensor:
        time = self.time(timestep_embedding(batch["time"], self.time_size))
        fine = self.fine(self.stem(batch["x"]), time)
        coarse = self.coarse(self.down(fine), time)
        up = functional.interpolate(coarse, scale_factor=2)
        merged = self.merge(torch.cat([up, fine], 1), time)
        return self.head(functional.silu(self.norm(merged)))
