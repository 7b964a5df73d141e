"""What can be wrong with a journal, as errors of our own."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from initlab.errors import DiskError, FolderError, in_short
from initlab.store.disk import may_be_opened
from initlab.store.files import JOURNAL_PARTS

AGAIN = "the same sweep command again; it reuses what is sound"
DISK_ERRORS = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)


class DamagedJournal(FolderError):
    """A journal that SQLite cannot read, or whose numbers are not those that were written."""


class EmptyJournal(FolderError):
    """A journal in which nothing was begun."""


@contextmanager
def sqlite_errors(path: Path | str) -> Iterator[None]:
    """Turn what SQLite raises into our own errors.

    Raises:
        DiskError: the disk is full, broken or read-only.
        DamagedJournal: the file is no database, or a broken one.
        FolderError: it cannot be opened.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        parts = [Path(f"{path}{end}") for end in JOURNAL_PARTS]
        # why a file could not be opened SQLite does not say
        unopened = code == sqlite3.SQLITE_CANTOPEN and may_be_opened(*parts)
        if code in DISK_ERRORS or unopened:
            message = f"{path}: cannot be written: {error}; what was finished before is kept"
            raise DiskError(message, "make room, then the same command again") from None
        raise FolderError(f"{path}: cannot be used: {error}") from None
    except sqlite3.DatabaseError as error:
        raise DamagedJournal(f"{path}: is damaged: {error}", AGAIN) from None


@contextmanager
def told_as_damage(path: Path | str) -> Iterator[None]:
    """What is not as initlab writes it is damage, wherever it is noticed.

    Raises:
        DamagedJournal: with what was noticed.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        message = f"{path}: is damaged: holds what initlab does not write: {in_short(error)[:200]}"
        raise DamagedJournal(message, AGAIN) from None
