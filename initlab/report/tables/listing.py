"""A list of names with text beside them, at any width: text wraps in its column, words stay whole.

Plain lines. A line that is not indented is a title, as in all views.
"""

import textwrap
from collections.abc import Iterator, Sequence

INDENT, GAP = "  ", "  "
LEAST_TEXT = 30  # characters that the last column needs beside the others; below them with less


def listing(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    rule: str = "-",
) -> str:
    """Rows under a title: a name, short texts, and a long one in the last column.

    Columns that are empty throughout are left out. Where the width does not do for columns, the
    texts of a row stand below its name.

    Args:
        title: a line of its own.
        header: names of the columns.
        rows: text cells, as many as the header has.
        width: characters of a line, which only a longer word exceeds; None wraps nothing.
        rule: the character of the line under the header.
    """
    if not rows:
        return f"{title}\n{INDENT}none\n"
    kept = [i for i in range(len(header)) if any(row[i] for row in rows)]
    header = [header[i] for i in kept]
    cells = [[row[i] for i in kept] for row in rows]
    widths = _widths([header, *cells], None if width is None else width - len(INDENT))
    if widths is None:
        lines = _stacked(header, cells, width)
    else:
        lines = _table([header, [rule * w for w in widths], *cells], widths)
    return "\n".join([title, *(INDENT + line for line in lines)]) + "\n"


def _widths(rows: Sequence[Sequence[str]], width: int | None) -> list[int] | None:
    """Characters of every column; None where the last one would have too few."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    if width is None or _total(widths) <= width:
        return widths
    middle = range(1, len(widths) - 1)
    for i in middle:  # texts between name and last column wrap first, to a sixth of the line
        widths[i] = min(widths[i], max(_longest_word(columns[i]), width // 6))
    left = width - _total([*widths[:-1], 0])
    if left < max(LEAST_TEXT, _longest_word(columns[-1])):
        return None
    return [*widths[:-1], min(left, widths[-1])]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _longest_word(texts: Sequence[str]) -> int:
    return max((len(word) for text in texts for word in text.split()), default=0)


def _table(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for row in rows:
        parts = [wrapped(cell, w) for cell, w in zip(row, widths, strict=True)]
        for i in range(max(map(len, parts))):
            line = [part[i] if i < len(part) else "" for part in parts]
            yield GAP.join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip()


def _stacked(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None
) -> Iterator[str]:
    inner = None if width is None else width - 2 * len(INDENT)
    for name, *between, about in rows:
        yield name
        labelled = [f"{h}: {c}" for h, c in zip(header[1:-1], between, strict=True) if c]
        for text in (about, *labelled):
            yield from (INDENT + line for line in wrapped(text, inner, INDENT))


def wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    """A text in lines broken at spaces, all but the first indented; a long word stays whole."""
    if width is None:
        return [text]
    lines = textwrap.wrap(
        text,
        max(width, len(indent) + 1),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [""]
