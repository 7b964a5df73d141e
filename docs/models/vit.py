"""A small ViT whose class token and positions begin at zero, with LayerNorms of eps 1e-12."""

import torch
from torch import Tensor, nn


class ViT(nn.Module):
    """Pictures of 32 x 32 in patches of 4 x 4."""

    def __init__(self, width: int = 64, patches: int = 64) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, patches + 1, width))
        self.blocks = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, 4, 128, 0.0, "gelu", 1e-12, batch_first=True, norm_first=True
                )
                for _ in range(4)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Scores (B, 10) of images (B, 3, 32, 32)."""
        h = self.patch(image).flatten(2).transpose(1, 2)
        h = torch.cat([self.cls.expand(len(h), -1, -1), h], 1) + self.position
        scores: Tensor = self.head(self.norm(self.blocks(h))[:, 0])
        return scores


def build() -> nn.Module:
    """The network."""
    return ViT()
