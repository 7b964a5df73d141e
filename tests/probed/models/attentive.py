"""An encoder block, and what is built of it or like it: ViT, Perceiver, the MLP-Mixer."""

import torch
from torch import Tensor, nn


class Transformer(nn.Module):
    """A pre-norm encoder block around `nn.MultiheadAttention`; reads `context` if given."""

    def __init__(self, width: int, *, heads: int = 4) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        y = self.norm1(x)
        context = y if context is None else context
        x = x + self.attention(y, context, context, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """A vision transformer read at its cls token; token and positions N(0, .02)."""

    def __init__(self, *, width: int = 64, depth: int = 6) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.position = nn.Parameter(torch.empty(1, 17, width))
        self.blocks = nn.ModuleList(Transformer(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.position, std=0.02)
        nn.init.trunc_normal_(self.head.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patches(x).flatten(2).transpose(1, 2)
        h = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], 1) + self.position
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h[:, 0]))


class MixerBlock(nn.Module):
    """One MLP over patches, one over channels (Tolstikhin et al. 2021)."""

    def __init__(self, patches: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.tokens = nn.Sequential(nn.Linear(patches, 32), nn.GELU(), nn.Linear(32, patches))
        self.channels = nn.Sequential(nn.Linear(width, 128), nn.GELU(), nn.Linear(128, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm2(x))


class Mixer(nn.Module):
    """Eight mixer blocks over 16 patches."""

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.blocks = nn.Sequential(*(MixerBlock(16, width) for _ in range(8)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.patches(x).flatten(2).transpose(1, 2))
        return self.head(self.norm(x).mean(1))


class Perceiver(nn.Module):
    """Eight latents read 64 inputs four times with the same weights (Jaegle et al. 2021)."""

    def __init__(self, *, width: int = 64, channels: int = 16) -> None:
        super().__init__()
        self.latents = nn.Parameter(0.02 * torch.randn(8, width))
        self.read = nn.Linear(channels, width)
        self.cross = Transformer(width, heads=1)
        self.self_attention = Transformer(width)
        self.head = nn.Linear(width, 10)

    def forward(self, inputs: Tensor) -> Tensor:
        context = self.read(inputs)
        latents = self.latents.expand(len(inputs), -1, -1)
        for _ in range(4):
            latents = self.self_attention(self.cross(latents, context))
        return self.head(latents.mean(1))
