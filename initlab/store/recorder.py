"""What one session of a sweep keeps in the journal: the work that remains, and its results."""

import json
import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Any

import numpy as np

from initlab.spec.plan import Plan
from initlab.spec.run import Run
from initlab.store import tables
from initlab.store.identity import band_name, describe, name_of, point_name
from initlab.store.provenance import inputs
from initlab.store.tables import BANDS, GRADIENT_BANDS, MEASURED, MORE, MORE_POINTS, POINTS, Kind
from initlab.store.work import MeasureTask, PredictTask, TaskResult, Work, plan_work
from initlab.store.writer import Writer
from initlab.theory.expectation import BAND, RUNS, PredictedNumbers, asks_more, band_point
from initlab.theory.finite_width import Band, BandPoint
from initlab.theory.quadrature import Array
from initlab.theory.random_point import RandomPoint


class Recorder:
    """Registers a plan in a journal, and keeps what comes of it. Known runs keep their numbers.

    Args:
        journal: where it is to be written, asked before every commit.
        plan: what is to be swept.
        origin: the process, as `provenance.origin` describes it.
        retry_failed: count failed runs as still to be done.

    Raises:
        DiskError: the disk refused.
        FolderInUse: another session has taken over.
    """

    def __init__(
        self,
        journal: Callable[[], Writer],
        plan: Plan,
        origin: dict[str, Any],
        *,
        retry_failed: bool = False,
    ) -> None:
        self._journal = journal
        self._writer = writer = journal()
        self._plan = plan
        self._name = uuid.uuid4().hex
        self._wanted = plan_work(plan)
        whole = plan.part.whole if plan.part else plan
        self._band_names = {band: self._band_name(band) for band in self._wanted.bands}
        self._names = {run: self._named(run) for run in self._wanted.points}
        #: what is published after a session that registered another sweep is of its command, even
        #: where all its runs were known
        self._worth_recording = writer.register(
            self._rows(), self._about(whole), self._name, retry_failed=retry_failed
        )
        self._session = self._begin(origin)
        self._ids = [
            id_ for (id_,) in writer.rows("SELECT id FROM runs WHERE number >= 0 ORDER BY number")
        ]
        if len(self._ids) != len(plan.runs):
            with self._transaction():  # raises, if another session has registered its own meanwhile
                raise RuntimeError("two runs of a plan have one name")

    def _rows(self) -> list[tuple[int, str, str, str, str | None]]:
        """(number, name, description, point, band) of every run."""
        return [
            (number, name_of(run), json.dumps(describe(run)), *self._names[run.point])
            for number, run in zip(self._plan.numbers, self._plan.runs, strict=True)
        ]

    def _about(self, whole: Plan) -> dict[str, Any]:
        plan = self._plan
        return {
            "head": plan.head.model_dump(),
            "spec": plan.data,
            "product": whole.product,
            "inputs": {path: read.digest for path, read in inputs(whole.runs).items()},
            "part": plan.part and [plan.part.number, plan.part.parts, whole.head.name],
        }

    def _begin(self, origin: dict[str, Any]) -> int | None:
        with self._writer.transaction() as db:
            return db.execute(
                "INSERT INTO sessions (name, origin, started) VALUES (?, ?, ?)",
                (self._name, json.dumps(origin), _now()),
            ).lastrowid

    def _named(self, point: Run) -> tuple[str, str | None]:
        """What a point's prediction and its band are kept under."""
        asked = self._plan.head.band
        band = band_point(point, asked.gradient) if asked.networks else None
        name = None if band is None else self._band_names.get(band)
        if band is not None and name is None:  # of a part's point: another part simulates it
            name = self._band_names[band] = self._band_name(band)
        return point_name(point), name

    def _band_name(self, band: BandPoint | RandomPoint) -> str:
        return band_name(band, self._plan.head.band.networks)

    def finish(self, ended: str) -> None:
        """Say how this session ended; forget one that asked for the same and had nothing to do.

        Raises:
            FolderInUse: another session has taken over; what it writes is left alone.
        """
        with self._transaction() as db:
            db.execute(
                "UPDATE sessions SET finished = ?, ended = ? WHERE id = ?",
                (_now(), ended, self._session),
            )
            if not self._worth_recording:
                db.execute("DELETE FROM sessions WHERE id = ?", (self._session,))

    # what is still to be done, and what is done ----------------------------------------------

    def remaining(self) -> Work:
        """What is still to be done."""
        rows, wanted = self._writer.rows, self._wanted
        todo = {id_ for (id_,) in rows("SELECT id FROM runs WHERE status = 'todo'")}
        points = self._kept(POINTS)
        bands = {name for kind in self._writer.band_kinds for name in self._kept(kind)}
        more = self._kept(MORE_POINTS) if MORE_POINTS in self._writer.named_kinds else set()
        return Work(
            [index for index, id_ in enumerate(self._ids) if id_ in todo],
            [
                p
                for p in wanted.points
                if self._names[p][0] not in (points & more if asks_more(p) else points)
            ],
            [b for b in wanted.bands if self._band_names[b] not in bands],
        )

    def _kept(self, kind: Kind) -> set[str]:
        """Names of the points or bands that are kept."""
        found = self._writer.rows(f"SELECT name FROM {kind.table} WHERE problem = ''")
        return {name for (name,) in found}

    def commit(self, done: Sequence[TaskResult]) -> None:
        """Keep what came of some tasks, all of it or nothing.

        Raises:
            DiskError: the disk refused; what was committed before is safe.
            FolderInUse: another session has taken over; likewise.
        """
        if not done:
            return
        self._worth_recording = True
        with self._transaction() as db:
            for part in done:
                if isinstance(part.task, MeasureTask):
                    self._keep_outcomes(db, part)
                elif isinstance(part.task, PredictTask):
                    self._keep_predictions(part.task.points, part)
                else:
                    self._keep_bands(part.task.points, part)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One of the journal, wherever it lies by now, if no other session has taken over."""
        self._writer = self._journal()
        with self._writer.transaction() as db:
            self._writer.check_newest(self._name)
            yield db

    def _keep_outcomes(self, db: Connection, done: TaskResult) -> None:
        where = self._writer.environment_id(done.environment) if done.environment else None
        for index, outcome in done.outcomes.items():
            id_, m = self._ids[index], outcome.measurement
            numbers: tuple[Any, ...] = (outcome.status, None, None)
            for kind in (MEASURED, MORE):
                self._writer.clear(kind, id_)
            hashed, reason = None, outcome.reason
            if m is not None:
                numbers, reason = (outcome.status, m.nan_onset, _cell(m.loss_value)), m.reason
                run = self._plan.runs[index]
                biased = any(layer.bias is not None for layer in run.layers)
                rows, matrix = tables.layer_rows(m, biased=biased)
                hashed = tables.digest(numbers, matrix, m.more)
                self._writer.fill(MEASURED, id_, rows)
                self._writer.fill(MORE, id_, tables.more_rows(m, run.extras))
            db.execute(
                "UPDATE runs SET status = ?, nan_onset = ?, loss_value = ?, reason = ?,"
                " seconds = ?, digest = ?, environment = ? WHERE id = ?",
                (*numbers, reason, outcome.seconds, hashed, where, id_),
            )
            attempt = (id_, self._session, outcome.status, reason, where)
            db.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, ?)", attempt)

    def _keep_predictions(self, points: Sequence[Run], done: TaskResult) -> None:
        for point, found in zip(points, done.found, strict=True):
            expected, problem = (
                (found, "") if isinstance(found, PredictedNumbers) else (PredictedNumbers(), found)
            )
            numbers = [expected.run[name] for name in RUNS]
            name = self._names[point][0]
            self._keep(POINTS, name, numbers, expected.layers, str(problem))
            if asks_more(point):
                self._keep(MORE_POINTS, name, [], expected.more, str(problem))

    def _keep_bands(self, points: Sequence[BandPoint | RandomPoint], done: TaskResult) -> None:
        for point, found in zip(points, done.found, strict=True):
            band, problem = (found, "") if isinstance(found, Band) else (None, found)
            kind, layers = BANDS, None
            if band is not None:
                columns = [getattr(band, name) for name in BAND]
                if band.gradient is not None and band.cosine is not None:
                    kind, columns = GRADIENT_BANDS, [*columns, *band.gradient, *band.cosine]
                layers = np.stack(columns, axis=1)
            self._keep(kind, self._band_names[point], [], layers, str(problem))

    def _keep(
        self, kind: Kind, name: str, numbers: list[Any], layers: Array | None, problem: str
    ) -> None:
        """A point or a band under its name, with a row for every layer."""
        rows = np.empty((0, 0)) if layers is None else layers
        values = [name, *numbers, problem, tables.digest(numbers, rows)]
        self._writer.replace(kind, values, tables.or_null(rows))


def _cell(number: float | None) -> Any:
    return "nan" if number is not None and math.isnan(number) else number


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
