"""Is a results folder sound? The journal, every number in it, and the files published from it."""

import errno
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from initlab.store import tables
from initlab.store.damage import DamagedJournal
from initlab.store.files import LAYERS_CSV, RUNS_CSV, SPEC
from initlab.store.journal import Journal
from initlab.store.publish import spec_text
from initlab.store.rows import lines
from initlab.store.tables import MEASURED, MORE


def problems(path: Path, journal: Journal) -> Iterator[tuple[str, str]]:
    """What is wrong with a folder, as (file, what), the gravest first; nothing if all is well."""
    sound = True
    try:
        for problem in broken(journal):
            sound = False
            yield problem
        if sound:  # else there is nothing to compare them with
            yield from _files(path, journal)
    except DamagedJournal as error:
        yield Path(journal.path).name, error.message


def broken(journal: Journal) -> Iterator[tuple[str, str]]:
    """The database by itself, and its numbers against the hashes with which they were written."""
    name = Path(journal.path).name
    for (found,) in journal.rows("PRAGMA integrity_check(10)"):
        if found != "ok":
            yield name, found
    for table, _, parent, _ in journal.rows("PRAGMA foreign_key_check"):
        yield name, f"a row of {table} belongs to no row of {parent}"
    for id_, number, status, onset, loss, digest in journal.rows(
        "SELECT id, number, status, nan_onset, loss_value, digest FROM runs WHERE status = 'ok'"
    ):
        found, more = journal.layers(MEASURED, id_), journal.more_layers(MORE, id_)
        if not tables.digest_matches((status, onset, loss), found, digest, more):
            which = f"run {number}" if number is not None else "a run of an earlier spec"
            yield name, f"the numbers of {which} are not those that were written"
    for (status,) in journal.rows("SELECT DISTINCT status FROM runs"):
        if status not in ("todo", "ok", "failed"):
            yield name, f"no run has the status {status!r}"
    for read in (journal.sessions, journal.environments, journal.part, journal.inputs):
        read()  # raises if it is not as it was written
    for kind in journal.named_kinds:
        for id_, named, *numbers, _, digest in journal.rows(f"SELECT * FROM {kind.table}"):
            if not tables.digest_matches(numbers, journal.layers(kind, id_), digest):
                yield name, f"the numbers of {kind.table} {named} are not those that were written"


def _files(path: Path, journal: Journal) -> Iterator[tuple[str, str]]:
    """The published files against what would be published now."""
    plan = journal.plan()
    if not any((path / name).exists() for name in (RUNS_CSV, LAYERS_CSV, SPEC)):
        yield RUNS_CSV, "not published yet; the journal is sound"
        return
    with ExitStack() as stack:
        files, line = {}, {RUNS_CSV: 1, LAYERS_CSV: 1}
        for name in line:
            try:
                files[name] = stack.enter_context(_opened(path / name))
            except OSError as error:
                yield name, str(error.strerror)
        for name, text in lines(plan, journal.outcomes()):
            if name in files:
                found = files[name].read(len(text))
                if found != text:
                    at = line[name] + _same_lines(found, text)
                    yield name, f"line {at}: not as in the journal"
                    del files[name]
                line[name] += text.count("\n")
        for name, file in files.items():
            if file.read(1):
                yield name, f"line {line[name]}: what follows is not in the journal"
    try:
        with _opened(path / SPEC) as saved:
            if saved.read() != spec_text(plan):
                yield SPEC, "not as in the journal"
    except OSError as error:
        yield SPEC, str(error.strerror)


def _opened(file: Path) -> TextIO:
    """A published file. Raises OSError where there is none, also for a pipe in its place."""
    if file.exists() and not file.is_file():
        raise OSError(errno.EINVAL, "is no file")
    return file.open(encoding="utf-8", errors="replace", newline="")


def _same_lines(found: str, wanted: str) -> int:
    """How many whole lines two texts have in common at their start."""
    pairs = zip(found.splitlines(), wanted.splitlines(), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), found.count("\n"))
