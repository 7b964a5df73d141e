"""The journal written: one process at a time, what is done together committed whole."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from initlab.errors import FolderInUse
from initlab.store import tables
from initlab.store.damage import AGAIN, DamagedJournal, sqlite_errors
from initlab.store.disk import sync_folder
from initlab.store.identity import VERSION
from initlab.store.journal import Journal
from initlab.store.tables import Kind

NETWORK_FILE_SYSTEMS = (
    "nfs", "cifs", "smb", "lustre", "gpfs", "beegfs", "ceph", "afs", "9p",
)  # fmt: skip
SESSION = "session"  # key of the table `sweep`: the name of the session that registered last
BUSY_SECONDS = 60  # seconds to wait for readers, where the journal is no WAL


class Writer(Journal):
    """A journal to be written; it is made where there is none. `path` may be ":memory:".

    Raises:
        DamagedJournal: what is there is no journal, or a broken one.
        FolderError: it is of another version, or cannot be opened.
        DiskError: the disk refused.
    """

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_SECONDS)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA trusted_schema = OFF")
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            db.executescript(
                f"BEGIN IMMEDIATE; {tables.SCHEMA} PRAGMA application_id = {tables.APPLICATION};"
                f" PRAGMA user_version = {VERSION}; COMMIT;"
            )
        return db

    def _ready(self) -> None:
        # where WAL cannot be, SQLite answers with the mode that it keeps
        mode = "DELETE" if _on_a_network(self.path) else "WAL"
        _do(self._db, f"PRAGMA journal_mode = {mode}")

    def check(self) -> None:
        """Look whether the file is sound, and make what it has so far last.

        A commit that a disk refused may have left pages in the WAL that are in memory only: the
        system forgets that they were never written. What is committed after them would be lost with
        them when the power fails, so a WAL that was left is copied into the database before. And
        SQLite does not mind where the folder cannot be synced in which it made its files: we do.

        Raises:
            DamagedJournal: SQLite finds it broken.
            DiskError: the disk refused.
        """
        found = self.rows("PRAGMA quick_check(1)")
        if found != [("ok",)]:
            raise DamagedJournal(f"{self.path}: is damaged: {found[0][0]}", AGAIN)
        self.rows("PRAGMA wal_checkpoint")
        sync_folder(Path(self.path).parent)

    def close(self) -> None:
        """Leave one plain file, unless somebody reads it just now or the disk refuses.

        Where it does, nothing is lost, not even when the power fails after that: every commit has
        synced the WAL, and SQLite keeps the WAL until all of it is in the database and that is
        synced. What is left is read from the WAL, or a rollback journal takes back the one change
        that was left to do: of the header, which says whether there is a WAL. The same holds for
        the copies that SQLite makes on the way, when a WAL is long; their errors it keeps to
        itself.
        """
        with suppress(sqlite3.Error):
            _do(self._db, "PRAGMA busy_timeout = 0")
            _do(self._db, "PRAGMA journal_mode = DELETE")
        self.close_unchanged()

    def close_unchanged(self) -> None:
        """Let go of the file as it is: a damaged one is not written to."""
        super().close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, to copy what it sees."""
        return self._db

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """What is done in the block is kept whole or not at all.

        Raises:
            DiskError: the disk refused.
        """
        with sqlite_errors(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a disk that is full has rolled it back already
                    self._db.execute("ROLLBACK")
                raise

    # what is swept -------------------------------------------------------------------------

    def register(
        self,
        rows: Sequence[tuple[int, str, str, str, str | None]],
        about: dict[str, Any],
        session: str,
        *,
        retry_failed: bool = False,
    ) -> bool:
        """Replace what is swept: (number, name, description, point, band) of every run.

        Runs of an earlier sweep stay, without a number. A session of another name that still runs
        may not write any more.

        Returns:
            Whether this is another sweep than the one that was registered before.
        """
        entries = {key: json.dumps(value) for key, value in about.items()}
        with self.transaction():
            before = dict(self.rows("SELECT key, value FROM sweep WHERE key != ?", SESSION))
            self._db.execute("UPDATE runs SET number = NULL")
            self._db.executemany(
                "INSERT INTO runs (number, name, description, point, band) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET number = excluded.number,"
                " description = excluded.description, point = excluded.point, band = excluded.band",
                rows,
            )
            if retry_failed:
                self._db.execute("UPDATE runs SET status = 'todo' WHERE status = 'failed'")
            self._db.executemany(
                "INSERT OR REPLACE INTO sweep VALUES (?, ?)",
                [*entries.items(), (SESSION, json.dumps(session))],
            )
        return entries != before

    def check_newest(self, session: str) -> None:
        """Refuse, in a transaction, what a session writes after another one registered.

        Raises:
            FolderInUse: another one did.
        """
        newest = self.about(SESSION)
        if newest != session:
            found = self.rows("SELECT origin FROM sessions WHERE name = ?", newest)
            by = "{host}, process {pid}".format(**json.loads(found[0][0])) if found else "another"
            raise FolderInUse(
                f"{self.path}: another sweep has taken over, on {by}; what this one had committed"
                " is kept",
                "wait for it; then the same command continues",
            )

    # what is kept --------------------------------------------------------------------------

    def replace(self, kind: Kind, values: Sequence[Any], rows: Sequence[Sequence[Any]]) -> None:
        """A point or band, its name first, in place of what was kept under that name."""
        if kind.late:
            self._make(kind)
        old = self._db.execute(f"SELECT id FROM {kind.table} WHERE name = ?", values[:1]).fetchone()
        if old is not None:
            self._db.execute(f"DELETE FROM {kind.layers} WHERE {kind.key} = ?", old)
            self._db.execute(f"DELETE FROM {kind.table} WHERE id = ?", old)
        inserted = self._db.execute(tables.insert(kind.table, 1 + len(values)), [None, *values])
        self.fill(kind, inserted.lastrowid or 0, rows)

    def clear(self, kind: Kind, id_: int) -> None:
        """Forget the rows for the layers of a run, point or band."""
        if not kind.late or self._columns(kind):
            self._db.execute(f"DELETE FROM {kind.layers} WHERE {kind.key} = ?", (id_,))

    def fill(self, kind: Kind, id_: int, rows: Sequence[Sequence[Any]]) -> None:
        """Rows for the layers of a run, point or band."""
        if rows and kind.late:
            self._make(kind)
        for statement, values in tables.statements(kind, id_, rows):
            self._db.execute(statement, values)

    def _make(self, kind: Kind) -> None:
        """The tables of a late kind, with all their columns, where they are not there yet."""
        for statement in kind.schema:
            self._db.execute(statement)
        for name in set(kind.numbers) - self._columns(kind):
            self._db.execute(f"ALTER TABLE {kind.layers} ADD COLUMN {name}")

    def environment_id(self, description: dict[str, Any]) -> int:
        """The number of a description of versions and machine."""
        text = json.dumps(description, sort_keys=True)
        self._db.execute("INSERT OR IGNORE INTO environments (description) VALUES (?)", (text,))
        found = self._db.execute("SELECT id FROM environments WHERE description = ?", (text,))
        return int(found.fetchone()[0])


def _do(db: sqlite3.Connection, pragma: str) -> None:
    """Take all rows of a pragma: what it commits, and so its errors, come after the last."""
    db.execute(pragma).fetchall()


def _on_a_network(path: Path | str) -> bool:
    """Whether a file lies on a network file system, where SQLite's WAL must not be used."""
    import psutil

    real = Path(path).resolve()
    mounted = [
        (len(disk.mountpoint), disk.fstype.lower())
        for disk in psutil.disk_partitions(all=True)
        if real.is_relative_to(disk.mountpoint)
    ]
    kind = max(mounted)[1] if mounted else ""
    return kind.startswith("fuse") or kind.startswith(NETWORK_FILE_SYSTEMS)
