"""A results folder to be written: its journal opened or mended, and followed when it is moved."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from initlab.errors import DiskError, FolderError
from initlab.spec.plan import Plan
from initlab.store.adopt import adopt
from initlab.store.anchor import Anchor, write_copy
from initlab.store.damage import DamagedJournal
from initlab.store.disk import sync_folder
from initlab.store.files import (
    DAMAGED_JOURNALS,
    JOURNAL,
    JOURNAL_PARTS,
    damaged_journal,
    unused,
)
from initlab.store.folder import Folder
from initlab.store.journal import Journal
from initlab.store.lock import hold, release
from initlab.store.provenance import origin
from initlab.store.recorder import Recorder
from initlab.store.writer import Writer

EARLIER = (
    "runs that were swept here before are not of this spec; they leave the CSV files and stay in"
    " the journal; --set name=ANOTHER would keep both"
)


@dataclass
class WritableFolder(Folder):
    """A results folder that this process alone writes to, until it is closed.

    Its journal is opened, or made, by `begin`; or by `connect`, if it is sound. Where somebody
    moves or deletes the folder, `path` follows, and `displaced` says what happened.
    """

    lock: FileLock = field(kw_only=True)
    anchor: Anchor = field(kw_only=True)
    displaced: str = field(default="", init=False)
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
            self.anchor.remember(self.path)

    def current_writer(self) -> Writer:
        """The folder's journal, wherever it lies by now.

        If the folder was moved, its new place is written to. What was deleted is written again: in
        the folder, if that is there and has no other journal, else beside it.

        Raises:
            DiskError: it was deleted, and cannot be written again.
        """
        if not self.anchor.is_in(self.path):
            was = self.path
            try:
                self._follow()
            except (OSError, sqlite3.Error) as error:
                raise DiskError(
                    f"{was}: was moved or deleted while it was written, and cannot be written"
                    f" again: {error}",
                    "the same command again",
                ) from None
        return self.writer

    def _follow(self) -> None:
        old, was = self.writer, self.path
        where = self.anchor.folder()
        if where is not None and self.anchor.is_in(where):
            self.path, happened = where, "was moved"
        else:
            if where is not None and not (where / JOURNAL).exists():
                self.path, happened = where, "its journal was deleted"
            else:
                self.path, happened = self._beside(), "was deleted"
            write_copy(old.connection, self.path / JOURNAL)
        # (SQLite sees that the file has another name, and so deletes nothing by the old one)
        old.close_unchanged()
        self._writer = None
        self.connect()
        self.displaced = f"{was}: {happened} while it was written; everything is in {self.path}/"

    def _beside(self) -> Path:
        """A new folder beside the one that is gone, held as that was."""
        beside = unused(self.path, "rescued")
        beside.mkdir(parents=True)
        sync_folder(beside.parent)
        lock, anchor = hold(beside), Anchor(beside)
        self.lock.release()
        self.anchor.close()
        self.lock, self.anchor = lock, anchor
        return beside

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
        recorder = Recorder(self.current_writer, plan, origin(), retry_failed=retry_failed)
        if dropped := len(before - self.writer.numbered()):
            notify(f"{self.path}: {dropped} {EARLIER}")
        if reused := self._adopt_damaged():
            notify(f"{self.path}: {reused} runs of a damaged journal are sound, and reused")
        return recorder

    def _adopt_damaged(self) -> int:
        """Take over what is sound in journals that were set aside, by us or by who was killed."""
        reused = 0
        for file in sorted(self.path.glob(DAMAGED_JOURNALS)):
            if file.is_file():
                with suppress(FolderError), Journal(file) as old:
                    reused += adopt(self.writer, old, statuses=("ok",))
        return reused

    def set_journal_aside(self) -> str:
        """Start another journal; `begin` takes over what is sound in the old one."""
        self._close_writer()
        aside = _set_aside(self.path / JOURNAL)
        self.connect()
        return f"{self.path / JOURNAL} was damaged, and is kept as {aside.name}"

    def _close_writer(self) -> None:
        """Tidy up by name, as SQLite does, only where the names are still those of our journal."""
        if self._writer is not None:
            in_place = self.anchor.is_in(self.path)
            (self._writer.close if in_place else self._writer.close_unchanged)()
            self._writer = None

    def close(self) -> None:
        """Let others write here."""
        self._close_writer()
        release(self.path, self.lock)
        self.anchor.close()


def _set_aside(file: Path) -> Path:
    """Rename a journal, with what SQLite keeps beside it."""
    number = 1
    while (aside := file.with_name(damaged_journal(number))).exists():
        number += 1
    for end in JOURNAL_PARTS:
        if (part := Path(f"{file}{end}")).exists():
            part.rename(f"{aside}{end}")
    return aside
