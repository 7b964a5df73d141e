"""Results folders read for a report: as published, or from the journal where a sweep goes on."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from initlab.errors import FolderError, InputError
from initlab.report.page.curves import COLUMNS
from initlab.report.page.data import Source
from initlab.spec import yamlfile
from initlab.store.files import JOURNAL, LAYERS_CSV, PROVENANCE, RUNS_CSV, SPEC
from initlab.store.folder import Folder, open_published
from initlab.store.journal import Journal
from initlab.store.publish import provenance, replacing, spec_text
from initlab.store.read import read_runs, read_table
from initlab.store.rows import lines
from initlab.store.temporary import temporary_folder


def read_source(path: Path) -> Source:
    """What a report needs of a results folder; of a sweep that goes on, what is finished.

    Raises:
        FolderError: there are no results, or they are damaged.
    """
    folder = Folder(path)
    if not (path / JOURNAL).is_file():
        return _published(open_published(path), None)
    with folder.journal() as journal:
        writer = folder.written_by()
        if writer or not folder.runs_csv.is_file() or not folder.layers_csv.is_file():
            return _going_on(folder, journal, writer)
        return _published(open_published(path), journal)


def _published(folder: Folder, journal: Journal | None) -> Source:
    plan = None
    if journal is not None:
        with suppress(FolderError):  # the CSV files are sound without it
            plan = journal.plan()
    return Source(
        folder.path,
        folder.path.resolve().name,
        folder.about(),
        _text(folder.path / SPEC),
        read_runs(folder.runs_csv),
        read_table(folder.layers_csv, COLUMNS),
        _json(folder.path / PROVENANCE),
        plan,
    )


def _going_on(folder: Folder, journal: Journal, writer: str) -> Source:
    """The journal's rows at this moment."""
    plan = journal.plan()
    with temporary_folder() as temporary:
        with replacing(temporary, RUNS_CSV, LAYERS_CSV) as files:
            for name, text in lines(plan, journal.outcomes()):
                files[name].write(text)
        return Source(
            folder.path,
            folder.path.resolve().name,
            plan.head.about or "",
            spec_text(plan),
            read_runs(temporary / RUNS_CSV),
            read_table(temporary / LAYERS_CSV, COLUMNS),
            provenance(journal),
            plan,
            writer,
        )


def _text(file: Path) -> str:
    try:
        return yamlfile.read_bytes(str(file), None).decode("utf-8", "replace")
    except InputError:
        return ""


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
