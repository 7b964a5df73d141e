"""Figures in characters, for a terminal or a text file: curves by uniplot, grids as shades."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from initlab.formatting import cut, on_one_line
from initlab.report.colors import colors
from initlab.report.drawable import drawable
from initlab.report.extra import extra
from initlab.report.figure import Array, Figure, Grid, Panel, Rule
from initlab.report.grid_terminal import grid_lines
from initlab.report.scales import Scale, panel_scales, tick_label
from initlab.report.shades import shades

MARKS = "+xo*#@%&=abcdefghijklmnpqrstuvwyz"  # of measured lines, where there is no colour
PREDICTED = "."
FRAME_TO_ASCII = str.maketrans(dict.fromkeys("┌┐└┘", "+") | {"─": "-", "│": "|"})


def draw(figure: Figure, width: int, height: int, *, unicode: bool, color: bool) -> str:
    """A figure as lines of text, panels one below the other.

    Args:
        figure: any.
        width: characters that a line may have.
        height: lines of a panel between its axes; one more if it is even.
        unicode: whether block characters and braille can be shown, or ASCII only.
        color: whether escape codes for colours may be used.
    """
    height += 1 - height % 2  # with a row in the middle, where a steady signal lies
    figure = drawable(figure)
    panels = [panel for panel in figure.panels if isinstance(panel, Panel)]
    scales = dict(zip(map(id, panels), panel_scales(panels), strict=True))
    palette = colors(line.label for panel in panels for line in panel.lines)
    colored = shades([panel for panel in figure.panels if isinstance(panel, Grid)])
    lines = [on_one_line(figure.title)]
    for panel in figure.panels:
        lines += ["", on_one_line(panel.title)] if panel.title else [""]
        if isinstance(panel, Grid):
            lines += grid_lines(panel, width, height, colored, unicode=unicode, color=color)
        else:
            drawing = _Drawing(panel, *scales[id(panel)], palette, unicode=unicode, color=color)
            lines += drawing.lines(width, height)
    lines += [part for note in figure.notes for part in _wrapped(on_one_line(note), width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


class _Drawing:
    """A panel between its axes."""

    def __init__(
        self,
        panel: Panel,
        x: Scale,
        y: Scale,
        palette: Mapping[str, str],
        *,
        unicode: bool,
        color: bool,
    ) -> None:
        self.panel, self.x, self.y, self.palette = panel, x, y, palette
        self.unicode, self.color = unicode, color
        measured = {line.label for line in panel.lines if not line.dashed}
        self.labels = [label for label in palette if label in measured] or [*palette]
        self.marks = {label: MARKS[n % len(MARKS)] for n, label in enumerate(self.labels)}
        #: dots tell lines apart by colour only
        self.braille = unicode and (color or len(self.labels) < 2)

    def lines(self, width: int, height: int) -> Iterator[str]:
        """Axis titles, rows with their numbers, the numbers of x, and what the marks stand for."""
        ticks = {self._row(value, height): tick_label(value) for value in self.y.ticks(height // 3)}
        left = max(map(len, ticks.values()), default=1)
        columns = max(width - left - 3, 10)
        yield self.panel.y.title + (", log scale" if self.panel.y.log else "")
        body = self._body(columns, height)
        for number, row in enumerate(body, start=-1):
            yield f"{ticks.get(number, ''):>{left}} {row}"
        yield " " * (left + 2) + self._x_labels(columns)
        yield " " * (left + 2) + f"{self.panel.x.title:^{columns}}".rstrip()
        yield from self._legend(width)

    def _row(self, value: float, height: int) -> int:
        """The row from the top in which uniplot draws a value."""
        at = int(self.y.fraction(value) * height)
        return height - 1 - min(max(at, 0), height - 1)

    def _body(self, columns: int, height: int) -> list[str]:
        drawn = self._series()
        if not drawn:
            outside = np.array([self.x.inner[1] + 1])  # uniplot draws no series of nothing
            drawn = [(outside, outside, False, "", " ")]
        xs, ys, joined, hues, marks = map(list, zip(*drawn, strict=True))
        low, high = self.x.inner
        text = extra("uniplot").plot_to_string(
            ys=ys,
            xs=xs,
            lines=joined,
            color=[hue or "white" for hue in hues] if self.color else False,
            character_set="braille" if self.braille else "ascii",
            force_ascii_characters=marks,
            width=columns,
            height=height,
            x_min=low,
            x_max=high + (high - low) * 1e-9,
            y_min=self.y.inner[0],
            y_max=self.y.inner[1],
            x_labels=False,
            y_labels=False,
            x_gridlines=[self._along(rule.x) for rule in self.panel.rules if rule.x is not None],
            y_gridlines=[self._up(rule.y) for rule in self.panel.rules if rule.y is not None],
        )
        rows = [row for row in str(text).split("\n") if row]
        return rows if self.unicode else [row.translate(FRAME_TO_ASCII) for row in rows]

    def _series(self) -> list[tuple[Array, Array, bool, str, str]]:
        """What uniplot draws, the last on top: x, y, whether joined, colour, mark."""
        found = []
        ordered = sorted(self.panel.lines, key=lambda line: (not line.faint, not line.dashed))
        for line in ordered:
            x, y = self._along(line.x), self._up(line.y)
            dots = line.dashed and len(x) > 1
            if dots:
                x, y = x[1::3], y[1::3]
            mark = PREDICTED if line.dashed else self.marks[line.label]
            found.append((x, y, not dots, self.palette[line.label], mark))
        return found

    def _along(self, values: Array | float) -> Array:
        return np.log10(values) if self.x.log else np.asarray(values, float)

    def _up(self, values: Array | float) -> Array:
        return np.log10(values) if self.y.log else np.asarray(values, float)

    def _x_labels(self, columns: int) -> str:
        text = [" "] * columns
        for value in self.x.ticks(max(columns // 10, 2)):
            label = tick_label(value)
            at = int(self.x.fraction(value) * (columns - 1)) - len(label) // 2
            at = min(max(at, 0), columns - len(label))
            if all(c == " " for c in text[max(at - 1, 0) : at + len(label) + 1]):
                text[at : at + len(label)] = label
        return "".join(text).rstrip()

    def _legend(self, width: int) -> Iterator[str]:
        entries = []
        for label in self.labels:
            mark = ("⣿⣿" if self.braille else self.marks[label]) if self.labels else ""
            entries.append(
                (mark, cut(on_one_line(label or "measured"), width - 4), self.palette[label])
            )
        if any(line.dashed for line in self.panel.lines) and len(entries):
            entries.append(("⠂⠂" if self.braille else PREDICTED, "predicted", ""))
        row, used = "", 0
        for mark, label, hue in entries:
            length = len(mark) + 1 + len(label)
            if used and used + 3 + length > width:
                yield row
                row, used = "", 0
            row += ("   " if used else "") + f"{self._colored(mark, hue)} {label}"
            used += length + (3 if used else 0)
        if row:
            yield row
        yield from map(self._rule, self.panel.rules)

    def _rule(self, rule: Rule) -> str:
        """What a rule stands for, and where it is unless its label says so."""
        upright, level = ("│", "─") if self.unicode else ("|", "-")
        value, sign = (rule.y, level) if rule.x is None else (rule.x, upright)
        axis = self.panel.y if rule.x is None else self.panel.x
        text = "" if value is None else tick_label(value)
        return f"{sign} {on_one_line(rule.label)}" + (
            "" if text in rule.label else f" ({axis.title} {text})"
        )

    def _colored(self, text: str, hue: str) -> str:
        if not self.color or not hue:
            return text
        return str(extra("uniplot.colors").Color.from_hex(hue).colorize(text))


def _wrapped(note: str, width: int) -> Sequence[str]:
    import textwrap

    return textwrap.wrap(note, max(width, 20))
