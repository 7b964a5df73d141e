"""`initlab verify`: are the results in a folder what was computed?"""

import shlex
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from initlab.cli import output
from initlab.errors import ChecksFailed, FolderError, FolderInUse
from initlab.store.files import SPEC

if TYPE_CHECKING:
    from initlab.store.journal import Journal

HEADER = ("spec", "file", "problem")
MOST = 100  # problems shown of one folder


def verify(folders: output.Folders, format_: output.FormatOption = None) -> None:
    """Check a results folder: the journal, every number in it, and the files published from it.

    Prints a row for every problem, and exits with 1 if there is one. CSV that is not as in the
    journal is published again by initlab export; a damaged journal is mended by the same sweep
    command, which keeps what is sound in it.

    Examples:
    initlab verify results/xavier_tanh

    initlab verify results/*/ && tar czf results.tar.gz results
    """
    from initlab.store.folder import Folder

    rows, fixes = [], []
    for path in folders:
        folder = Folder(path)
        with folder.journal() as journal:
            if writer := folder.written_by():
                raise FolderInUse(
                    f"{path}: is being written by {writer}", "wait for it, or ask initlab status"
                )
            found = _problems(path, journal)
            rows += found
            if found:
                fixes.append(_fix(path, journal, found))
    if rows or format_ is not None:
        output.records(HEADER, rows, format_)
    if rows:
        many = f"{len(rows)} problem{'s' * (len(rows) > 1)}"
        raise ChecksFailed(many, "; ".join(fixes))


def _problems(path: Path, journal: "Journal") -> list[tuple[str, str, str]]:
    """A row for every problem of a folder; says so where there is none."""
    from initlab.store.check import problems

    name = path.resolve().name
    found = [(name, *problem) for problem in islice(problems(path, journal), MOST)]
    if not found:
        counts = journal.counts()
        output.note(
            f"{name}: sound; {counts['ok']} runs ok, {counts['failed']} failed,"
            f" {counts['todo']} to do"
        )
    return found


def _fix(path: Path, journal: "Journal", found: list[tuple[str, str, str]]) -> str:
    """The command that mends a folder."""
    if not any(file.startswith("journal") for _, file, _ in found):
        return f"initlab export {shlex.quote(str(path))}"
    command = ["initlab", "sweep", str(path / SPEC), "--out", str(path.parent)]
    with suppress(FolderError):  # what is damaged may be just that
        if part := journal.part():
            command += ["--part", f"{part[0]}/{part[1]}"]
    return shlex.join(command)
