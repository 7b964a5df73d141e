"""`initlab status`: how far a sweep is."""

from pathlib import Path
from typing import Any

from initlab.cli import output
from initlab.errors import FolderError

HEADER = ("spec", "runs", "ok", "failed", "todo", "bands_todo", "last_ended", "writer")


def status(folders: output.Folders, format_: output.FormatOption = None) -> None:
    """Say how far a sweep is: runs done, failed and to do, and whether somebody writes there now.

    It may be asked while the sweep runs.

    Examples:
    initlab status results/xavier_tanh

    watch initlab status results/*/ --format table

    initlab status results/xavier_tanh --format json | jq '.[0].todo'
    """
    rows, wrong = [], []
    for folder in folders:
        try:
            rows.append(_row(folder))
        except FolderError as error:
            wrong.append(error)
    if rows:
        output.records(HEADER, rows, format_)
    if wrong:
        raise FolderError("\n".join(error.message for error in wrong), wrong[0].fix)


def _row(path: Path) -> list[Any]:
    from initlab.store.folder import Folder

    folder = Folder(path)
    with folder.journal() as journal:
        counts, sessions = journal.counts(), journal.sessions()
        bands = None if journal.part() else journal.bands_todo()
        writer = folder.written_by()
    ended = None
    if sessions and not writer:
        ended = sessions[-1]["ended"] or "broke off"
    name, runs = path.resolve().name, sum(counts.values())
    return [
        name,
        runs,
        *(counts[s] for s in ("ok", "failed", "todo")),
        bands,
        ended,
        writer or None,
    ]
