"""Batches, as functions that draw from torch's global generator."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def normal(*shape: int) -> Callable[[], Tensor]:
    """Standard normal numbers."""
    return lambda: torch.randn(*shape)


def uniform(*shape: int) -> Callable[[], Tensor]:
    """Numbers from -1 to 1, such as coordinates."""
    return lambda: 2 * torch.rand(*shape) - 1


def tokens(
    vocabulary: int, batch: int = 4, length: int = 32, *, first: int = 0
) -> Callable[[], Tensor]:
    """Random token ids from `first` on, [batch, length]."""
    return lambda: torch.randint(first, vocabulary, (batch, length))


def ones(*shape: int) -> Callable[[], Tensor]:
    """A mask that hides nothing, int64."""
    return lambda: torch.ones(*shape, dtype=torch.long)


def positional(*parts: Callable[[], Tensor]) -> Callable[[], tuple[Tensor, ...]]:
    """Several arguments, in order."""
    return lambda: tuple(part() for part in parts)


def named(**parts: Callable[[], Tensor]) -> Callable[[], dict[str, Any]]:
    """Several keyword arguments."""
    return lambda: {name: part() for name, part in parts.items()}
