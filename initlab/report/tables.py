"""A summary as a table that fits a terminal, or as Markdown."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from initlab.formatting import on_one_line

LEAST_TEXT = 20  # characters that a wrapped column needs to be read
STYLES = {
    "nan": "red",
    "exploding": "red",
    "failed": "red",
    "vanishing": "yellow",
    "steady": "green",
}


@dataclass(frozen=True)
class Summary:
    """A table of text cells; `caption` says what they are. Texts of others cannot leave a cell."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    picture: bool = False  # whether the last column is a picture, which a table can do without

    def __post_init__(self) -> None:
        """Make visible what would command a terminal."""
        object.__setattr__(self, "header", tuple(map(on_one_line, self.header)))
        rows = tuple(tuple(map(on_one_line, row)) for row in self.rows)
        object.__setattr__(self, "rows", rows)

    def without_picture(self) -> "Summary":
        """The same without its last column, if that is a picture."""
        if not self.picture:
            return self
        caption = f"{self.caption} (A wider terminal also shows {self.header[-1]}.)"
        return Summary(self.header[:-1], tuple(row[:-1] for row in self.rows), caption)


def markdown(summary: Summary) -> Iterator[str]:
    """A summary as a Markdown table."""
    yield "| " + " | ".join(summary.header) + " |\n"
    yield "|" + " --- |" * len(summary.header) + "\n"
    for row in summary.rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n"


def table(
    summary: Summary, title: str, *, width: int, unicode: bool, wrap: int = 0
) -> RenderableType:
    """A summary as a table that fits the width without cutting a cell.

    Where it is too wide, ranges go on a second line; then every part of a cell goes on a line of
    its own and the picture is left out; where that is too wide still, every row is a block of
    lines. The last `wrap` columns hold text, which is wrapped instead.
    """
    for fold in (0, 1, 2):
        shown = summary.without_picture() if fold == 2 else summary
        drawn = _table(shown, title, fold=fold, unicode=unicode, wrap=wrap)
        measuring = Console(width=10_000, file=io.StringIO(), color_system=None)
        measure = drawn.__rich_measure__(measuring, measuring.options)
        if measure.maximum <= width or (wrap and measure.minimum + LEAST_TEXT <= width):
            return drawn
    return _blocks(summary, title)


def _table(summary: Summary, title: str, *, fold: int, unicode: bool, wrap: int) -> Table:
    drawn = Table(
        box=box.SIMPLE_HEAD if unicode else box.ASCII2,
        title=Text(title) if title else None,
        title_justify="left",
        caption=Text(summary.caption) if summary.caption else None,
        caption_justify="left",
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for left, name in zip(range(len(summary.header), 0, -1), summary.header, strict=True):
        drawn.add_column(Text(name), no_wrap=left > wrap)
    for row in summary.rows:
        cells = [_folded(cell, fold) for cell in row]
        drawn.add_row(*(Text(cell, _style(cell)) for cell in cells))
    return drawn


def _folded(cell: str, fold: int) -> str:
    """A cell on several lines: "0.65 [0.64, 0.66]" before its range, "4 steady, 1 nan" between."""
    if fold == 2:
        return cell.replace(" [", "\n[").replace("(", "\n(").replace(", ", ",\n")
    if fold == 1 and cell.endswith("]"):
        return cell.replace(" [", "\n[")
    return cell.replace(", ", ",\n") if fold == 1 and cell[:1].isdigit() else cell


def _blocks(summary: Summary, title: str) -> RenderableType:
    pad = max(map(len, summary.header))
    lines = [Text(title, "italic")] if title else []
    for row in summary.rows:
        lines += [Text()] if lines else []
        for name, cell in zip(summary.header, row, strict=True):
            lines.append(Text(f"{name:>{pad}}  ") + Text(cell, _style(cell)))
    lines += [Text(), Text(summary.caption, "dim")] if summary.caption else []
    return Group(*lines)


def _style(cell: str) -> str:
    return next((style for word, style in STYLES.items() if cell.startswith(word)), "")
