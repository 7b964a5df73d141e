"""Recurrent networks, attention and a flow: models whose inputs or outputs have structure."""

import torch
from torch import Tensor, nn


class LanguageLSTM(nn.Module):
    """Two LSTM layers over 100 tokens; returns a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 64)
        self.lstm = nn.LSTM(64, 64, 2, batch_first=True, dropout=0.1)
        self.head = nn.Linear(64, 100)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.lstm(self.embedding(ids))[0])}


class CrossAttention(nn.Module):
    """One `nn.MultiheadAttention` of two inputs; returns its weights too."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)
        self.norm = nn.LayerNorm(64)
        self.head = nn.Linear(64, 5)

    def forward(self, query: Tensor, key: Tensor) -> dict[str, Tensor]:
        mixed, weights = self.attention(query, key, key)
        return {"y": self.head(self.norm(query + mixed)), "attention": weights}


class Encoder(nn.Module):
    """`nn.TransformerEncoder`, which deep-copies one layer, weights and all."""

    def __init__(self, *, depth: int = 6, width: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, width)
        layer = nn.TransformerEncoderLayer(width, 4, 128, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, 100)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.encoder(self.embedding(ids)))


class Coupling(nn.Module):
    """An affine coupling layer that starts as the identity."""

    def __init__(self, width: int, *, flip: bool) -> None:
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(width // 2, 64), nn.SiLU(), nn.Linear(64, width))
        nn.init.zeros_(self.net[2].weight)
        nn.init.zeros_(self.net[2].bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept, moved = x.chunk(2, 1)
        if self.flip:
            kept, moved = moved, kept
        shift, log_scale = self.net(kept).chunk(2, 1)
        log_scale = torch.tanh(log_scale)
        moved = moved * log_scale.exp() + shift
        halves = (moved, kept) if self.flip else (kept, moved)
        return torch.cat(halves, 1), log_scale.sum(1)


class Flow(nn.Module):
    """Coupling layers; returns the latent and the log-determinant."""

    def __init__(self, *, width: int = 16, depth: int = 8) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Coupling(width, flip=bool(i % 2)) for i in range(depth))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_determinant = x.new_zeros(x.shape[0])
        for layer in self.layers:
            x, change = layer(x)
            log_determinant = log_determinant + change
        return x, log_determinant
