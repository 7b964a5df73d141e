"""The probe of a model beside the plain forward and backward pass that it looks at."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.table import Row
from benchmarks.timing import Contender, side_by_side
from initlab.probe.recording.measure import Setup, measure
from initlab.probe.rules.run import found_in
from initlab.probe.rules.view import View

BATCH, TOKENS, VOCABULARY = 4, 64, 256
#: depth and width of the GPT, and how many times as long as plain passes a probe may take
MODELS: dict[str, tuple[int, int, float | None]] = {
    "GPT 4 x 768": (4, 768, 3.5),
    "GPT 8 x 256": (8, 256, None),
}


def rows(rounds: int) -> list[Row]:
    """Forward and backward of a model that is built, plain, measured, and with rules and rows."""
    ids = torch.randint(VOCABULARY, (BATCH, TOKENS), generator=torch.Generator().manual_seed(0))
    found = []
    for name, (depth, width, limit) in MODELS.items():
        torch.manual_seed(0)
        model = GPT(depth, width)
        setup = Setup(partial(_same, model), lambda _: ((ids,), {}))
        ways: dict[str, Callable[[], object]] = {
            "plain": partial(plain, model, ids),
            "measured": partial(measure, setup, 0),
            "measured and judged": partial(judged, setup),
        }
        seconds = side_by_side({way: Contender(run) for way, run in ways.items()}, rounds)
        for way in ("measured", "measured and judged"):
            longer = [a / b for a, b in zip(seconds[way], seconds["plain"], strict=True)]
            row = Row(f"{name}, {way}", seconds[way], "s", longer, "plain forward and backward")
            found.append(replace(row, at_most=limit))
    return found


def _same(model: nn.Module) -> nn.Module:
    return model


def plain(model: nn.Module, ids: Tensor) -> None:
    """What the probe looks at, without it."""
    model.zero_grad(set_to_none=True)
    output = model(ids)
    output.backward(torch.randn_like(output))


def judged(setup: Setup) -> object:
    """A run, its sites and parameters, and what the rules say of them."""
    return found_in(View(measure(setup, 0)))


class GPT(nn.Module):
    """A decoder with norms in front, as GPT-2 has them."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, width)
        self.position = nn.Embedding(TOKENS, width)
        layer = partial(
            nn.TransformerEncoderLayer, width, 4, 4 * width, dropout=0.0, activation="gelu",
            batch_first=True, norm_first=True,
        )  # fmt: skip
        self.blocks = nn.ModuleList(layer() for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, T, V) of ids (B, T)."""
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        h = self.token(ids) + self.position(torch.arange(ids.shape[1]))
        for block in self.blocks:
            h = block(h, mask, is_causal=True)
        logits: Tensor = self.head(self.norm(h))
        return logits
