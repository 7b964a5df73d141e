"""Plain text for the explain view: tables and lines laid out to a width, and names of rows."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

At = tuple[int, ...]  # an index
WIDTH, NARROWEST = 80, 24
GAP = 2  # between columns
_FIXED = "\0"  # a space at which no line is broken


@dataclass(frozen=True)
class Grid:
    """A table of text; the first column labels its rows.

    A short view shows the first `few` rows, where that is set. `total` counts the rows that there
    are, where `rows` are only the first of them.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    few: int | None = None
    total: int = 0


Line = str | Grid


def laid_out(lines: Iterable[Line], width: int, *, full: bool) -> list[str]:
    """Tables and lines of text as lines of at most `width` characters, where words allow it."""
    found = []
    for line in lines:
        if isinstance(line, str):
            found += broken(line, "  ", width)
            continue
        rows, more = shown(line, full=full)
        found += _blocks(Grid(line.header, rows), width)
        found += [more] if more else []
    return found


def shown(grid: Grid, *, full: bool) -> tuple[Sequence[Sequence[str]], str]:
    """The rows that a view shows, and a line about those that it leaves out, if any."""
    rows = grid.rows if full else grid.rows[: grid.few]
    more = max(grid.total, len(grid.rows)) - len(rows)
    return rows, f"... and {more} more" if more else ""


def _blocks(grid: Grid, width: int) -> list[str]:
    """A table; one that is too wide as several below each other, each with the labels."""
    widths = [
        max(len(row[i]) for row in [grid.header, *grid.rows]) for i in range(len(grid.header))
    ]
    label, title = grid.header[0], []
    labels = max((len(row[0]) for row in grid.rows), default=0)
    if not _fits(widths, width) and (
        _fits([labels, *widths[1:]], width) or not _fits([widths[0], max(widths[1:])], width)
    ):
        title, label, widths[0] = [label] if label else [], "", labels  # on a line of its own
    rows = [[label, *grid.header[1:]], *grid.rows]
    lines: list[str] = []
    for columns in _fitting(widths, width):
        lines += [""] if lines else []
        lines += [(" " * GAP).join(f"{row[i]:>{widths[i]}}" for i in columns) for row in rows]
    return [*title, *lines]


def _fits(widths: Sequence[int], width: int) -> bool:
    return sum(widths) + GAP * (len(widths) - 1) <= width


def _fitting(widths: Sequence[int], width: int) -> list[list[int]]:
    """Columns in groups that fit: the labels, and at least one other in each."""
    groups, taken = [[0]], widths[0]
    for i in range(1, len(widths)):
        if len(groups[-1]) > 1 and taken + GAP + widths[i] > width:
            groups.append([0])
            taken = widths[0]
        groups[-1].append(i)
        taken += GAP + widths[i]
    return groups


def broken(line: str, indent: str, width: int) -> list[str]:
    """One line in parts, broken at spaces, all but the first indented."""
    parts = textwrap.wrap(
        line,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return parts or [""]


def code(line: str, width: int) -> list[str]:
    """A line of Python, broken inside of its brackets only, where Python allows it."""
    depth, quote, kept = 0, "", []
    for character in line:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'#":  # a comment ends with its line
            quote = character
        else:
            depth += (character in "([{") - (character in ")]}")
        kept.append(_FIXED if character == " " and (quote or not depth) else character)
    return [part.replace(_FIXED, " ") for part in broken("".join(kept), "    ", width)]


def label_of(at: At) -> str:
    """An index as the name of a row: "[0, 1]"; a single value has none."""
    return f"[{', '.join(map(str, at))}]" if at else "value"


def ranked(losses: Tensor, most: int = 1) -> list[At]:
    """Indices of the largest losses, nan first."""
    order = losses.flatten().nan_to_num(nan=torch.inf).argsort(descending=True, stable=True)
    return [_unravel(int(i), losses) for i in order[:most]]


def entries(of: Tensor) -> Iterator[At]:
    """The index of every entry, in order."""
    return product(*(range(size) for size in of.shape))


def _unravel(index: int, like: Tensor) -> At:
    at = []
    for size in reversed(like.shape):
        index, rest = divmod(index, size)
        at.append(rest)
    return tuple(reversed(at))
