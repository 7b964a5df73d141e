"""A hold on a results folder and its journal, by which they are found when somebody moves them."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from initlab.store.files import JOURNAL, JOURNAL_PARTS


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

    def remember(self, folder: Path) -> None:
        """Take the journal of this folder for the one that was opened."""
        self._journal = _identity(folder / JOURNAL)

    def is_in(self, folder: Path) -> bool:
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
    with suppress(OSError, ValueError):  # of a folder that is gone, or that it is not below
        return path.relative_to(Path.cwd())
    return path


def write_copy(db: sqlite3.Connection, file: Path) -> None:
    """Write what an open journal holds, whose file was deleted, to a file of that name.

    Raises:
        OSError, sqlite3.Error: it cannot be written.
    """
    temporary = file.with_name(f".{file.name}.tmp")
    with closing(sqlite3.connect(temporary)) as copy:
        db.backup(copy)
    for end in JOURNAL_PARTS[1:]:  # of the deleted one
        Path(f"{file}{end}").unlink(missing_ok=True)
    temporary.replace(file)
