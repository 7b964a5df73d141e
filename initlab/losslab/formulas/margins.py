"""Hinges over the scores of classes."""

import torch
from torch import Tensor

from initlab.losslab.formulas.working import Operands, Options, Working


def _rows(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, bool]:
    """(N, C) scores and their targets, and whether there was a batch at all."""
    if x.ndim == 2:
        return x, t, True
    return x.reshape(1, -1), t.reshape(1, -1) if t.ndim else t.reshape(1), False


def multi_margin(o: Operands, p: Options) -> Working:
    """1/C sum_{i != t} w_t max(0, margin - x_t + x_i)^p (Weston & Watkins 1999).

    input (C) or (N, C) of scores, target () or (N) of class ids, weight (C); losses () or (N).
    """
    x, t, batched = _rows(o["input"], o["target"])
    t, batched = t.reshape(-1), batched or o["target"].ndim == 1  # torch has (1) of a target (1)
    rows, classes = torch.arange(len(x)), x.shape[1]
    right = x[rows, t]
    hinges = (p["margin"] - right[:, None] + x).clamp(min=0) ** p["p"]
    hinges = hinges.scatter(1, t[:, None], 0.0)
    weight = p.get("weight")
    scale = torch.ones_like(right) if weight is None else weight.double()[t]
    losses = scale * hinges.sum(1) / classes
    rival = x.scatter(1, t[:, None], -torch.inf).amax(1)
    columns = {"x_t": right, "best rival": rival, "violations": (hinges > 0).sum(1)}
    columns |= {} if weight is None else {"weight": scale}
    return _samples(losses, columns, batched, classes)


def multilabel_margin(o: Operands, _: Options) -> Working:
    """1/C sum_{j in t} sum_{i not in t} max(0, 1 - x_j + x_i) (Crammer & Singer 2003).

    input (C) or (N, C) of scores, target like input of class ids, which end at the first -1;
    losses () or (N).
    """
    x, t, batched = _rows(o["input"], o["target"])
    listed = (t >= 0).cumprod(1).bool()
    safe = torch.where(listed, t, 0)
    is_target = torch.zeros_like(t).scatter_add(1, safe, listed.long()) > 0
    losses, violations = x.new_zeros(len(x)), torch.zeros(len(x), dtype=torch.int64)
    for j in range(int(listed.sum(1).max()) if listed.numel() else 0):
        right = x.gather(1, safe[:, j : j + 1])
        hinges = (1 - right + x).clamp(min=0)
        counted = ~is_target & listed[:, j : j + 1]
        losses = losses + torch.where(counted, hinges, 0.0).sum(1)
        violations += (counted & (hinges > 0)).sum(1)
    classes = x.shape[1]
    columns = {"labels": listed.sum(1), "violations": violations}
    return _samples(losses / classes, columns, batched, classes)


def _samples(losses: Tensor, columns: dict[str, Tensor], batched: bool, classes: int) -> Working:
    """The working of losses and columns (N); without a batch, of (1), the number that it holds."""
    if not batched:
        losses, columns = losses[0], {k: v[0] for k, v in columns.items()}
    working = Working(losses, columns)
    working.counted = f"{losses.numel()} samples, each already divided by {classes} classes"
    return working
