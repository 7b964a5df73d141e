"""A journal's file: opened for reading, held to be ours, and asked for rows."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from initlab.errors import FolderError
from initlab.store import tables
from initlab.store.damage import AGAIN, EmptyJournal, sqlite_errors
from initlab.store.identity import VERSION
from initlab.store.tables import NAMED, Kind

BUSY_SECONDS = 10.0  # seconds for who is writing just now, where the journal is no WAL


class Database:
    """The file of one journal, `path`, read.

    Raises:
        DamagedJournal: it is no journal, or a broken one.
        FolderError: it is of another version, or cannot be opened.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = path
        with sqlite_errors(path):
            self._db = self._connect()
            self._check_version()
            self._ready()

    def _connect(self) -> sqlite3.Connection:
        uri = Path(self.path).absolute().as_uri()
        try:
            db = sqlite3.connect(
                f"{uri}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_SECONDS
            )
            db.execute(
                "PRAGMA trusted_schema = OFF"
            )  # views and triggers of others get no functions
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            # a rollback journal that a killed process left; SQLite takes it back when it may write
            db = sqlite3.connect(
                f"{uri}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS
            )
        return db

    def _ready(self) -> None:
        """What is to be done once it is known to be ours."""

    def _check_version(self) -> None:
        ((ours,), (version,)) = (
            self._db.execute(f"PRAGMA {name}").fetchone()
            for name in ("application_id", "user_version")
        )
        if not ours and not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise EmptyJournal(f"{self.path}: nothing was begun here yet", AGAIN)
        if ours != tables.APPLICATION:
            raise FolderError(
                f"{self.path}: is no journal of initlab; nothing was changed",
                "--out another_folder",
            )
        if version != VERSION:
            raise FolderError(
                f"{self.path}: is of journal version {version}, this initlab has version {VERSION}",
                "the initlab that wrote it; or sweep with --fresh to move it aside",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        with suppress(sqlite3.Error):
            self._db.close()

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with sqlite_errors(self.path):
            return self._db.execute(statement, values).fetchall()

    def layers(self, kind: Kind, id_: int) -> list[tuple[Any, ...]]:
        """The numbers of all layers of a run, point or band, as they are stored."""
        return self.rows(
            f"SELECT {', '.join(kind.numbers)} FROM {kind.layers}"
            f" WHERE {kind.key} = ? ORDER BY layer",
            id_,
        )

    def _columns(self, kind: Kind) -> set[str]:
        """Those of a kind's table of layers; none where there is no such table."""
        return {name for (name,) in self.rows("SELECT name FROM pragma_table_info(?)", kind.layers)}

    def more_layers(self, kind: Kind, id_: int) -> list[tuple[Any, ...]]:
        """The same of a late kind: NULL in columns that came later, nothing without its table."""
        known = self._columns(kind)
        if not known:
            return []
        numbers = [name if name in known else "NULL" for name in kind.numbers]
        return self.layers(kind._replace(numbers=numbers), id_)

    @property
    def named_kinds(self) -> list[Kind]:
        """Where predictions and bands are kept; older journals have fewer places for them."""
        tables_ = {n for (n,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return [kind for kind in NAMED if kind.table in tables_]

    @property
    def band_kinds(self) -> list[Kind]:
        """Those of bands."""
        return [kind for kind in self.named_kinds if kind.key == "band"]
