"""Where a figure goes: into a file, whose ending says its kind, or on the terminal."""

import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from initlab.cli import output
from initlab.errors import InputError, nearest

if TYPE_CHECKING:
    from initlab.report.figure import Figure

Plot = Annotated[bool, typer.Option("--plot", help="Draw the std over depth below the table.")]

PIPE_WIDTH, PIPE_HEIGHT = 80, 17  # of a picture in a pipe, unless COLUMNS says otherwise
AROUND = 9  # lines of titles, axes, legend and notes
LEAST_HEIGHT, MOST_HEIGHT = 8, 24  # lines of a panel


def check_target(target: Path | None) -> None:
    """Refuse, before anything is computed, a file that cannot hold a picture.

    Raises:
        InputError: it is none, or what draws is not installed.
    """
    from initlab.report.drawing.charts import KINDS
    from initlab.report.extra import require

    if target is None:
        require("uniplot")
        return
    check_file(target, KINDS, "std.png")
    require("altair", "vl_convert")


def check_file(target: Path, endings: Sequence[str], example: str) -> None:
    """Refuse a file for a picture or a page whose ending is none of theirs, or that cannot be made.

    Args:
        target: the file.
        endings: those that will do, the usual one first.
        example: a name that would do, for messages.

    Raises:
        InputError: it is a folder, has another ending, or lies in no folder.
    """
    if target.is_dir():
        raise InputError(f"-o {target}: is a folder", f"-o {quote(str(target / example))}")
    ending = target.suffix.lower().removeprefix(".")
    if ending not in endings:
        close = (nearest(ending, endings) or endings)[0]
        device = target.exists() and not target.is_file()
        nameless = device or target.name.startswith((".", "-"))
        name = example if nameless else target.with_suffix(f".{close}")
        message = f"-o {target}: ends in none of {', '.join(endings)}"
        raise InputError(message, f"-o {quote(str(name))}")
    if not target.parent.is_dir():
        message = f"-o {target}: there is no folder {target.parent}"
        raise InputError(message, f"mkdir -p {quote(str(target.parent))}")


def check_below(wanted: output.Format | None, plot: bool) -> None:
    """Refuse a picture below output that is data, before anything is computed.

    Raises:
        InputError: the output is no table, or what draws is not installed.
    """
    if not plot:
        return
    if output.chosen(wanted) is not output.Format.table:
        raise InputError(
            f"--plot draws below a table, and the output is {output.chosen(wanted).value}",
            "--format table, or initlab plot FOLDER",
        )
    check_target(None)


def show_below(folders: Sequence[Path], plot: bool) -> None:
    """The std over the layers of results folders, below their table."""
    if not plot:
        return
    from initlab.cli import figures

    sys.stdout.write("\n")
    show(figures.depth(folders, "std", None, None), None)


def tell_writers(folders: Sequence[Path]) -> None:
    """Say of folders that somebody writes that they may show less than is done."""
    from initlab.store.folder import Folder

    for path in folders:
        if writer := Folder(path).written_by():
            output.note(f"{path}: {writer} writes here; this is what was last published")


def show(figure: "Figure", target: Path | None) -> None:
    """Write a figure to a file, or draw it on stdout."""
    if target is None:
        sys.stdout.write(drawn(figure))
        return
    from initlab.report.drawing.charts import picture
    from initlab.store.pictures import write_bytes

    content = picture(figure, target.suffix.lower().removeprefix("."))
    write_bytes(target, content)
    output.note(f"wrote {target}")


def drawn(figure: "Figure") -> str:
    """A figure in characters, as wide as the terminal; in a pipe without escape codes."""
    from rich.console import Console

    from initlab.report.drawing.terminal import draw

    console, terminal = Console(), sys.stdout.isatty()
    width, lines = output.text_width() or PIPE_WIDTH, output.text_height()
    height = min(max(lines - AROUND, LEAST_HEIGHT), MOST_HEIGHT) if lines else PIPE_HEIGHT
    color = terminal and not console.no_color and console.color_system is not None
    return draw(figure, width, height, unicode=output.unicode_stdout(), color=color)
