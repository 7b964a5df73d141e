"""Results folders to be written: locked, made, moved aside, and their journals opened or mended."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from initlab.errors import DISK_ERRNOS, DiskError, FolderError, FolderInUse, InitlabError
from initlab.spec.plan import Plan
from initlab.store.adopt import adopt
from initlab.store.disk import sync_folder
from initlab.store.files import (
    DAMAGED_JOURNALS,
    JOURNAL,
    JOURNAL_PARTS,
    RUNS_CSV,
    damaged_journal,
    is_ours,
)
from initlab.store.folder import Folder
from initlab.store.journal import DamagedJournal, EmptyJournal, Journal
from initlab.store.provenance import origin, process
from initlab.store.recorder import Recorder
from initlab.store.writer import Writer

EARLIER = (
    "runs that were swept here before are not of this spec; they leave the CSV files and stay in"
    " the journal"
)
LOCK_SECONDS = 0.5  # seconds for a lock: `status` looks whether it can be had


@dataclass
class WritableFolder(Folder):
    """A results folder that this process alone writes to, until it is closed.

    Its journal is opened, or made, by `begin`; or by `connect`, if it is sound.
    """

    lock: FileLock = field(kw_only=True)
    _writer: Writer | None = field(default=None, init=False)

    @property
    def writer(self) -> Writer:
        """The folder's journal, once it is open."""
        if self._writer is None:
            raise RuntimeError(f"{self.path}: the journal is not open")
        return self._writer

    def connect(self) -> None:
        """Open the journal, or make one.

        Raises:
            DamagedJournal: what is there cannot be read.
            FolderError: it is of another version, or of something else.
            DiskError: the disk refused.
        """
        if self._writer is None:
            writer = Writer(self.path / JOURNAL)
            try:
                writer.check()
            except BaseException:
                writer.close_unchanged()
                raise
            self._writer = writer

    def begin(
        self,
        plan: Plan,
        *,
        retry_failed: bool = False,
        notify: Callable[[str], None] = lambda _: None,
    ) -> Recorder:
        """Register what is to be swept. A damaged journal is set aside first.

        Args:
            plan: what is to be swept.
            retry_failed: count failed runs as still to be done.
            notify: told what the user should know of the journal.
        """
        try:
            self.connect()
        except DamagedJournal:
            notify(self.set_journal_aside())
        before = self.writer.numbered()
        recorder = Recorder(self.writer, plan, origin(), retry_failed=retry_failed)
        if dropped := len(before - self.writer.numbered()):
            notify(f"{self.path}: {dropped} {EARLIER}")
        if reused := self._adopt_damaged():
            notify(f"{self.path}: {reused} runs of a damaged journal are sound, and reused")
        return recorder

    def _adopt_damaged(self) -> int:
        """Take over what is sound in journals that were set aside, by us or by who was killed."""
        reused = 0
        for file in sorted(self.path.glob(DAMAGED_JOURNALS)):
            with suppress(FolderError), Journal(file) as old:
                reused += adopt(self.writer, old, statuses=("ok",))
        return reused

    def set_journal_aside(self) -> str:
        """Start another journal; `begin` takes over what is sound in the old one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        aside = _set_aside(self.path / JOURNAL)
        self.connect()
        return f"{self.path / JOURNAL} was damaged, and is kept as {aside.name}"

    def close(self) -> None:
        """Let others write here."""
        if self._writer is not None:
            self._writer.close()
        self.holder_file.unlink(missing_ok=True)
        self.lock.release()


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
    folder = Folder(root / name)
    path, lock = folder.path, FileLock(folder.lock_file)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise FolderInUse(
            f"{path}: is being written by {folder.holder()}",
            "wait for it, or sweep with --out another_folder",
        ) from None
    except OSError as error:
        raise _unwritable(error, path) from None
    try:
        if path.exists():
            _check_ours(path)
            if fresh:
                path.rename(_unused(path))
        path.mkdir(exist_ok=True)
        for parent in (root.parent, root):  # which hold the names of root and path
            sync_folder(parent)
        for left in path.glob(".*.tmp"):  # by a process that was killed while it published
            left.unlink()
        probe = path / ".probe.tmp"
        probe.touch()
        probe.unlink()
        _check_journal(path)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        folder.holder_file.write_text(json.dumps({**process(), "started": now}), encoding="utf-8")
        return WritableFolder(path, lock=lock)
    except BaseException as error:
        lock.release()
        if isinstance(error, OSError):
            raise _unwritable(error, path) from None
        raise


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
    if (path / JOURNAL).exists():
        with suppress(DamagedJournal, EmptyJournal):  # those are for `begin`
            Journal(path / JOURNAL).close()
    elif (path / RUNS_CSV).exists():
        raise FolderError(
            f"{path}: holds results without a journal, which cannot be continued; nothing was"
            " changed",
            "--fresh to move them aside, or --out another_folder",
        )


def _set_aside(file: Path) -> Path:
    """Rename a journal, with what SQLite keeps beside it."""
    number = 1
    while (aside := file.with_name(damaged_journal(number))).exists():
        number += 1
    for end in JOURNAL_PARTS:
        if (part := Path(f"{file}{end}")).exists():
            part.rename(f"{aside}{end}")
    return aside


def _check_ours(path: Path) -> None:
    """Refuse a path that holds anything that initlab did not write."""
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    foreign = sorted(name for name in names if not is_ours(name))
    if foreign:
        raise FolderError(
            f"{path}: holds {foreign[0]!r}, which initlab did not write; nothing was changed",
            "--out another_folder",
        )


def _unused(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    return aside
