"""Targets that a spec chooses, in the form that each loss takes. `catalog/targets.py` names them.

A draw takes parameters, what the target is for, a generator and a dtype, and returns the operands
of the loss beside the last layer's. Shapes: B samples, N outputs of the last layer.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from initlab.catalog.targets import LABELS, PAIRS, UNIFORM, TargetUse, shares_of
from initlab.losslab.file_target import operand
from initlab.network.targets import linear_weight

Parameters = Mapping[str, Any]
Tensors = tuple[Tensor, ...]


def classes(p: Parameters, use: TargetUse, g: Generator, dtype: torch.dtype) -> Tensors:
    """One class a sample: its label, or a row of 0 (or -1) with a 1 at its place."""
    before = _before(use, g, dtype)
    if p["shares"] == UNIFORM:
        labels = torch.randint(use.classes, (use.batch,), generator=g)  # as a loss draws its own
    else:
        shares = torch.tensor(shares_of(p, use.classes), dtype=torch.float64)
        labels = torch.multinomial(shares, use.batch, replacement=True, generator=g)
    if use.form in LABELS:
        return (*before, labels)
    if use.form == "label_lists":
        lists = torch.full((use.batch, use.outputs), -1)
        lists[:, 0] = labels
        return (lists,)
    return _dense(torch.nn.functional.one_hot(labels, use.outputs).to(dtype), use)


def normal(p: Parameters, use: TargetUse, g: Generator, dtype: torch.dtype) -> Tensors:
    """N(mean, std^2) for every output."""
    drawn = torch.empty(_shape(use), dtype=dtype)
    return _dense(drawn.normal_(p["mean"], p["std"], generator=g), use)


def bernoulli(p: Parameters, use: TargetUse, g: Generator, dtype: torch.dtype) -> Tensors:
    """1 with probability p for every output, or for every pair of samples."""
    bits = torch.empty(_shape(use), dtype=dtype).bernoulli_(p["p"], generator=g)
    if use.form == "label_lists":
        ids = torch.where(bits.bool(), torch.arange(use.outputs), use.outputs).sort(1).values
        return (torch.where(ids < use.outputs, ids, -1),)
    return _dense(bits, use)


def poisson(p: Parameters, use: TargetUse, g: Generator, dtype: torch.dtype) -> Tensors:
    """Poisson(rate) for every output."""
    rates = torch.full(_shape(use), float(p["rate"]), dtype=dtype)
    return _dense(torch.poisson(rates, generator=g), use)


def constant(p: Parameters, use: TargetUse, g: Generator, dtype: torch.dtype) -> Tensors:
    """One value for everything."""
    if use.form in LABELS:
        return (*_before(use, g, dtype), torch.full((use.batch,), int(p["value"])))
    value = torch.full(_shape(use), float(p["value"]), dtype=dtype)
    return (value, torch.ones_like(value)) if use.form == "unit_normal" else (value,)


def from_file(p: Parameters, use: TargetUse, g: Generator, dtype: torch.dtype) -> Tensors:
    """The first B rows of a file, the same for every network."""
    target = operand(p["samples"].rows[: use.batch], use)
    target = target.to(dtype) if target.is_floating_point() else target
    if use.form == "unit_normal":
        return target, torch.ones_like(target)
    return (*_before(use, g, dtype), target)


def _before(use: TargetUse, g: Generator, dtype: torch.dtype) -> Tensors:
    """What a loss draws before its labels: the weights of a linear layer of its own, or nothing."""
    return (linear_weight(use.outputs, g, dtype),) if use.form == "linear" else ()


def _shape(use: TargetUse) -> tuple[int, ...]:
    """(B, N); of pairs of samples (B // 2, N) or (B // 2)."""
    if use.form not in PAIRS:
        return use.batch, use.outputs
    pairs = use.batch // 2
    return (pairs,) if use.form == "row_signs" else (pairs, use.outputs)


def _dense(t: Tensor, use: TargetUse) -> Tensors:
    """Numbers as a loss takes them: bits as signs, and a variance of 1 where it needs one."""
    if use.form in ("signs", *PAIRS):
        return (2 * t - 1,)
    return (t, torch.ones_like(t)) if use.form == "unit_normal" else (t,)
