"""The journal written: one process at a time, what is done together committed whole."""

import json
import math
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from initlab.spec.plan import Plan
from initlab.spec.run import Run
from initlab.store import tables
from initlab.store.identity import VERSION, band_name, describe, name_of, point_name
from initlab.store.journal import AGAIN, DamagedJournal, Journal, sqlite_errors
from initlab.store.provenance import contents
from initlab.store.tables import BANDS, MEASURED, POINTS, Kind
from initlab.store.work import MeasureTask, PredictTask, TaskResult, Work, plan_work
from initlab.theory.expectation import RUNS, PredictedNumbers, band_point
from initlab.theory.finite_width import Band, BandPoint
from initlab.theory.quadrature import Array

NETWORK_FILE_SYSTEMS = (
    "nfs", "cifs", "smb", "lustre", "gpfs", "beegfs", "ceph", "afs", "9p",
)  # fmt: skip
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
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            db.executescript(
                f"BEGIN IMMEDIATE; {tables.SCHEMA} PRAGMA application_id = {tables.APPLICATION};"
                f" PRAGMA user_version = {VERSION}; COMMIT;"
            )
        return db

    def _ready(self) -> None:
        # where WAL cannot be, SQLite answers with the mode that it keeps
        mode = "DELETE" if _on_a_network(self.path) else "WAL"
        self._db.execute(f"PRAGMA journal_mode = {mode}")

    def check(self) -> None:
        """Raises DamagedJournal where SQLite finds the file broken."""
        found = self.rows("PRAGMA quick_check(1)")
        if found != [("ok",)]:
            raise DamagedJournal(f"{self.path}: is damaged: {found[0][0]}", AGAIN)

    def close(self) -> None:
        """Leave one plain file, unless somebody reads it just now."""
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA busy_timeout = 0")
            self._db.execute("PRAGMA journal_mode = DELETE")
        super().close()

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

    # a sweep begins and ends ---------------------------------------------------------------

    def begin(self, plan: Plan, origin: dict[str, Any], *, retry_failed: bool = False) -> None:
        """Say what is to be swept. Runs that are known already keep their numbers."""
        self._plan = plan
        self._kept_something = False
        self._wanted = plan_work(plan)
        whole = plan.part.whole if plan.part else plan
        self._hashes = contents(whole.runs)
        self._band_names = {band: self._band_name(band) for band in self._wanted.bands}
        self._names = {run: self._named(run) for run in self._wanted.points}
        rows = [
            (
                number,
                name_of(run, self._hashes),
                json.dumps(describe(run)),
                *self._names[run.point],
            )
            for number, run in zip(plan.numbers, plan.runs, strict=True)
        ]
        about = {
            "head": plan.head.model_dump(),
            "spec": plan.data,
            "product": whole.product,
            "inputs": self._hashes,
            "part": plan.part and [plan.part.number, plan.part.parts, whole.head.name],
        }
        self.register(rows, about, retry_failed=retry_failed)
        with self.transaction():
            self._session = self._db.execute(
                "INSERT INTO sessions (name, origin, started) VALUES (?, ?, ?)",
                (uuid.uuid4().hex, json.dumps(origin), _now()),
            ).lastrowid
        self._ids = [
            id_ for (id_,) in self.rows("SELECT id FROM runs WHERE number >= 0 ORDER BY number")
        ]
        if len(self._ids) != len(plan.runs):
            raise RuntimeError("two runs of a plan have one name")

    def register(
        self,
        rows: Sequence[tuple[int, str, str, str, str | None]],
        about: dict[str, Any],
        *,
        retry_failed: bool = False,
    ) -> None:
        """Replace what is swept: (number, name, description, point, band) of every run.

        Runs of an earlier sweep stay, without a number.
        """
        with self.transaction():
            self._db.execute("UPDATE runs SET number = NULL")
            self._db.executemany(
                "INSERT INTO runs (number, name, description, point, band) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET number = excluded.number,"
                " description = excluded.description, band = excluded.band",
                rows,
            )
            if retry_failed:
                self._db.execute("UPDATE runs SET status = 'todo' WHERE status = 'failed'")
            self._db.executemany(
                "INSERT OR REPLACE INTO sweep VALUES (?, ?)",
                [(key, json.dumps(value)) for key, value in about.items()],
            )

    def _named(self, point: Run) -> tuple[str, str | None]:
        """What a point's prediction and its band are kept under."""
        band = band_point(point) if self._plan.head.band else None
        name = None if band is None else self._band_names.get(band)
        if band is not None and name is None:  # of a part's point: another part simulates it
            name = self._band_names[band] = self._band_name(band)
        return point_name(point, self._hashes), name

    def _band_name(self, band: BandPoint) -> str:
        return band_name(band, self._plan.head.band, self._hashes)

    def finish(self, ended: str) -> None:
        """Say how this session ended; one that had nothing to do is forgotten."""
        with self.transaction():
            self._db.execute(
                "UPDATE sessions SET finished = ?, ended = ? WHERE id = ?",
                (_now(), ended, self._session),
            )
            if not self._kept_something:
                self._db.execute("DELETE FROM sessions WHERE id = ?", (self._session,))

    # what is still to be done, and what is done ----------------------------------------------

    def remaining(self) -> Work:
        """What the sweep that has begun still has to do."""
        todo = {id_ for (id_,) in self.rows("SELECT id FROM runs WHERE status = 'todo'")}
        points = {name for (name,) in self.rows("SELECT name FROM points WHERE problem = ''")}
        bands = {name for (name,) in self.rows("SELECT name FROM bands WHERE problem = ''")}
        wanted = self._wanted
        return Work(
            [index for index, id_ in enumerate(self._ids) if id_ in todo],
            [p for p in wanted.points if self._names[p][0] not in points],
            [b for b in wanted.bands if self._band_names[b] not in bands],
        )

    def commit(self, done: Sequence[TaskResult]) -> None:
        """Keep what came of some tasks, all of it or nothing.

        Raises:
            DiskError: the disk refused; what was committed before is safe.
        """
        if not done:
            return
        self._kept_something = True
        with self.transaction():
            for part in done:
                if isinstance(part.task, MeasureTask):
                    self._keep_outcomes(part)
                elif isinstance(part.task, PredictTask):
                    self._keep_predictions(part.task.points, part)
                else:
                    self._keep_bands(part.task.points, part)

    def _keep_outcomes(self, done: TaskResult) -> None:
        where = self.environment_id(done.environment) if done.environment else None
        for index, outcome in done.outcomes.items():
            id_, m = self._ids[index], outcome.measurement
            numbers: tuple[Any, ...] = (outcome.status, None, None)
            self._db.execute("DELETE FROM layers WHERE run = ?", (id_,))
            hashed, reason = None, outcome.reason
            if m is not None:
                numbers, reason = (outcome.status, m.nan_onset, _cell(m.loss_value)), m.reason
                biased = self._plan.runs[index].bias is not None
                rows, matrix = tables.layer_rows(m, biased=biased)
                hashed = tables.digest(numbers, matrix)
                self.fill(MEASURED, id_, rows)
            self._db.execute(
                "UPDATE runs SET status = ?, nan_onset = ?, loss_value = ?, reason = ?,"
                " seconds = ?, digest = ?, environment = ? WHERE id = ?",
                (*numbers, reason, outcome.seconds, hashed, where, id_),
            )
            attempt = (id_, self._session, outcome.status, reason, where)
            self._db.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, ?)", attempt)

    def _keep_predictions(self, points: Sequence[Run], done: TaskResult) -> None:
        for point, found in zip(points, done.found, strict=True):
            expected, problem = (
                (found, "") if isinstance(found, PredictedNumbers) else (PredictedNumbers(), found)
            )
            numbers = [expected.run[name] for name in RUNS]
            self._keep(POINTS, self._names[point][0], numbers, expected.layers, str(problem))

    def _keep_bands(self, points: Sequence[BandPoint], done: TaskResult) -> None:
        for point, found in zip(points, done.found, strict=True):
            band, problem = (found, "") if isinstance(found, Band) else (None, found)
            layers = None if band is None else np.stack(astuple(band), axis=1)
            self._keep(BANDS, self._band_names[point], [], layers, str(problem))

    def _keep(
        self, kind: Kind, name: str, numbers: list[Any], layers: Array | None, problem: str
    ) -> None:
        """A point or a band under its name, with a row for every layer."""
        rows = np.empty((0, 0)) if layers is None else layers
        values = [name, *numbers, problem, tables.digest(numbers, rows)]
        self.replace(kind, values, tables.or_null(rows))

    def replace(self, kind: Kind, values: Sequence[Any], rows: Sequence[Sequence[Any]]) -> None:
        """A point or band, its name first, in place of what was kept under that name."""
        old = self._db.execute(f"SELECT id FROM {kind.table} WHERE name = ?", values[:1]).fetchone()
        if old is not None:
            self._db.execute(f"DELETE FROM {kind.layers} WHERE {kind.key} = ?", old)
            self._db.execute(f"DELETE FROM {kind.table} WHERE id = ?", old)
        inserted = self._db.execute(tables.insert(kind.table, 1 + len(values)), [None, *values])
        self.fill(kind, inserted.lastrowid or 0, rows)

    def fill(self, kind: Kind, id_: int, rows: Sequence[Sequence[Any]]) -> None:
        """Rows for the layers of a run, point or band."""
        for statement, values in tables.statements(kind, id_, rows):
            self._db.execute(statement, values)

    def environment_id(self, description: dict[str, Any]) -> int:
        """The number of a description of versions and machine."""
        text = json.dumps(description, sort_keys=True)
        self._db.execute("INSERT OR IGNORE INTO environments (description) VALUES (?)", (text,))
        found = self._db.execute("SELECT id FROM environments WHERE description = ?", (text,))
        return int(found.fetchone()[0])


def _cell(number: float | None) -> Any:
    return "nan" if number is not None and math.isnan(number) else number


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


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
