"""Figures in characters, for a terminal or a text file."""

import textwrap

from initlab.formatting import on_one_line
from initlab.report.drawing.colors import colors_of
from initlab.report.drawing.drawable import drawable
from initlab.report.drawing.scales import left_panel, panel_scales
from initlab.report.drawing.shades import shades
from initlab.report.drawing.terminal_grid import grid_lines
from initlab.report.drawing.terminal_panel import PanelText
from initlab.report.figure import Figure, Grid, Panel

LEAST_WIDTH = 20


def draw(figure: Figure, width: int, height: int, *, unicode: bool, color: bool) -> str:
    """A figure as lines of text, panels one below the other.

    Args:
        figure: any.
        width: characters that a line may have.
        height: lines of a panel between its axes; one more if it is even.
        unicode: whether block characters and braille can be shown, or ASCII only.
        color: whether escape codes for colours may be used.
    """
    width = max(width, LEAST_WIDTH)
    height += 1 - height % 2  # with a row in the middle, where a steady signal lies
    palette, figure = colors_of(figure), drawable(figure)
    panels = [panel for panel in figure.panels if isinstance(panel, Panel)]
    axes = panel_scales(panels)
    scales = dict(zip(map(id, panels), axes, strict=True))
    colored = shades([panel for panel in figure.panels if isinstance(panel, Grid)])
    lines = [*_wrapped(figure.title, width)]
    for panel in figure.panels:
        lines += ["", *_wrapped(panel.title, width)]
        if isinstance(panel, Grid):
            lines += grid_lines(panel, width, height, colored, unicode=unicode, color=color)
        else:
            drawing = PanelText(panel, scales[id(panel)], palette, unicode=unicode, color=color)
            lines += drawing.lines(width, height)
    for note in (*figure.notes, *left_panel(panels, axes)):
        lines += _wrapped(note, width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(on_one_line(text), width)
