"""`initlab rerun`: one run again, to be compared or to see it fail."""

import traceback
from pathlib import Path
from typing import Annotated

import typer

from initlab.cli import output
from initlab.errors import ChecksFailed

HEADER = (
    "spec", "run", "was", "now", "numbers", "differing", "largest_relative_difference", "first",
    "changed",
)  # fmt: skip

FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A results folder.", show_default=False)
]
Number = Annotated[
    int, typer.Argument(metavar="RUN", min=0, help="The run's number, as in runs.csv.")
]


def rerun(folder: FolderArgument, run: Number, format_: output.FormatOption = None) -> None:
    """Measure one run of a sweep again, and compare every number with the journal, bit for bit.

    Where a bit differs, it says which version or what of the machine is not as it was. A run that
    failed fails again before your eyes, with its traceback. Nothing is written.

    Examples:
    initlab rerun results/xavier_tanh 7
    """
    from initlab.errors import in_short
    from initlab.store.folder import Folder
    from initlab.sweep.rerun import RunFails
    from initlab.sweep.rerun import rerun as measured_again

    name = folder.resolve().name
    try:
        with Folder(folder).journal() as journal:
            c = measured_again(journal, run)
    except RunFails as failure:
        cause = failure.__cause__ or failure
        traceback.print_exception(cause)
        raise ChecksFailed(f"{name} run {run} fails: {in_short(cause)}") from None
    changed = "; ".join(c.changed)
    row = [name, run, c.was, "ok", c.compared, c.differing, c.largest, c.first, changed]
    output.records(HEADER, [row], format_)
    if c.was == "failed":
        output.note(
            f"{name} run {run} failed before, and does not now:"
            " the sweep with --retry-failed takes it over"
        )
    if c.was == "interrupted":
        output.note(f"{name} run {run} was not done before: there is nothing to compare")
    if c.differing:
        why = changed or ("versions and machine are those recorded; is the machine sound?")
        raise ChecksFailed(
            f"{name} run {run}: {c.differing} of {c.compared} numbers differ, by up to"
            f" {c.largest:.1e} of their size, first {c.first}: {why}"
        )
