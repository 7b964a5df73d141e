"""A hold on a results folder and its journal, by which they are found when somebody moves them."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from initlab.store.files import JOURNAL


class Anchor:
    """A folder, held open, and the journal that was opened in it.

    Raises:
        OSError: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._journal: tuple[int, int] | None = None

    def close(self) -> None:
        """Let go."""
        os.close(self._descriptor)

    def hold(self, folder: Path) -> None:
        """Know the journal of this folder again."""
        self._journal = _identity(folder / JOURNAL)

    def holds(self, folder: Path) -> bool:
        """Whether the journal in this folder is the one that was opened."""
        found = _identity(folder / JOURNAL)
        return found is not None and found == self._journal

    def folder(self) -> Path | None:
        """Where the folder is now; None if it was deleted, or the system does not tell."""
        link = Path(f"/proc/self/fd/{self._descriptor}")  # Linux only
        with suppress(OSError):
            found = link.readlink()
            if os.path.samestat(found.stat(), os.fstat(self._descriptor)):
                return _relative(found)
        return None


def _identity(file: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _relative(path: Path) -> Path:
    """As a user who stands here would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def copied(db: sqlite3.Connection, to: Path) -> Path:
    """Write what an open journal holds, whose file was deleted; the file is to be renamed `to`.

    Raises:
        OSError, sqlite3.Error: it cannot be written.
    """
    temporary = to.with_name(f".{to.name}.tmp")
    with closing(sqlite3.connect(temporary)) as copy:
        db.backup(copy)
    return temporary


@contextmanager
def files_of_another(file: Path) -> Iterator[None]:
    """Keep what SQLite has beside a journal of this name, while one that had the name is closed.

    It would delete it by name, though by now it may be another's.
    """
    names = [Path(f"{file}{end}") for end in ("-wal", "-shm")] if file.exists() else []
    kept = {}
    for name in names:
        with suppress(OSError):
            kept[name] = name.with_name(f".{name.name}.tmp")
            kept[name].hardlink_to(name)
    try:
        yield
    finally:
        for name, link in kept.items():
            with suppress(OSError):
                link.replace(name)  # if it is there still, both are one file
                link.unlink(missing_ok=True)
