"""Results folders opened to be written: made or found, checked, locked, moved aside if need be."""

from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from initlab.errors import DISK_ERRNOS, DiskError, FolderError, InitlabError
from initlab.store.anchor import Anchor
from initlab.store.damage import DamagedJournal, EmptyJournal
from initlab.store.disk import sync_folder
from initlab.store.files import JOURNAL, RUNS_CSV, is_ours, unused
from initlab.store.folder import Folder
from initlab.store.journal import Journal
from initlab.store.lock import hold, release
from initlab.store.writable import WritableFolder


def open_for_writing(root: Path, name: str, *, fresh: bool = False) -> WritableFolder:
    """Make or find a results folder, and lock it, before anything is computed.

    Args:
        root: the folder of all results.
        name: of the spec, and so of the folder.
        fresh: move what is there aside first.

    Raises:
        FolderInUse: somebody else writes there.
        FolderError: it cannot be written, holds what initlab did not write, or is of another
            version.
        DiskError: the disk is full.
    """
    path = root / name
    lock: FileLock | None = None
    try:
        _make(path)
        lock = hold(path)
        if fresh and any(is_ours(entry.name) for entry in path.iterdir()):
            lock = _moved_aside(path, lock)
        for parent in (root.parent, root):  # which hold the names of root and path
            sync_folder(parent)
        for left in path.glob(".*.tmp"):  # by a process that was killed while it published
            left.unlink(missing_ok=True)
        _check_journal(path)
        return WritableFolder(path, lock=lock, anchor=Anchor(path))
    except BaseException as error:
        if lock is not None:
            release(path, lock)
        if isinstance(error, OSError):
            raise _unwritable(error, path) from None
        raise


def _make(path: Path) -> None:
    """Make a folder if there is none, and see that it can be written and is ours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        _check_ours(path)
    path.mkdir(exist_ok=True)
    probe = path / ".probe.tmp"
    probe.touch()
    probe.unlink(missing_ok=True)


def _moved_aside(path: Path, lock: FileLock) -> FileLock:
    """Move a folder aside, and make and lock another in its place."""
    aside = unused(path, "old")
    path.rename(aside)
    try:
        path.mkdir(exist_ok=True)  # another may be as fast; then it holds it
        return hold(path)
    finally:
        release(aside, lock)


def open_existing(path: Path) -> WritableFolder:
    """A folder that has a journal, to be written.

    Raises:
        FolderError: it cannot be; FolderInUse: somebody else writes there.
        DamagedJournal: it is to be mended first; it was left as it is.
    """
    if not (path / JOURNAL).is_file():
        Folder(path).journal()  # raises, saying what is missing
    real = path.resolve()
    folder = open_for_writing(real.parent, real.name)
    try:
        folder.connect()
    except BaseException:
        folder.close()
        raise
    return folder


def _unwritable(error: OSError, path: Path) -> InitlabError:
    if error.errno in DISK_ERRNOS:
        message = f"{error.filename or path}: cannot be written: {error.strerror}"
        return DiskError(message, "make room, then the same command again")
    return FolderError(
        f"{error.filename or path}: cannot be written: {error.strerror}",
        "--out /tmp/results, or --no-save",
    )


def _check_journal(path: Path) -> None:
    """Refuse one of another version or of something else, and results without any."""
    if (path / JOURNAL).exists() and not (path / JOURNAL).is_file():
        raise FolderError(f"{path / JOURNAL}: is no file", "--out another_folder")
    if (path / JOURNAL).exists():
        with suppress(DamagedJournal, EmptyJournal):  # those are for `begin`
            Journal(path / JOURNAL).close()
    elif (path / RUNS_CSV).exists():
        raise FolderError(
            f"{path}: holds results without a journal, which cannot be continued; nothing was"
            " changed",
            "--fresh to move them aside, or --out another_folder",
        )


def _check_ours(path: Path) -> None:
    """Refuse a path that holds anything that initlab did not write."""
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    foreign = sorted(name for name in names if not is_ours(name))
    if foreign:
        raise FolderError(
            f"{path}: holds {foreign[0]!r}, which initlab did not write; nothing was changed",
            "--out another_folder",
        )
