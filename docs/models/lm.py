"""A small language model whose head is tied to an embedding that torch draws from N(0, 1)."""

from torch import Tensor, nn


class Model(nn.Module):
    """Four pre-norm blocks."""

    def __init__(self, vocabulary: int = 1000, width: int = 128) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, batch_first=True, norm_first=True, dropout=0.0)
            for _ in range(4)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.token.weight

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, T, V) of ids (B, T)."""
        h = self.token(ids)
        for block in self.blocks:
            h = block(h)
        logits: Tensor = self.head(self.norm(h))
        return logits


def build() -> nn.Module:
    """The network."""
    return Model()
