"""`initlab merge`: the parts of a sweep as one."""

import re
from pathlib import Path
from typing import Annotated

import typer

from initlab.cli import output

Parts = Annotated[
    list[Path],
    typer.Argument(help="Results folders of all parts, NAME.part-K-of-N.", show_default=False),
]
Out = Annotated[Path, typer.Option(help="Folder of all results; the sweep gets one in here.")]


def merge(parts: Parts, out: Out = Path("results")) -> None:
    """Join the parts of a sweep, as sweep --part made them, into one results folder.

    The files are what the sweep would have published in one go, to the last byte but for wall
    times. Parts stay as they are; a part that is not finished leaves its runs to do.

    Examples:
    initlab merge results/xavier_tanh.part-*
    """
    from initlab.store.merge import merge as joined

    kept = [part for part in parts if not re.search(r"\.(old|rescued)-\d+/?$", str(part))]
    if len(kept) < len(parts):
        output.note(f"{len(parts) - len(kept)} folders that were moved aside are left out")
    folder = joined(kept or parts, out)
    counts = folder.writer.counts()
    folder.close()
    todo = f", {counts['todo']} to do" if counts["todo"] else ""
    output.note(f"{folder.path.name}: {counts['ok']} runs ok{todo} in {folder.path}/")
