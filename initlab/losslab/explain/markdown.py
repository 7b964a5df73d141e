"""The explain view as Markdown: a heading a block, tables as tables, the rest as it is."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from initlab.formatting import markdown_row, markdown_text
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.tables import Grid, Line, shown
from initlab.losslab.explain.view import blocks, torch_lines

PROSE = ("contract", "verdicts")  # blocks of sentences; formulas keep their characters as code


def markdown(e: Evaluation, *, full: bool = False) -> str:
    """The blocks of `explain` under the name of the loss."""
    parts = [f"## {e.call.loss.name}"]
    for title, lines in blocks(e, full=full):
        parts.append(f"### {title.capitalize()}")
        for is_table, group in groupby(lines, lambda line: isinstance(line, Grid)):
            found = list(group)
            if is_table:
                parts += [_table(line, full=full) for line in found if isinstance(line, Grid)]
            elif any(found):  # else a blank between two tables
                parts.append("\n".join(_text(title, found)))
    parts += ["### Torch", "\n".join(["```python", *torch_lines(e, full=full), "```"])]
    return "\n\n".join(parts) + "\n"


def _text(title: str, lines: Sequence[Line]) -> Iterator[str]:
    texts = map(str, lines)
    if title in PROSE:
        yield from (f"- {markdown_text(text.strip())}" for text in texts)
        return
    yield from ("```text", "\n".join(texts).strip("\n"), "```")


def _table(grid: Grid, *, full: bool) -> str:
    """A table whose numbers stand on the right."""
    rows, more = shown(grid, full=full)
    lines = [markdown_row(grid.header), "| --- |" + " ---: |" * (len(grid.header) - 1)]
    lines += [markdown_row(row) for row in rows]
    return "\n".join([*lines, *(["", more] if more else [])])
