"""Decoder-only transformers, pre- and post-norm."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        qkv = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(mixed.transpose(1, 2).reshape(batch, length, width))


class FeedForward(nn.Module):
    """Four times wider inside, with a GELU called as a function."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide = nn.Linear(width, 4 * width)
        self.out = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(functional.gelu(self.wide(x)))


class Block(nn.Module):
    """Attention and a feed-forward part, normed before each branch or after each sum."""

    def __init__(self, width: int, *, pre_norm: bool) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads=4)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = FeedForward(width)

    def forward(self, x: Tensor) -> Tensor:
        if self.pre_norm:
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.mlp(x))


class GPT(nn.Module):
    """A language model over 256 tokens.

    Pre-norm comes with GPT-2's weights: N(0, .02), the last layer of each branch divided by
    sqrt(2 depth), a final norm, and the head tied to the embedding. Post-norm comes with the
    first transformer's: Xavier, N(0, 1) embeddings, no final norm and an own head.
    """

    def __init__(
        self,
        depth: int,
        *,
        width: int = 64,
        pre_norm: bool = True,
        tied: bool = True,
        embedding_std: float = 0.02,
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(256, width)
        self.position = nn.Embedding(64, width)
        self.blocks = nn.ModuleList(Block(width, pre_norm=pre_norm) for _ in range(depth))
        self.norm = nn.LayerNorm(width) if pre_norm else nn.Identity()
        self.head = nn.Linear(width, 256, bias=False)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.normal_(self.token.weight, std=embedding_std)
        nn.init.normal_(self.position.weight, std=embedding_std)
        for block in self.blocks:
            self.initialise(block, depth)
        if tied:
            self.head.weight = self.token.weight

    @staticmethod
    def initialise(block: Block, depth: int) -> None:
        """Draw the weights of one block."""
        last = (block.attention.proj, block.mlp.out)
        for layer in (block.attention.qkv, block.mlp.wide, *last):
            nn.init.zeros_(layer.bias)
            if block.pre_norm:
                std = 0.02 / math.sqrt(2 * depth) if layer in last else 0.02
                nn.init.normal_(layer.weight, std=std)
            else:
                nn.init.xavier_uniform_(layer.weight)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.token(ids) + self.position(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def post_norm_gpt(depth: int) -> GPT:
    """A post-norm model as it was first published."""
    return GPT(depth, pre_norm=False, tied=False, embedding_std=1.0)


def zero_head_gpt(depth: int = 6, *, zero_branches: bool = False) -> GPT:
    """A pre-norm model whose head starts at zero; as in nanochat, maybe its branches too."""
    model = GPT(depth, tied=False)
    nn.init.zeros_(model.head.weight)
    if zero_branches:
        for block in model.blocks:
            nn.init.zeros_(block.attention.proj.weight)
            nn.init.zeros_(block.mlp.out.weight)
    return model
