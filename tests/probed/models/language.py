"""Language models: Llama, a mixture of experts, an encoder and decoder."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from probed.models.attentive import Transformer


def small_weights(model: nn.Module, std: float = 0.02) -> None:
    """N(0, .02) for every matrix and embedding, zero for every bias."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=std)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def rotate(x: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021) on [batch, heads, length, size]."""
    size = x.shape[-1] // 2
    angles = torch.outer(torch.arange(x.shape[-2]), 10000 ** (-torch.arange(size) / size))
    first, second = x.chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class LlamaBlock(nn.Module):
    """RMSNorm, rotary grouped attention, SwiGLU; no biases."""

    def __init__(self, width: int, *, heads: int = 4, groups: int = 2) -> None:
        super().__init__()
        self.heads, self.groups, self.size = heads, groups, width // heads
        self.norm1, self.norm2 = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, groups * self.size, bias=False)
        self.value = nn.Linear(width, groups * self.size, bias=False)
        self.proj = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, 2 * width, bias=False)
        self.up = nn.Linear(width, 2 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.size)).transpose(1, 2)

    def attend(self, x: Tensor) -> Tensor:
        """Causal attention."""
        query, key, value = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        mixed = functional.scaled_dot_product_attention(
            rotate(query), rotate(key), value, is_causal=True, enable_gqa=True
        )
        return self.proj(mixed.transpose(1, 2).flatten(2))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attend(self.norm1(x))
        y = self.norm2(x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    """Eight blocks, all weights N(0, .02), an own head."""

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.token = nn.Embedding(200, width)
        self.blocks = nn.ModuleList(LlamaBlock(width) for _ in range(8))
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.head = nn.Linear(width, 200, bias=False)
        small_weights(self)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.token(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Experts(nn.Module):
    """Each token goes to its two best of four MLPs, weighted by a softmax over the two."""

    def __init__(self, width: int, *, experts: int = 4) -> None:
        super().__init__()
        self.router = nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            for _ in range(experts)
        )

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, 1)
        scores, chosen = self.router(rows).topk(2, dim=-1)
        weights = scores.softmax(-1)
        out = torch.zeros_like(rows)
        for number, expert in enumerate(self.experts):
            row, rank = (chosen == number).nonzero(as_tuple=True)
            out = out.index_add(0, row, weights[row, rank, None] * expert(rows[row]))
        return out.view_as(x)


class MixtureOfExperts(nn.Module):
    """Attention and experts in turn, over 200 tokens."""

    def __init__(self, *, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        self.token = nn.Embedding(200, width)
        self.attention = nn.ModuleList(Transformer(width) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.experts = nn.ModuleList(Experts(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 200)
        small_weights(self)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.token(ids)
        for attention, norm, experts in zip(self.attention, self.norms, self.experts, strict=True):
            x = attention(x)
            x = x + experts(norm(x))
        return self.head(self.norm(x))


class Translator(nn.Module):
    """Encoder and decoder with cross-attention; takes keyword arguments, as T5 does."""

    def __init__(self, *, width: int = 64, depth: int = 2) -> None:
        super().__init__()
        self.token = nn.Embedding(200, width)
        self.encoder = nn.ModuleList(Transformer(width) for _ in range(depth))
        self.decoder = nn.ModuleList(Transformer(width) for _ in range(depth))
        self.cross = nn.ModuleList(Transformer(width) for _ in range(depth))
        self.encoder_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        nn.init.normal_(self.token.weight, std=width**-0.5)

    def forward(self, *, source: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
        context = self.token(source) * mask[..., None]
        for block in self.encoder:
            context = block(context)
        context = self.encoder_norm(context)
        x = self.token(target)
        for block, cross in zip(self.decoder, self.cross, strict=True):
            x = cross(block(x), context)
        logits = functional.linear(self.norm(x), self.token.weight)
        return {"logits": logits, "context": context}
