"""A grid in characters: colours or shades of its values, with contours and words over them."""

import re
from collections.abc import Iterator

import numpy as np

from initlab.formatting import cut, on_one_line
from initlab.report.drawing.drawable import named
from initlab.report.drawing.scales import tick_label
from initlab.report.drawing.shades import Shades
from initlab.report.figure import Array, Grid

#: from the lowest values to the highest; around a centre from far below it to far above
RISING = {True: "·░▒▓█", False: ".:=%@"}
AROUND = {True: "▼▽·△▲", False: "Vv.+#"}
MARKS = "*oxs~"  # of contours
UNKNOWN = "?"
WIDEST, TALLEST = 8, 3  # characters and lines of a cell
LEGEND_TICKS = 6
_ESCAPE = re.compile("\x1b\\[[0-9;]*m")
PER_STEP = 24  # points along a contour, from one of its corners to the next


def grid_lines(
    grid: Grid, width: int, height: int, shades: Shades, *, unicode: bool, color: bool
) -> Iterator[str]:
    """A drawable grid, the largest y on top, and what its signs stand for.

    Args:
        grid: without gaps in its contours.
        width: characters of a line.
        height: lines of cells, at most; of more rows than lines some are left out.
        shades: of the values.
        unicode: whether signs may be other than ASCII.
        color: whether cells may be coloured.
    """
    canvas = _Canvas(grid, width, height, shades.of(grid))
    signs = (AROUND if shades.centered else RISING)[unicode]
    yield on_one_line(grid.y.title)
    for name, fractions, letters in canvas.rows():
        pairs = zip(fractions, letters, strict=True)
        if color:
            yield name + "".join(_colored(letter, f, shades) for f, letter in pairs)
        else:
            yield name + "".join(letter.strip() or _sign(f, signs) for f, letter in pairs)
    yield canvas.below()
    yield f"{on_one_line(grid.x.title):^{width}}".rstrip()
    for entries in _legend(grid, shades, signs, canvas.marks, color=color):
        yield from _in_lines(entries, width)


class _Canvas:
    """Cells as characters: how far up the scale each is, and what is written over it."""

    def __init__(self, grid: Grid, width: int, height: int, fractions: Array) -> None:
        self.grid = grid
        rows = _some(len(grid.ys), height)
        names = [_name(place) for place in grid.ys[rows]]
        self.left = max(map(len, names), default=0) + 1
        columns = _some(len(grid.xs), width - self.left)
        self.names, self.x, self.y = names, grid.xs[columns], grid.ys[rows]
        self.wide = min(WIDEST, (width - self.left) // max(len(columns), 1))
        self.tall = min(TALLEST, max(height // max(len(rows), 1), 1))
        shown = fractions[np.ix_(rows, columns)]
        self.fractions = np.repeat(np.repeat(shown, self.wide, axis=1), self.tall, axis=0)
        self.letters: Array = np.full(self.fractions.shape, " ", dtype="<U1")
        self.marks: dict[str, str] = {}
        if grid.marks is not None:
            self._write_marks(grid.marks[np.ix_(rows, columns)])
        self._draw_contours()
        for word in grid.words:
            across, up = self._at(np.array([word.x]), np.array([word.y]))
            for n, letter in enumerate(word.text):
                self._put(float(across[0]) - len(word.text) / 2 + n, float(up[0]), letter)

    def rows(self) -> Iterator[tuple[str, Array, Array]]:
        """From the top: a name, and for every character its fraction and what is over it."""
        for n in reversed(range(len(self.fractions))):
            name = self.names[n // self.tall] if n % self.tall == self.tall // 2 else ""
            yield f"{name:>{self.left - 1}} ", self.fractions[n], self.letters[n]

    def below(self) -> str:
        """The names of columns, as many as there is room for."""
        text = ""
        for n, place in enumerate(self.x):
            name = cut(_name(place), max(self.wide * len(self.x) - 1, 4))
            start = max(n * self.wide + (self.wide - len(name)) // 2, 0)
            if start > len(text) or not text:
                text = f"{text:<{start}}{name}"
        return " " * self.left + text

    def _write_marks(self, marks: Array) -> None:
        for row, column in np.ndindex(marks.shape):
            text = marks[row, column] if len(marks[row, column]) <= self.wide else ""
            start = column * self.wide + (self.wide - len(text)) // 2
            line = row * self.tall + self.tall // 2
            self.letters[line, start : start + len(text)] = [*text]

    def _draw_contours(self) -> None:
        for line in self.grid.contours:
            self.marks.setdefault(line.label, MARKS[len(self.marks) % len(MARKS)])
        for line in reversed(self.grid.contours):  # the first one on top
            mark = self.marks[line.label]
            across, up = self._at(line.x, line.y)
            at = np.linspace(0, len(across) - 1, PER_STEP * len(across))
            steps = np.arange(len(across))
            for x, y in zip(np.interp(at, steps, across), np.interp(at, steps, up), strict=True):
                self._put(float(x), float(y), mark)

    def _at(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Characters from the left and lines from below; negative outside."""
        across = _between(x, self.x, log=self.grid.x.log)
        up = _between(y, self.y, log=self.grid.y.log)
        return (across + 0.5) * self.wide, (up + 0.5) * self.tall

    def _put(self, across: float, up: float, letter: str) -> None:
        column, row = int(np.floor(across)), int(np.floor(up))
        if 0 <= row < len(self.letters) and 0 <= column < len(self.letters[0]):
            self.letters[row, column] = letter


def _between(values: Array, places: Array, *, log: bool) -> Array:
    """Where values lie, 0 at the first place and n - 1 at the last; -2 outside."""
    if named(places):
        return values
    if log:
        values, places = np.log(values), np.log(places)
    steps = np.arange(len(places), dtype=float)
    found: Array = np.interp(values, places.astype(float), steps, left=-2.0, right=-2.0)
    return found


def _some(count: int, most: int) -> list[int]:
    """As many of the indices as there is room for, evenly."""
    shown = min(count, max(most, 1))
    return [n * (count - 1) // max(shown - 1, 1) for n in range(shown)]


def _name(place: object) -> str:
    return on_one_line(place) if isinstance(place, str) else tick_label(float(str(place)))


def _sign(fraction: float, signs: str) -> str:
    if np.isnan(fraction):
        return UNKNOWN
    return signs[min(int(fraction * len(signs)), len(signs) - 1)]


def _colored(letter: str, fraction: float, shades: Shades) -> str:
    """A character on the colour of its cell, in black or white, whichever can be read."""
    if np.isnan(fraction):
        return letter if letter != " " else UNKNOWN
    red, green, blue = shades.color(float(fraction))
    ink = 30 if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else 97
    return f"\x1b[{ink};48;2;{red};{green};{blue}m{letter}\x1b[0m"


def _in_lines(entries: list[str], width: int) -> Iterator[str]:
    """Entries beside each other, as many as a line has room for."""
    line, used = "", 0
    for entry in entries:
        length = len(_ESCAPE.sub("", entry))
        if used and used + 3 + length > width:
            yield line
            line, used = "", 0
        line, used = line + ("   " if used else "") + entry, used + length + (3 if used else 0)
    yield line


def _legend(
    grid: Grid, shades: Shades, signs: str, marks: dict[str, str], *, color: bool
) -> Iterator[list[str]]:
    """Entries of a line each: what the signs stand for, and what the marks."""
    title = f"{on_one_line(grid.value.title)}:"
    if color:
        ticks = shades.ticks(LEGEND_TICKS)
        block = [_colored(" ", shades.fraction(v), shades) * 2 for v in ticks]
        yield [title, *(f"{b} {tick_label(v)}" for b, v in zip(block, ticks, strict=True))]
    else:
        ends = [float(f"{shades.value(step):.1g}") for step in np.linspace(0, 1, len(signs) + 1)]
        pairs = zip(signs, ends[:-1], ends[1:], strict=True)
        yield [title, *(f"{s} {tick_label(low)} to {tick_label(high)}" for s, low, high in pairs)]
    if marks:
        yield [f"{mark} {on_one_line(label)}" for label, mark in marks.items()]
