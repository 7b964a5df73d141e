"""A summary as a table that fits a terminal, a row a line, or as Markdown."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from initlab.formatting import cut, markdown_row, markdown_text
from initlab.report.tables.columns import Column, Summary
from initlab.report.tables.fitting import Fitted, fitted

STYLES = {
    "nan": "red",
    "exploding": "red",
    "failed": "red",
    "vanishing": "yellow",
    "interrupted": "yellow",
    "steady": "green",
}
#: rich's SIMPLE_HEAD in ASCII
ASCII_HEAD = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
LEAST_LINE = 80  # characters of the words around a table, where nothing says how many may be


def table(summary: Summary, width: int | None, *, unicode: bool) -> tuple[RenderableType, int]:
    """A summary as a table of a row a line, and how wide a line may be.

    A table without a title whose words would break, or with a single row that does not fit, is
    cards instead: a line for every column of a row.

    Args:
        summary: what is shown.
        width: of the terminal. Columns that do not fit are left out, and a line says which; None
            shows all.
        unicode: whether lines may be more than ASCII.
    """
    fit = fitted(summary.columns, width)
    shown: Sequence[Column] = fit.columns
    left_out: Sequence[str] = fit.left_out
    body: RenderableType = _table(summary, fit, unicode=unicode)
    single = len(summary.rows) == 1 and bool(fit.left_out)
    if (fit.folded or single) and not summary.title:
        shown, left_out, body = summary.columns, (), _cards(summary)
    parts: list[RenderableType] = [Text(summary.title, "bold")] if summary.title else []
    parts += [Text(summary.subtitle, "dim")] if summary.subtitle else []
    parts.append(body)
    size = width or max(fit.width, LEAST_LINE)
    parts += [Text(cut(line, size), "dim") for line in summary.titles]
    parts += [Text(line) for line in summary.notes]
    parts += [Text(line, "dim") for line in summary.below(shown, left_out)]
    return Group(*parts), size


def _table(summary: Summary, fit: Fitted, *, unicode: bool) -> Table:
    drawn = Table(
        box=box.SIMPLE_HEAD if unicode else ASCII_HEAD,
        padding=(0, fit.gap - 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for column, width in zip(fit.columns, fit.widths, strict=True):
        drawn.add_column(
            Text(column.name),
            width=width,
            justify="right" if column.number else "left",
            overflow="fold",
        )
    for at, row in enumerate(zip(*(column.cells for column in fit.columns), strict=True)):
        bold = "bold" if at in summary.sections else ""
        drawn.add_row(*(Text(cell, bold or _style(cell)) for cell in row))
    return drawn


def _cards(summary: Summary) -> RenderableType:
    drawn = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    drawn.add_column(justify="right", no_wrap=True)
    drawn.add_column(overflow="fold")
    for at, row in enumerate(summary.rows):
        if at:
            drawn.add_row()
        for name, cell in zip(summary.header, row, strict=True):
            drawn.add_row(Text(name), Text(cell, _style(cell)))
    return drawn


def _style(cell: str) -> str:
    return next((style for word, style in STYLES.items() if cell.startswith(word)), "")


def markdown(summary: Summary) -> Iterator[str]:
    """A summary as Markdown: its title, the whole table, its legend."""
    if summary.title:
        yield f"**{markdown_text(summary.title)}**\n\n"
    if summary.subtitle:
        yield f"{markdown_text(summary.subtitle)}\n\n"
    yield f"{markdown_row(summary.header)}\n"
    marks = ["---:" if column.number else "---" for column in summary.columns]
    yield "| " + " | ".join(marks) + " |\n"
    for row in summary.rows:
        yield f"{markdown_row(row)}\n"
    yield from (f"\n{markdown_text(line)}\n" for line in (*summary.titles, *summary.notes))
    if below := summary.below(summary.columns, ()):
        yield f"\n{markdown_text(' '.join(below))}\n"
