"""Plain text tables for the explain view, and the indices that label their rows."""

from collections.abc import Sequence

import torch
from torch import Tensor

WIDTH = 80


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of text, aligned to the right."""
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    return [
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in [header, *rows]
    ]


def label_of(at: tuple[int, ...]) -> str:
    """An index as the name of a row: "[0, 1]"; a single value has none."""
    return f"[{', '.join(map(str, at))}]" if at else "value"


def ranked(losses: Tensor) -> list[tuple[int, ...]]:
    """Indices of the values, the largest loss first."""
    order = losses.flatten().nan_to_num(nan=torch.inf).argsort(descending=True, stable=True)
    return [_unravel(int(i), losses) for i in order]


def _unravel(index: int, like: Tensor) -> tuple[int, ...]:
    at = []
    for size in reversed(like.shape):
        index, rest = divmod(index, size)
        at.append(rest)
    return tuple(reversed(at))
