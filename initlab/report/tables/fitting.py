"""Which columns of a table fit a width, and how wide each is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from initlab.report.tables.columns import Column

LEAST_PICTURE = 6  # characters
LEAST_TEXT, LEAST_SPARE = 20, 40  # characters of words that are wrapped; if they can be left out
LEAST_LABEL = 6  # characters of a label that is cut into lines, or of a heading
ROOMY, NARROW = 2, 1  # blanks between columns
#: what is tried before a column is left out: blanks, and whether headings are cut
TRIES = ((ROOMY, False), (NARROW, False), (NARROW, True))


@dataclass(frozen=True)
class Fitted:
    """Columns as they are drawn, how wide each is, and the names of those left out.

    `folded` says whether labels are cut into several lines, as even what is never left out is too
    wide.
    """

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    gap: int
    left_out: tuple[str, ...] = ()
    folded: bool = False

    @property
    def width(self) -> int:
        """Of the whole table."""
        return sum(self.widths) + self.gap * (len(self.widths) - 1)


def fitted(columns: Sequence[Column], width: int | None) -> Fitted:
    """Columns for a width: those that are never left out, then by rank what still fits.

    Before one is left out, columns stand closer, and headings wider than their cells are cut.
    """
    if width is None:
        return _spread(list(columns), ROOMY, None, ())
    kept, out = [column for column in columns if not column.rank], list[Column]()
    for column in sorted(columns, key=lambda column: column.rank):
        if column.rank:
            both = [other for other in columns if any(other is k for k in kept) or other is column]
            tries = TRIES[:1] if column.extra else TRIES
            fits = any(_narrowest(both, *attempt) <= width for attempt in tries)
            kept, out = (both, out) if fits else (kept, [*out, column])
    names = tuple(column.called or column.name for column in out)
    for gap, short in TRIES:
        if _narrowest(kept, gap, short) <= width:
            return _spread(_headed(kept, short), gap, width, names)
    return _squeezed(_headed(kept, True), width, names)


def _headed(columns: Sequence[Column], short: bool) -> list[Column]:
    return [_short(column) if short else column for column in columns]


def _narrowest(columns: Sequence[Column], gap: int, short: bool) -> int:
    """How narrow a table of columns may be."""
    return sum(map(_least, _headed(columns, short))) + gap * (len(columns) - 1)


def _natural(column: Column) -> int:
    """How wide a column is with its heading and longest cell in one line."""
    return max(map(cell_len, (column.name, *column.cells)))


def _least(column: Column) -> int:
    """How narrow it may be."""
    if column.draw is not None:
        return max(LEAST_PICTURE, cell_len(column.name))
    if not column.text:
        return _natural(column)
    return min(_natural(column), max(LEAST_SPARE if column.rank else LEAST_TEXT, _word(column)))


def _word(column: Column) -> int:
    """How long its longest word is, the heading's among them."""
    return max(
        cell_len(word) for cell in (column.name, *column.cells) for word in [*cell.split(), ""]
    )


def _short(column: Column) -> Column:
    """A column whose heading, where it is long, is cut: "act." of activations, "forward."."""
    cells = max(map(cell_len, column.cells), default=0)
    first, joint, _ = column.name.partition("_")
    words = joint and len(first) >= LEAST_LABEL
    if len(column.name) <= max(cells, LEAST_LABEL) or not (words or column.rank == 0):
        return column
    return replace(column, name=f"{first if words else column.name[:3]}.")


def _spread(
    columns: list[Column], gap: int, width: int | None, left_out: tuple[str, ...]
) -> Fitted:
    """Words, then pictures, get the room that is left."""
    widths = [_least(column) for column in columns]
    room = math.inf if width is None else width - sum(widths) - gap * (len(widths) - 1)
    texts = [at for at, column in enumerate(columns) if column.text]
    pictures = [at for at, column in enumerate(columns) if column.draw is not None]
    for growing in (texts, pictures):
        for nth, at in enumerate(growing):
            most = columns[at].most if columns[at].draw else _natural(columns[at])
            more = int(max(0, min(most - widths[at], room // (len(growing) - nth))))
            widths[at] += more
            room -= more
    drawn = [
        replace(column, cells=tuple(column.draw(size))) if column.draw else column
        for column, size in zip(columns, widths, strict=True)
    ]
    return Fitted(tuple(drawn), tuple(widths), gap, left_out)


def _squeezed(columns: list[Column], width: int, left_out: tuple[str, ...]) -> Fitted:
    """Words in more lines, then labels in several, where nothing is to be left out any more."""
    widths, room = [_least(column) for column in columns], width - NARROW * (len(columns) - 1)
    words = [
        _word(column) if column.text else size for column, size in zip(columns, widths, strict=True)
    ]
    _narrow(widths, words, room)
    folded = sum(widths) > room
    _narrow(widths, [LEAST_LABEL] * len(widths), room)
    return Fitted(tuple(columns), tuple(widths), NARROW, left_out, folded)


def _narrow(widths: list[int], least: Sequence[int], room: int) -> None:
    """Take from the widest until all fit, or are as narrow as they may be."""
    while sum(widths) > room:
        spare = [size - end for size, end in zip(widths, least, strict=True)]
        if max(spare) <= 0:
            return
        widths[spare.index(max(spare))] -= 1
