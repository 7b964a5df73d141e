"""Where output goes: data to stdout, words to stderr; a table only on a terminal, CSV in a pipe."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from initlab.errors import InputError
from initlab.formatting import csv_line, json_number, on_one_line, six_digits, visible
from initlab.store.files import LAYERS_CSV, RUNS_CSV

if TYPE_CHECKING:
    from initlab.report.tables import Summary


VIEW_WIDTH = 80  # of a view in a pipe, and at most on a terminal
MOST_ROWS = 20_000  # of layers as a table, which is drawn in memory
_quiet = False


class Format(StrEnum):
    """What `--format` takes; table and md are summaries, the others carry every row."""

    table = "table"
    csv = "csv"
    json = "json"
    jsonl = "jsonl"
    md = "md"


FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="table on a terminal and csv in a pipe by default."),
]
Folders = Annotated[
    list[Path], typer.Argument(help="Results folders, as sweep made them.", show_default=False)
]


def chosen(wanted: Format | None) -> Format:
    """The format asked for, or what fits stdout."""
    return wanted or (Format.table if sys.stdout.isatty() else Format.csv)


def unicode_stdout() -> bool:
    """Whether stdout can show block characters."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def keep_quiet(quiet: bool) -> None:
    """Whether notes and progress are left out from now on."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Whether they are."""
    return _quiet


def note(text: str) -> None:
    """A line for the reader, on stderr, unless `--quiet`."""
    if not _quiet:
        warn(text)


def warn(text: str) -> None:
    """A line about what went wrong, on stderr, whatever is asked."""
    sys.stderr.write(visible(text) + "\n")


def text_width() -> int | None:
    """How wide text that fits any width may be: $COLUMNS, or as stdout's terminal; None: any."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns[:6]) > 0:
        return int(columns[:6])
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console().width


def view_width() -> int:
    """How wide a view of several blocks may be: the same, up to 80."""
    return min(text_width() or VIEW_WIDTH, VIEW_WIDTH)


def view(text: str) -> None:
    """Print a view of blocks; on a terminal in colour, its titles, which alone are not indented.

    The same bytes in a pipe, with NO_COLOR, and on a terminal that knows no colours.
    """
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    if console.no_color or console.color_system is None:
        sys.stdout.write(text)
        return
    for line in text.splitlines():
        console.print(Text(line, "" if line.startswith(" ") else "bold cyan"))


def results(folders: list[tuple[str, str, Path]], wanted: Format | None, *, layers: bool) -> None:
    """Print results as data (csv, json, jsonl) or as a summary (table, md).

    Args:
        folders: name, one line about it, and the results folder of every sweep.
        wanted: a format, or None for what fits stdout.
        layers: rows of layers instead of runs; of data only.
    """
    format_ = chosen(wanted)
    if format_ is Format.table and layers and wanted is None:
        format_ = Format.csv  # a row for every layer is for reading on, not for reading
    if format_ not in (Format.table, Format.md):
        _data([(name, path) for name, _, path in folders], format_, layers=layers)
        return
    for position, (name, about, path) in enumerate(folders):
        title = on_one_line(f"{name}: {about}" if about else name)
        if format_ is Format.md and len(folders) > 1:
            sys.stdout.write(("\n" if position else "") + f"**{title}**\n\n")
        _summary(title, path, format_, layers=layers)


def _data(folders: list[tuple[str, Path]], format_: Format, *, layers: bool) -> None:
    from contextlib import ExitStack

    from initlab.report import formats

    with ExitStack() as stack:
        tables: list[tuple[str, Iterable[str]]] = []
        for name, path in folders:
            file = path / (LAYERS_CSV if layers else RUNS_CSV)
            tables.append((name, stack.enter_context(file.open(newline="", encoding="utf-8"))))
        lines = tables[0][1] if len(tables) == 1 else formats.joined(tables)
        if format_ is not Format.csv:
            lines = formats.json_lines(lines)
        sys.stdout.writelines(formats.json_array(lines) if format_ is Format.json else lines)


def _summary(title: str, path: Path, format_: Format, *, layers: bool) -> None:
    from initlab.report.summary import layer_table, summarise
    from initlab.store.read import read_table

    file = path / LAYERS_CSV
    if layers:
        with file.open("rb") as opened:
            rows = sum(1 for _ in opened) - 1
        if rows > MOST_ROWS:
            raise InputError(
                f"{file}: {rows:,} rows are too many for a table ({MOST_ROWS:,} at most)",
                "--format csv, json or jsonl",
            )
        summary = layer_table(read_table(file))
    else:
        stds = read_table(file, ["run", "std"])
        summary = summarise(read_table(path / RUNS_CSV), stds, unicode=unicode_stdout())
    _print(summary, title, format_)


def _print(summary: "Summary", title: str, format_: Format, *, wrap: int = 0) -> None:
    """A summary as Markdown, or as a table as wide as the terminal; off a terminal, uncut."""
    from rich.console import Console

    from initlab.report import tables

    if format_ is Format.md:
        sys.stdout.writelines(tables.markdown(summary))
        return
    terminal = sys.stdout.isatty()
    console = Console() if terminal else Console(width=1000, color_system=None)
    drawn = tables.table(summary, title, width=console.width, unicode=unicode_stdout(), wrap=wrap)
    console.print(drawn, soft_wrap=not terminal)


def summary(
    header: Sequence[str], rows: Sequence[Sequence[object]], caption: str, wanted: Format | None
) -> None:
    """Print a table for people (table, md)."""
    from initlab.report.tables import Summary

    texts = tuple(tuple(map(six_digits, row)) for row in rows)
    _print(Summary(tuple(header), texts, caption), "", chosen(wanted))
    if chosen(wanted) is Format.md and caption:
        sys.stdout.write(f"\n{caption}\n")


def records(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    wanted: Format | None,
    *,
    shown: Sequence[str] | None = None,
) -> None:
    """Print a small table of our own, in any format; `shown` are the columns a person needs."""
    from initlab.report import formats
    from initlab.report.tables import Summary

    format_ = chosen(wanted)
    if format_ in (Format.table, Format.md):
        at = [header.index(name) for name in shown or header]
        texts = tuple(tuple(six_digits(row[i]) for i in at) for row in rows)
        _print(Summary(tuple(header[i] for i in at), texts), "", format_, wrap=2)
        return
    if format_ is Format.csv:
        sys.stdout.writelines(csv_line(line) for line in chain([header], rows))
        return
    worded = ([json_number(value) for value in row] for row in rows)
    objects = (json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in worded)
    sys.stdout.writelines(formats.json_array(objects) if format_ is Format.json else objects)
