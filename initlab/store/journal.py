"""The journal read: what a sweep has computed so far. Anyone may read while one process writes."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from initlab.errors import FolderError
from initlab.network.measurement import FORWARD, Measurement
from initlab.spec.band import BandAsked
from initlab.spec.model import Head
from initlab.spec.plan import Plan
from initlab.spec.run import Run
from initlab.spec.thresholds import Thresholds
from initlab.store import tables
from initlab.store.damage import (
    AGAIN,
    DamagedJournal,
    EmptyJournal,
    sqlite_errors,
    told_as_damage,
)
from initlab.store.identity import VERSION, rebuilt
from initlab.store.outcome import Outcome
from initlab.store.tables import (
    GRADIENT_BANDS,
    MEASURED,
    MORE,
    MORE_POINTS,
    NAMED,
    POINTS,
    Kind,
    Rows,
)
from initlab.theory.expectation import BAND, RUNS, Expectation, PredictedNumbers
from initlab.theory.finite_width import Band
from initlab.theory.quadrature import Array

NOT_REACHED = "not reached yet; the same command continues"
NOT_PREDICTED = "no prediction or band yet; the same command continues"
ELSEWHERE = "its band is made in another part; initlab merge joins them"
BUSY_SECONDS = 10.0  # seconds for who is writing just now, where the journal is no WAL


class Journal:
    """One journal, read. `path` is its file.

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

    # what is swept -------------------------------------------------------------------------

    def about(self, key: str) -> Any:
        """An entry of the table `sweep`: head, spec, product or part; None where there is none."""
        found = self.rows("SELECT value FROM sweep WHERE key = ?", key)
        with told_as_damage(self.path):
            return json.loads(found[0][0]) if found else None

    def part(self) -> tuple[int, int, str] | None:
        """Which part this is, of how many, and of which sweep; None if it is a whole one."""
        part = self.about("part")
        with told_as_damage(self.path):
            if part is None:
                return None
            number, parts, name = part
            return int(number), int(parts), str(name)

    def inputs(self) -> dict[str, str]:
        """The hash of every input file, by its path."""
        with told_as_damage(self.path):
            return {**self.about("inputs")}

    def plan(self) -> Plan:
        """The plan that was swept last, as far as it is kept: all of it but what parts it had."""
        found = self.rows(
            "SELECT number, description FROM runs WHERE number IS NOT NULL ORDER BY number"
        )
        if not found:
            raise EmptyJournal(f"{self.path}: nothing was begun here yet", AGAIN)
        product, data = self.about("product"), self.about("spec")
        with told_as_damage(self.path):
            runs = tuple(rebuilt(json.loads(description)) for _, description in found)
            numbers = tuple(number for number, _ in found)
            plan = Plan(self._head(), runs, product, data, str(self.path), numbers)
            _ = plan.axes  # looks at every field of every run
        return plan

    def points(self) -> tuple[list[Run], Head]:
        """The first run of every point that is swept, and what the spec says beside its networks.

        Input files are not read.
        """
        found = self.rows(
            "SELECT description, min(number) FROM runs WHERE number IS NOT NULL"
            " GROUP BY point ORDER BY min(number)"
        )
        head = self._head()
        with told_as_damage(self.path):
            return [rebuilt(json.loads(description)) for description, _ in found], head

    def _head(self) -> Head:
        """As it was validated; a part's name may be longer than that of a spec."""
        head = self.about("head")
        with told_as_damage(self.path):
            built = {
                "thresholds": Thresholds(**head["thresholds"]),
                "band": BandAsked.of(head["band"]),
            }
            return Head.model_construct(**head | built)

    def numbered(self) -> set[str]:
        """Names of the runs that are swept."""
        return {name for (name,) in self.rows("SELECT name FROM runs WHERE number IS NOT NULL")}

    def counts(self) -> dict[str, int]:
        """How many of the sweep's runs are todo, ok and failed."""
        counted = dict(
            self.rows("SELECT status, count(*) FROM runs WHERE number >= 0 GROUP BY status")
        )
        return {status: counted.get(status, 0) for status in ("todo", "ok", "failed")}

    def bands_todo(self) -> int:
        """How many finite-width bands are not simulated yet."""
        known = " UNION ALL ".join(f"SELECT name FROM {kind.table}" for kind in self.band_kinds)
        found = self.rows(
            "SELECT count(DISTINCT band) FROM runs WHERE number IS NOT NULL"
            f" AND band NOT IN ({known})"
        )
        return int(found[0][0])

    def sessions(self) -> list[dict[str, Any]]:
        """Every process that wrote here, in order."""
        found = self.rows("SELECT origin, started, finished, ended FROM sessions ORDER BY id")
        names = ("started", "finished", "ended")
        with told_as_damage(self.path):
            return [
                {**json.loads(origin), **{n: _text(t) for n, t in zip(names, texts, strict=True)}}
                for origin, *texts in found
            ]

    def environments(self) -> list[tuple[dict[str, Any], int]]:
        """Versions and machines with which runs of the sweep were measured, and how many."""
        found = self.rows(
            "SELECT environments.description, count(*) FROM runs"
            " JOIN environments ON environments.id = environment"
            " WHERE number IS NOT NULL GROUP BY environments.id"
        )
        with told_as_damage(self.path):
            return [({**json.loads(description)}, runs) for description, runs in found]

    def failures(self) -> dict[int, str]:
        """Why runs failed, by their numbers."""
        return dict(
            self.rows(
                "SELECT number, reason FROM runs"
                " WHERE number IS NOT NULL AND status = 'failed' ORDER BY number"
            )
        )

    def environment_of(self, number: int) -> dict[str, Any] | None:
        """Versions and machine that a run was measured with; None if it was not."""
        found = self.rows(
            "SELECT environments.description FROM runs"
            " JOIN environments ON environments.id = environment WHERE number = ?",
            number,
        )
        with told_as_damage(self.path):
            return {**json.loads(found[0][0])} if found else None

    # what came out -------------------------------------------------------------------------

    def outcomes(self, number: int | None = None) -> Iterator[Outcome]:
        """What became of every run, in the spec's order, or of one; a few are in memory at a time.

        Raises:
            DamagedJournal: numbers are not those that were written.
        """
        which = "number IS NOT NULL" if number is None else f"number = {int(number)}"
        runs = self.rows(
            "SELECT id, number, point, band, status, reason, seconds, nan_onset, loss_value, digest"
            f" FROM runs WHERE {which} ORDER BY number"
        )
        expectation_of = lru_cache(64)(partial(self.expectation, part=self.part() is not None))
        for id_, number_, point, band, status, reason, seconds, onset, loss, digest in runs:
            expectation, why = expectation_of(point, band)
            if status == "todo":
                yield Outcome("interrupted", reason=NOT_REACHED, expectation=expectation)
            elif status == "failed":
                yield Outcome("failed", reason=reason, seconds=seconds, expectation=expectation)
            else:
                measured = self._measured(id_, number_, onset, loss, digest)
                measured.reason = reason
                yield Outcome("ok", measured, why, seconds, expectation)

    def _measured(
        self, id_: int, number: int, onset: int | None, loss: Any, digest: str
    ) -> Measurement:
        found = self.layers(MEASURED, id_)
        others = self.more_layers(MORE, id_)
        rows, more = self._sound(f"run {number}", ("ok", onset, loss), found, digest, others)
        forward, backward = np.split(rows, [len(FORWARD)], axis=1)
        gradients = found[0][len(FORWARD)] is not None
        loss_value = None if loss is None else float(loss)
        return Measurement(forward, backward if gradients else None, onset, loss_value, more=more)

    def _sound(
        self, what: str, numbers: Sequence[Any], found: Rows, digest: str, more: Rows = ()
    ) -> tuple[Array, Array | None]:
        sound = tables.sound(numbers, found, digest, more)
        if sound is None:
            raise DamagedJournal(
                f"{self.path}: the numbers of {what} are not those that were written", AGAIN
            )
        return sound

    def expectation(
        self, point: str, band: str | None, *, part: bool = False
    ) -> tuple[Expectation, str]:
        """What is expected of a run of this point and band, and why that is not all."""
        expected, problem = self._expected(point)
        if expected is None:
            return Expectation(PredictedNumbers()), NOT_PREDICTED
        if band is None:
            return Expectation(expected), problem
        simulated, no_band = self._band(band)
        if no_band is None:
            return Expectation(expected), problem or (ELSEWHERE if part else NOT_PREDICTED)
        return Expectation(expected, simulated), problem or no_band

    def _expected(self, point: str) -> tuple[PredictedNumbers | None, str]:
        """What theory says of a point, and what kept it from that; None if it was not asked."""
        found = self.rows("SELECT * FROM points WHERE name = ?", point)
        if not found:
            return None, ""
        ((id_, _, *numbers, problem, digest),) = found
        rows, _ = self._sound(f"point {point}", numbers, self.layers(POINTS, id_), digest)
        run = dict(zip(RUNS, numbers, strict=True))
        return PredictedNumbers(run, rows if len(rows) else None, self._more_of(point)), problem

    def _more_of(self, point: str) -> Array | None:
        """What theory says of a point beside the usual columns, if that was asked for."""
        if MORE_POINTS not in self.named_kinds:
            return None
        table = MORE_POINTS.table
        found = self.rows(f"SELECT id, digest FROM {table} WHERE name = ?", point)
        if not found:
            return None
        ((id_, digest),) = found
        rows, _ = self._sound(f"point {point}", (), self.layers(MORE_POINTS, id_), digest)
        return rows if len(rows) else None

    def _band(self, name: str) -> tuple[Band | None, str | None]:
        """A finite-width band, and what kept it from being simulated; None if nobody tried to."""
        for kind in reversed(self.band_kinds):  # what failed once is no gradient band yet
            found = self.rows(f"SELECT id, problem, digest FROM {kind.table} WHERE name = ?", name)
            if not found:
                continue
            ((id_, problem, digest),) = found
            columns = self._sound(f"band {name}", (), self.layers(kind, id_), digest)[0].T
            if not len(columns):
                return None, problem
            band = Band(*columns[: len(BAND)])
            if kind is GRADIENT_BANDS:
                gradient, cosine = np.split(columns[len(BAND) :], 2)
                band = replace(band, gradient=gradient, cosine=cosine)
            return band, problem
        return None, None


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
