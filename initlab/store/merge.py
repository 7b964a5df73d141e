"""Parts of a sweep, each swept into a folder of its own, joined into one."""

import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from initlab.errors import InputError
from initlab.store.adopt import adopt, adopt_sessions
from initlab.store.check import broken
from initlab.store.damage import AGAIN, DamagedJournal
from initlab.store.folder import Folder
from initlab.store.journal import Journal
from initlab.store.opening import open_for_writing
from initlab.store.publish import publish
from initlab.store.writable import WritableFolder


def merge(parts: Sequence[Path], root: Path) -> WritableFolder:
    """Join parts of one sweep in a folder of the sweep's name, and publish it.

    Args:
        parts: folders made by `--part 1/N` to `--part N/N`; all of them.
        root: the folder of all results. What is there of this sweep is continued.

    Returns:
        The folder, open; runs that a part has not finished are to do there.

    Raises:
        InputError: a folder is no part, parts are of different sweeps, or some are not given.
    """
    with ExitStack() as stack:
        journals = [stack.enter_context(Folder(path).journal()) for path in parts]
        return _merged(parts, journals, root)


def _merged(parts: Sequence[Path], journals: Sequence[Journal], root: Path) -> WritableFolder:
    name = _one_sweep(parts, journals)
    rows = sorted(
        row
        for journal in journals
        for row in journal.rows(
            "SELECT number, name, description, point, band FROM runs WHERE number IS NOT NULL"
        )
    )
    about = {key: journals[0].about(key) for key in ("spec", "product")}
    about |= {"head": journals[0].about("head") | {"name": name}, "part": None}
    about["inputs"] = _same_inputs(journals)
    for journal in journals:
        for _, problem in broken(journal):
            raise DamagedJournal(f"{journal.path}: {problem}", AGAIN)
    folder = open_for_writing(root, name)
    try:
        folder.connect()
        folder.writer.register(rows, about, uuid.uuid4().hex)
        for journal in journals:
            adopt(folder.writer, journal)
            adopt_sessions(folder.writer, journal)
        publish(folder.path, folder.writer)
    except BaseException:
        folder.close()
        raise
    return folder


def _same_inputs(journals: Sequence[Journal]) -> dict[str, str]:
    """The hash of every input file; the parts must have seen the same."""
    found: dict[str, str] = {}
    for journal in journals:
        for path, hashed in journal.inputs().items():
            if found.setdefault(path, hashed) != hashed:
                raise InputError(
                    f"{journal.path}: was swept with another content of {path} than other parts",
                    "sweep that part again, with --fresh",
                )
    return found


def _one_sweep(parts: Sequence[Path], journals: Sequence[Journal]) -> str:
    """The name of the sweep that all parts are of."""
    found: dict[int, Path] = {}
    for path, journal in zip(parts, journals, strict=True):
        part = journal.part()
        if part is None:
            raise InputError(f"{path}: is no part of a sweep", "initlab sweep SPEC --part 1/10")
        number, of, name = part
        if (of, name, journal.about("spec")) != (
            *(journals[0].part() or ())[1:],
            journals[0].about("spec"),
        ):
            raise InputError(f"{path}: is of another sweep, or cut otherwise, than {parts[0]}")
        if number in found:
            raise InputError(f"{path}: is the same part as {found[number]}")
        found[number] = path
    lacking = [n for n in range(1, of + 1) if n not in found]
    if lacking:
        raise InputError(
            f"{name}: lacks {'parts' if len(lacking) > 1 else 'part'}"
            f" {', '.join(map(str, lacking))} of {of}",
            f"initlab sweep SPEC --part {lacking[0]}/{of}",
        )
    return str(name)
