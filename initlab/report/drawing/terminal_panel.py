"""A panel in characters: its lines by uniplot, its numbers and its legend by us."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from initlab.formatting import cut, on_one_line
from initlab.report.drawing.scales import Scale, tick_label
from initlab.report.extra import extra
from initlab.report.figure import Array, Panel, Rule

MARKS = "+xo*#@%&=abcdefghijklmnpqrstuvwyz"  # of measured lines, where there is no colour
PREDICTED = "."
FRAME_TO_ASCII = str.maketrans(dict.fromkeys("┌┐└┘", "+") | {"─": "-", "│": "|"})
BRAILLE_DOTS = 2, 4  # across and up, of a character


class PanelText:
    """A panel without gaps, to be drawn; arguments as those of `terminal.draw`."""

    def __init__(
        self,
        panel: Panel,
        scales: tuple[Scale, Scale],
        palette: Mapping[str, str],
        *,
        unicode: bool,
        color: bool,
    ) -> None:
        self.panel, self.palette = panel, palette
        self.x, self.y = scales
        self.unicode, self.color = unicode, color
        own = {line.label for line in panel.lines}
        measured = {line.label for line in panel.lines if not line.dashed} or own
        self.labels = [label for label in palette if label in measured]
        self.marks = {label: MARKS[n % len(MARKS)] for n, label in enumerate(palette)}
        #: dots tell lines apart by colour only
        self.braille = unicode and (color or len(self.labels) < 2)
        self.dots = BRAILLE_DOTS if self.braille else (1, 1)

    def lines(self, width: int, height: int) -> Iterator[str]:
        """The title of y, rows with their numbers, the numbers of x, and what the marks mean."""
        ticks = {self._row(y, height): tick_label(y) for y in self.y.ticks(height // 3)}
        left = max(map(len, ticks.values()), default=1)
        columns = max(width - left - 3, 4)
        yield cut(self.panel.y.title + (", log scale" if self.panel.y.log else ""), width)
        for number, row in enumerate(self._drawn(columns, height), start=-1):
            yield f"{ticks.get(number, ''):>{left}} {row}"
        yield " " * (left + 2) + self._x_labels(columns)
        yield " " * (left + 2) + f"{cut(self.panel.x.title, columns):^{columns}}"
        yield from self._legend(width)
        for rule in self.panel.rules:
            yield cut(self._rule(rule), width)

    def _column(self, value: float, columns: int) -> int:
        """Where uniplot draws a value: at the nearest dot."""
        return _cell(self.x.fraction(value), columns, self.dots[0])

    def _row(self, value: float, height: int) -> int:
        """The same, from the top."""
        return height - 1 - _cell(self.y.fraction(value), height, self.dots[1])

    def _drawn(self, columns: int, height: int) -> list[str]:
        """The rows with their frame."""
        series = self._series()
        if not series:
            outside = np.array([self.x.inner[1] + 1])  # uniplot draws no series of nothing
            series = [(outside, outside, False, "", " ")]
        xs, ys, joined, hues, marks = map(list, zip(*series, strict=True))
        text = extra("uniplot").plot_to_string(
            ys=ys,
            xs=xs,
            lines=joined,
            color=[hue or "white" for hue in hues] if self.color else False,
            character_set="braille" if self.braille else "ascii",
            force_ascii_characters=marks,
            width=columns,
            height=height,
            x_labels=False,
            y_labels=False,
            **dict(zip(("x_min", "x_max"), self.x.inner, strict=True)),
            **dict(zip(("y_min", "y_max"), self.y.inner, strict=True)),
            **self._rules(columns, height),
        )
        rows = [row for row in str(text).split("\n") if row]
        return rows if self.unicode else [row.translate(FRAME_TO_ASCII) for row in rows]

    def _series(self) -> list[tuple[Array, Array, bool, str, str]]:
        """What uniplot draws, the last on top: x, y, whether joined, colour, mark."""
        found = []
        for line in sorted(self.panel.lines, key=lambda line: (not line.faint, not line.dashed)):
            x = np.log10(line.x) if self.x.log else line.x
            y = np.log10(line.y) if self.y.log else line.y
            dotted = line.dashed and len(x) > 1
            if dotted:
                x, y = x[1::3], y[1::3]
            mark = PREDICTED if line.dashed else self.marks[line.label]
            found.append((x, y, not dotted, self.palette[line.label], mark))
        return found

    def _rules(self, columns: int, height: int) -> dict[str, Any]:
        """Rules for uniplot, in the middle of the characters in which it would draw a point."""
        rules = self.panel.rules
        across = [self._column(rule.x, columns) for rule in rules if rule.x is not None]
        up = [height - 1 - self._row(rule.y, height) for rule in rules if rule.y is not None]
        (left, right), (low, high) = self.x.inner, self.y.inner
        return {
            "x_gridlines": [left + (at + 0.5) / columns * (right - left) for at in across],
            "y_gridlines": [low + (at + 0.5) / height * (high - low) for at in up],
        }

    def _x_labels(self, columns: int) -> str:
        text = [" "] * columns
        for value in self.x.ticks(max(columns // 10, 2)):
            label = tick_label(value)
            at = self._column(value, columns) - len(label) // 2
            at = min(max(at, 0), columns - len(label))
            if at >= 0 and all(c == " " for c in text[max(at - 1, 0) : at + len(label) + 1]):
                text[at : at + len(label)] = label
        return "".join(text)

    def _legend(self, width: int) -> Iterator[str]:
        """As many entries in a row as fit."""
        row, used = "", 0
        for mark, label, hue in self._entries(width):
            length = len(mark) + 1 + len(label)
            if used and used + 3 + length > width:
                yield row
                row, used = "", 0
            row += ("   " if used else "") + f"{self._colored(mark, hue)} {label}"
            used += length + (3 if used else 0)
        if row:
            yield row

    def _entries(self, width: int) -> Iterator[tuple[str, str, str]]:
        """Mark, label and colour."""
        for label in self.labels:
            mark = "⣿⣿" if self.braille else self.marks[label]
            yield mark, cut(on_one_line(label or "measured"), width - 4), self.palette[label]
        if any(line.dashed for line in self.panel.lines):
            yield "⠂⠂" if self.braille else PREDICTED, "predicted", ""

    def _rule(self, rule: Rule) -> str:
        """What a rule stands for, and where it is unless its label says so."""
        upright, level = ("│", "─") if self.unicode else ("|", "-")
        value, sign = (rule.y, level) if rule.x is None else (rule.x, upright)
        axis = self.panel.y if rule.x is None else self.panel.x
        text = "" if value is None else tick_label(value)
        where = "" if text in rule.label else f" ({axis.title} {text})"
        return f"{sign} {on_one_line(rule.label)}{where}"

    def _colored(self, text: str, hue: str) -> str:
        if not self.color or not hue:
            return text
        return str(extra("uniplot.colors").Color.from_hex(hue).colorize(text))


def _cell(fraction: float, cells: int, dots: int) -> int:
    """The character that holds a point, of `dots` dots each."""
    at = round(fraction * (cells * dots - 1)) // dots
    return min(max(at, 0), cells - 1)
