"""Where output goes: data to stdout, words to stderr; a table only on a terminal, CSV in a pipe."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from initlab.formatting import csv_line, json_number, six_digits, visible

if TYPE_CHECKING:
    from initlab.report.tables.columns import Summary


VIEW_WIDTH = 80  # of a view in a pipe, and at most on a terminal
UNKNOWN_SIZE = 80, 24  # columns and lines of a terminal that does not tell
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


def each_once(ctx: typer.Context, folders: list[Path] | None) -> list[Path] | None:
    """Folders without those named before, however they are written; says which.

    What the same folder named twice would be is no result: its seeds counted twice.
    """
    kept: dict[Path, Path] = {}
    for folder in folders or ():
        first = kept.setdefault(folder.resolve(), folder)
        if first is not folder and not ctx.resilient_parsing:
            warn(f"{folder}: is the folder {first}, and shown once")
    return folders and list(kept.values())


Folders = Annotated[
    list[Path],
    typer.Argument(
        help="Results folders, as sweep made them.", show_default=False, callback=each_once
    ),
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
    """A line about what went wrong, on stderr, whatever is asked; a terminal breaks no word."""
    from initlab.report.tables.listing import wrapped

    width = None
    if sys.stderr.isatty():
        from rich.console import Console

        width = Console(stderr=True).width
    lines = [line for part in visible(text).split("\n") for line in wrapped(part, width)]
    sys.stderr.write("\n".join(lines) + "\n")


def text_width() -> int | None:
    """How wide anything that is printed may be: $COLUMNS, or as stdout's terminal; None: any."""
    return _asked("COLUMNS") or _terminal().columns or None


def text_height() -> int | None:
    """How many lines it shows at once, likewise: $LINES, or as stdout's terminal; None: any."""
    return _asked("LINES") or _terminal().lines or None


def _asked(variable: str) -> int | None:
    """A number above 0 in the environment."""
    text = os.environ.get(variable, "")
    return (int(text[:6]) or None) if text.isdecimal() else None


def _terminal() -> os.terminal_size:
    """The size of stdout's terminal, now; zeros off one."""
    if not sys.stdout.isatty():
        return os.terminal_size((0, 0))
    # shutil asks sys.__stdout__, which streams.install has detached
    width, height = os.get_terminal_size(sys.stdout.fileno())
    return os.terminal_size((width or UNKNOWN_SIZE[0], height or UNKNOWN_SIZE[1]))


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


def shown_summary(summary: "Summary", wanted: Format | None, *, wide: bool = False) -> None:
    """Print a summary as Markdown, or as a table as wide as the terminal.

    Off a terminal it is as wide as COLUMNS says, and uncut without.

    Args:
        summary: what is shown.
        wanted: a format; Markdown, or else a table.
        wide: leave no column out, however wide the table is.
    """
    from rich.console import Console

    from initlab.report.tables import rendering

    if chosen(wanted) is Format.md:
        sys.stdout.writelines(rendering.markdown(summary))
        return
    width = None if wide else text_width()
    drawn, wide_enough = rendering.table(summary, width, unicode=unicode_stdout())
    # rich is told the height as well: else it takes a dumb terminal for one of 80 columns
    height = text_height() or UNKNOWN_SIZE[1]
    colors: Literal["auto"] | None = "auto" if sys.stdout.isatty() else None
    console = Console(width=wide_enough, height=height, color_system=colors)
    console.print(drawn, soft_wrap=wide)


def summary(
    header: Sequence[str], rows: Sequence[Sequence[object]], caption: str, wanted: Format | None
) -> None:
    """Print a table for people (table, md)."""
    from initlab.report.tables.columns import plain

    texts = [tuple(map(six_digits, row)) for row in rows]
    shown_summary(plain(header, texts, caption), wanted)


def records(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    wanted: Format | None,
    *,
    shown: Sequence[str] | None = None,
    spare: Sequence[str] = (),
) -> None:
    """Print a small table of our own, in any format.

    Args:
        header: its columns.
        rows: a value for each of them.
        wanted: a format, or None for what fits stdout.
        shown: the columns that a person needs.
        spare: those of them that a narrow terminal does without first.
    """
    from initlab.report import formats
    from initlab.report.tables.columns import plain

    format_ = chosen(wanted)
    if format_ in (Format.table, Format.md):
        at = [header.index(name) for name in shown or header]
        texts = [tuple(six_digits(row[i]) for i in at) for row in rows]
        shown_summary(plain([header[i] for i in at], texts, spare=spare), wanted)
        return
    if format_ is Format.csv:
        sys.stdout.writelines(csv_line(line) for line in chain([header], rows))
        return
    worded = ([json_number(value) for value in row] for row in rows)
    objects = (json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in worded)
    sys.stdout.writelines(formats.json_array(objects) if format_ is Format.json else objects)
