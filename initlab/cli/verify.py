"""`initlab verify`: are the results in a folder what was computed?"""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from initlab.cli import output
from initlab.errors import ChecksFailed, FolderInUse

HEADER = ("spec", "file", "problem")
MOST = 100  # problems shown of one folder

Folders = Annotated[
    list[Path], typer.Argument(help="Results folders, as sweep made them.", show_default=False)
]
FormatOption = Annotated[
    output.Format | None,
    typer.Option("--format", help="table on a terminal and csv in a pipe by default."),
]


def verify(folders: Folders, format_: FormatOption = None) -> None:
    """Check a results folder: the journal, every number in it, and the files published from it.

    Prints a row for every problem, and exits with 1 if there is one. CSV that is not as in the
    journal is published again by initlab export; a damaged journal is mended by the same sweep
    command, which keeps what is sound in it.

    Examples:
    initlab verify results/xavier_tanh

    initlab verify results/*/ && tar czf results.tar.gz results
    """
    import shlex

    from initlab.store.check import problems
    from initlab.store.folder import Folder

    rows, fixes = [], []
    for path in folders:
        folder = Folder(path)
        journal = folder.journal()
        if writer := folder.written_by():
            raise FolderInUse(f"{path}: is being written by {writer}", "initlab verify, after it")
        name = path.resolve().name
        found = [(name, *problem) for problem in islice(problems(path, journal), MOST)]
        rows += found
        if found:
            damaged = any(file.startswith("journal") for _, file, _ in found)
            again = f"initlab sweep {shlex.quote(str(path / 'spec.yaml'))} --fresh"
            fixes.append(again if damaged else f"initlab export {shlex.quote(str(path))}")
        else:
            counts = journal.counts()
            output.words(
                f"{name}: sound; {counts['ok']} runs ok, {counts['failed']} failed,"
                f" {counts['todo']} to do"
            )
        journal.close()
    if rows:
        output.records(HEADER, rows, format_)
        raise ChecksFailed(f"{len(rows)} problems", "; ".join(fixes))
