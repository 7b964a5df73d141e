"""Plain text for the explain view: tables, the indices that label their rows, wrapped lines."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import product

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


def wrapped(lines: Sequence[str]) -> list[str]:
    """Lines broken at spaces to the width of the view."""
    return [part for line in lines for part in broken(line, "  ")]


def broken(line: str, indent: str) -> list[str]:
    """One line in parts, all but the first indented."""
    return textwrap.wrap(
        line,
        WIDTH - 2,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def label_of(at: tuple[int, ...]) -> str:
    """An index as the name of a row: "[0, 1]"; a single value has none."""
    return f"[{', '.join(map(str, at))}]" if at else "value"


def ranked(losses: Tensor, most: int = 1) -> list[tuple[int, ...]]:
    """Indices of the largest losses, nan first."""
    order = losses.flatten().nan_to_num(nan=torch.inf).argsort(descending=True, stable=True)
    return [_unravel(int(i), losses) for i in order[:most]]


def entries(of: Tensor) -> Iterator[tuple[int, ...]]:
    """The index of every entry, in order."""
    return product(*(range(size) for size in of.shape))


def _unravel(index: int, like: Tensor) -> tuple[int, ...]:
    at = []
    for size in reversed(like.shape):
        index, rest = divmod(index, size)
        at.append(rest)
    return tuple(reversed(at))
