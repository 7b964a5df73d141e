"""Recurrent networks: gated, linear, and the state spaces that came after them."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class AttentiveLSTM(nn.Module):
    """A bidirectional LSTM pooled by a learned attention."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 32, padding_idx=0)
        self.lstm = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.score = nn.Linear(64, 1)
        self.head = nn.Linear(64, 5)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        states, _ = self.lstm(self.embedding(ids))
        weights = self.score(torch.tanh(states)).softmax(1)
        return self.head((weights * states).sum(1)), weights


class Seq2Seq(nn.Module):
    """A GRU encoder, and a GRU cell that is fed the target and attends to the source."""

    def __init__(self, *, width: int = 48) -> None:
        super().__init__()
        self.source = nn.Embedding(100, width)
        self.target = nn.Embedding(120, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.cell = nn.GRUCell(2 * width, width)
        self.head = nn.Linear(2 * width, 120)
        nn.init.orthogonal_(self.cell.weight_hh)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, last = self.encoder(self.source(source))
        state, context = last[0], memory.mean(1)
        logits = []
        for token in self.target(target).unbind(1):
            state = self.cell(torch.cat([token, context], 1), state)
            scores = torch.einsum("bd,btd->bt", state, memory) / math.sqrt(state.shape[1])
            context = torch.einsum("bt,btd->bd", scores.softmax(1), memory)
            logits.append(self.head(torch.cat([state, context], 1)))
        return torch.stack(logits, 1)


class SelectiveState(nn.Module):
    """Mamba's block (Gu and Dao 2023) as a plain loop."""

    def __init__(self, width: int, *, size: int = 8, rank: int = 4) -> None:
        super().__init__()
        self.size, self.rank, inside = size, rank, 2 * width
        self.into = nn.Linear(width, 2 * inside, bias=False)
        self.conv = nn.Conv1d(inside, inside, 4, groups=inside, padding=3)
        self.select = nn.Linear(inside, rank + 2 * size, bias=False)
        self.step = nn.Linear(rank, inside)
        self.log_decay = nn.Parameter(torch.arange(1.0, size + 1).log().repeat(inside, 1))
        self.through = nn.Parameter(torch.ones(inside))
        self.out = nn.Linear(inside, width, bias=False)
        nn.init.uniform_(self.step.weight, -(rank**-0.5), rank**-0.5)
        # softplus(bias) is a step from .001 to .1, uniform in its logarithm
        steps = torch.exp(torch.empty(inside).uniform_(math.log(1e-3), math.log(1e-1)))
        self.step.bias.data = steps + torch.log(-torch.expm1(-steps))

    def forward(self, x: Tensor) -> Tensor:
        x, gate = self.into(x).chunk(2, -1)
        x = functional.silu(self.conv(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        low, entry, exit_ = self.select(x).split([self.rank, self.size, self.size], -1)
        step = functional.softplus(self.step(low))[..., None]
        decay = torch.exp(-step * self.log_decay.exp())
        driven = step * entry[:, :, None] * x[..., None]
        state, read = torch.zeros_like(driven[:, 0]), []
        for t in range(x.shape[1]):
            state = decay[:, t] * state + driven[:, t]
            read.append((state * exit_[:, t, None]).sum(-1))
        y = torch.stack(read, 1) + self.through * x
        return self.out(y * functional.silu(gate))


class LinearRecurrence(nn.Module):
    """A diagonal linear recurrence with radii .9 to .999 (Orvieto et al. 2023), real part."""

    def __init__(self, width: int) -> None:
        super().__init__()
        square = torch.rand(width) * (0.999**2 - 0.9**2) + 0.9**2
        self.log_rate = nn.Parameter(torch.log(-0.5 * square.log()))
        self.angle = nn.Parameter(torch.rand(width) * math.pi / 10)
        self.into = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(2 * width, width)
        self.through = nn.Parameter(torch.randn(width))

    def forward(self, x: Tensor) -> Tensor:
        rate = self.log_rate.exp()
        radius = torch.exp(-rate)
        turn = torch.polar(radius, self.angle)
        entry = torch.view_as_complex(self.into(x).unflatten(-1, (-1, 2)))
        driven = torch.sqrt(1 - radius**2) * entry
        state, states = torch.zeros_like(driven[:, 0]), []
        for t in range(x.shape[1]):
            state = turn * state + driven[:, t]
            states.append(state)
        return self.out(torch.view_as_real(torch.stack(states, 1)).flatten(-2)) + self.through * x


class TimeMix(nn.Module):
    """RWKV's weighted mean of the past (Peng et al. 2023), as a loop, and its receptance gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        place = torch.arange(width) / (width - 1)
        self.decay = nn.Parameter(-5 + 8 * place**0.7)
        self.bonus = nn.Parameter(torch.full((width,), math.log(0.3)))
        self.mix = nn.Parameter(place.clone())
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.receptance = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        before = functional.pad(x, (0, 0, 1, -1))
        x = x * self.mix + before * (1 - self.mix)
        key, value = self.key(x), self.value(x)
        forget = torch.exp(-torch.exp(self.decay))
        above, below, means = torch.zeros_like(x[:, 0]), torch.zeros_like(x[:, 0]), []
        for k, v in zip(key.unbind(1), value.unbind(1), strict=True):
            now = torch.exp(self.bonus + k)
            means.append((above + now * v) / (below + now))
            above = forget * above + torch.exp(k) * v
            below = forget * below + torch.exp(k)
        return self.out(torch.sigmoid(self.receptance(x)) * torch.stack(means, 1))


class Stack(nn.Module):
    """Pre-norm residual blocks around one of the above, over 100 tokens."""

    def __init__(self, block: type[nn.Module], *, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.blocks = nn.ModuleList(block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 100, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        for norm, block in zip(self.norms, self.blocks, strict=True):
            x = x + block(norm(x))
        return self.head(self.norm(x))
