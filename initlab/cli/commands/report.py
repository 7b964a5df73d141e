"""`initlab report`: results as one page that a person can explore."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from initlab.cli import output
from initlab.cli.pictures import check_file
from initlab.errors import InputError

ENDINGS = ("html", "htm")
STDOUT = Path("-")

OutOption = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", help="The page, or - for stdout.")
]


def report(folders: output.Folders, out: OutOption = Path("report.html")) -> None:
    """Write results as one HTML page: verdicts, a table to sort, linked charts, the spec.

    The page holds all it needs and loads nothing: it works offline, from a mail or a stick. Several
    folders make one page with an index. Of a sweep that still runs, it shows what is finished.

    Examples:
    initlab report results/xavier_tanh

    initlab report results/*/ -o article.html

    initlab report results/xavier_tanh -o - | ssh server 'cat > public/xavier.html'
    """
    _check(out)
    from initlab.cli.report_sources import read_source
    from initlab.report.page.document import page

    content = page(map(read_source, folders)).encode()
    if out == STDOUT:
        sys.stdout.buffer.write(content)
        return
    from initlab.store.pictures import write_bytes

    write_bytes(out, content)
    output.note(f"wrote {out} ({len(content) / 1e6:.1f} MB)")


def _check(out: Path) -> None:
    """Refuse at once what could not be written in the end."""
    if out == STDOUT:
        if sys.stdout.isatty():
            raise InputError("-o -: a page is not for a terminal", "-o report.html")
        return
    check_file(out, ENDINGS, "report.html")
