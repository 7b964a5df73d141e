"""Tables of numbers as text: separated by commas, semicolons, tabs or blanks, with a header or not.

A decimal comma is refused: "0,5;1,2" may be two numbers or four, and "1,5" alone is two.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initlab.catalog.values import to_float
from initlab.errors import Finding, InputError
from initlab.formatting import cut
from initlab.losslab.operands.limits import check_values
from initlab.losslab.operands.source import Wanted
from initlab.losslab.operands.text import is_number

COMMENT = "#"  # as np.savetxt begins a header
NAME = re.compile(r"[^\W\d]|[([{<%$#@*_/~|]")  # how one begins; a number that is mistyped does not
MISSING = ("na", "n/a", "null", "none", "true", "false")  # cells of data, not names of columns
FEWEST = 3  # rows of a column that is seen to count


@dataclass(frozen=True)
class Table:
    """One column is a vector (rows), more are a matrix (rows, columns).

    `delimiter` is None for blanks, `skipped` counts the lines up to the end of the header.
    """

    array: NDArray[Any]
    delimiter: str | None
    skipped: int
    findings: tuple[Finding, ...]


def table(text: str, wanted: Wanted) -> Table:
    """Rows of numbers; a header and comments are left out, and reported.

    Raises:
        TooLarge: they take more than `most` bytes as float64.
        InputError: no number, rows of different lengths, a decimal comma, a column that only
            counts rows; names the line and the cell.
    """
    lines, where = list(_lines(text)), wanted.place
    delimiter = _delimiter(lines, where)
    header = _header(lines, delimiter)
    rows = lines[1:] if header else lines
    check_values(sum(_count(line, delimiter) for _, line in rows), where, wanted.most)
    values = _rows(rows, delimiter, wanted)
    array = np.array(values)
    if header:
        _refuse_row_numbers(header, delimiter, array, wanted)
    whole = np.isfinite(array).all() and not any(c in line for _, line in rows for c in ".eE")
    if whole and np.abs(array).max() < 2**53:
        array = array.astype(np.int64)
    findings = tuple(_findings(text, header, array, _without_first(delimiter, wanted)))
    shaped = array[:, 0].copy() if array.shape[1] == 1 else array
    return Table(shaped, delimiter, lines[0][0] if header else 0, findings)


def cells_of(line: str, delimiter: str | None) -> list[str]:
    """The cells of a line; a delimiter of None is any run of blanks."""
    return [cell.strip() for cell in line.split(delimiter)]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are neither blank nor a comment, with their numbers."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith(COMMENT):
            yield number, line


def _delimiter(lines: list[tuple[int, str]], where: str) -> str | None:
    """What separates the cells, as the last of the first two lines shows: the first may be a
    header, whose words have blanks.
    """
    if not lines:
        raise InputError(f"{where}: is empty but for comments")
    line = lines[min(1, len(lines) - 1)][1]
    if ";" in line:
        return ";"
    if "," in line and not any(re.search(r"\s", cell) for cell in cells_of(line, ",")):
        return ","
    if "\t" in line.strip():
        return "\t"
    return None if re.search(r"\s", line.strip()) else ","


def _count(line: str, delimiter: str | None) -> int:
    return line.count(delimiter) + 1 if delimiter else len(line.split())


def _header(lines: list[tuple[int, str]], delimiter: str | None) -> str:
    """The first line if its cells are names while all of the next are numbers; or nothing."""
    if len(lines) < 2:
        return ""
    first, second = (cells_of(line, delimiter) for _, line in lines[:2])
    words = [cell.strip("\"'") for cell in first]
    named = any(words) and all(NAME.match(word) for word in words if word)
    missing = any(word.lower() in MISSING for word in words) or any(map(is_number, words))
    return lines[0][1] if named and not missing and all(map(is_number, second)) else ""


def _rows(lines: list[tuple[int, str]], delimiter: str | None, wanted: Wanted) -> list[list[float]]:
    rows = list[list[float]]()
    for number, line in lines:
        cells = cells_of(line, delimiter)
        try:
            rows.append([to_float(cell) for cell in cells])
        except ValueError:
            raise _no_number(number, line, cells, delimiter, wanted) from None
        if len(cells) != len(rows[0]):
            said = f"line {number} has {len(cells)} numbers, the first has {len(rows[0])}"
            raise InputError(f"{wanted.place}: {said}")
    return rows


def _no_number(
    number: int, line: str, cells: list[str], delimiter: str | None, wanted: Wanted
) -> InputError:
    at, cell = next((i, cell) for i, cell in enumerate(cells, 1) if not is_number(cell))
    message = f"{wanted.place}: line {number} is no row of numbers: {line[:60]!r}"
    shown = f"cell {at} is {cell[:40]!r}" if cell else f"cell {at} is empty"
    if delimiter != "," and re.fullmatch(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", cell, re.ASCII):
        fix = _rewritten("tr , .", "points.txt", wanted)
        return InputError(f"{message}; {shown}, a decimal comma? numbers have a point", fix)
    header = "; is it a header? remove it" if number == 1 else ""
    return InputError(f"{message}; {shown}{header}")


def _counts(array: NDArray[Any]) -> bool:
    """Whether the first of several columns counts the rows, from 0 or 1."""
    rows, columns = array.shape
    first = array[:, 0] - np.arange(rows)
    return rows >= FEWEST and columns > 1 and bool((first == 0).all() or (first == 1).all())


def _refuse_row_numbers(
    header: str, delimiter: str | None, array: NDArray[Any], wanted: Wanted
) -> None:
    """A column without a name that counts, as pandas and R write it, is no data."""
    names = cells_of(header, delimiter)
    nameless = not names[0].strip("\"'") or len(names) == array.shape[1] - 1
    rows, columns = array.shape
    counts = bool((array[:, 0] - array[0, 0] == np.arange(rows)).all()) and array[0, 0] in (0, 1)
    if nameless and columns > 1 and counts:
        raise InputError(
            f"{wanted.place}: the first column has no name and counts the {rows} rows: row numbers"
            " are no values of a loss",
            _without_first(delimiter, wanted),
        )


def _without_first(delimiter: str | None, wanted: Wanted) -> str:
    """The command that leaves out the first column, whether or not a header names it."""
    known = {None: "awk '{$1 = \"\"; print}'", "\t": "cut -f 2-"}
    return _rewritten(known.get(delimiter, f"cut -d '{delimiter}' -f 2-"), "values.txt", wanted)


def _rewritten(command: str, to: str, wanted: Wanted) -> str:
    """A command that makes a file of another, and the operand that takes it."""
    return f"{command} < {shlex.quote(wanted.path or 'FILE')} > {to}, then {wanted.instead(to)}"


def _findings(text: str, header: str, array: NDArray[Any], fix: str) -> Iterator[Finding]:
    if header:
        message = f"the header {cut(header.strip(), 60)!r} was skipped"
        yield Finding("header", "info", "", message)
    if COMMENT in text:
        comments = [i for i, line in enumerate(text.splitlines(), 1)
                    if line.lstrip().startswith(COMMENT)]  # fmt: skip
        lines = f"line {comments[0]}" if len(comments) == 1 else f"{len(comments)} lines"
        if comments:
            yield Finding("header", "info", "", f"{lines} of comment, skipped")
    fractions = array.shape[1] > 1 and (array[:, 1:] != np.round(array[:, 1:])).any()
    if _counts(array) and fractions:
        message = "the first column counts the rows; it is taken as values. Are they row numbers?"
        yield Finding("header", "warning", "", message, fix)
