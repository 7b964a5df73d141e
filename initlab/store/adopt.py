"""What another journal has: taken over where it is missing here, and sound there."""

import json
import sqlite3
from collections.abc import Sequence

from initlab.store import tables
from initlab.store.damage import DamagedJournal
from initlab.store.journal import Journal
from initlab.store.tables import MEASURED, MORE, Kind
from initlab.store.writer import Writer


def adopt_sessions(writer: Writer, other: Journal) -> None:
    """Also name the processes that wrote another journal."""
    with writer.transaction() as db:
        db.executemany(
            "INSERT OR IGNORE INTO sessions (name, origin, started, finished, ended)"
            " VALUES (?, ?, ?, ?, ?)",
            other.rows("SELECT name, origin, started, finished, ended FROM sessions"),
        )


def adopt(writer: Writer, other: Journal, statuses: Sequence[str] = ("ok", "failed")) -> int:
    """Take over what is missing here and is sound in another journal; how many runs."""
    runs = [
        name
        for (name,) in writer.rows(
            "SELECT name FROM runs WHERE number IS NOT NULL AND status = 'todo'"
        )
    ]
    with writer.transaction() as db:
        taken = sum(_adopt_run(writer, db, other, name, statuses) for name in runs)
        for kind in other.named_kinds:
            wanted = writer.rows(
                f"SELECT DISTINCT {kind.key} FROM runs WHERE number IS NOT NULL AND {kind.key}"
                f" NOT IN ({_kept(writer, kind)})"
            )
            for (name,) in wanted:
                _adopt_point(writer, other, kind, name)
    return taken


def _kept(writer: Writer, kind: Kind) -> str:
    """A query of the names that are kept here already."""
    if kind in writer.named_kinds:
        return f"SELECT name FROM {kind.table} WHERE problem = ''"
    return "SELECT NULL WHERE FALSE"  # that table is made with its first entry


def _adopt_run(
    writer: Writer, db: sqlite3.Connection, other: Journal, name: str, statuses: Sequence[str]
) -> bool:
    try:
        ((id_, status, reason, seconds, onset, loss, hashed, where),) = other.rows(
            "SELECT runs.id, status, reason, seconds, nan_onset, loss_value, digest,"
            " environments.description FROM runs"
            " LEFT JOIN environments ON environments.id = environment"
            " WHERE name = ? AND status != 'todo'",
            name,
        )
        rows, more = other.layers(MEASURED, id_), other.more_layers(MORE, id_)
        environment = json.loads(where) if where else None
    except (DamagedJournal, ValueError):  # broken just there, or not there
        return False
    if status not in statuses:
        return False
    if status == "ok" and not tables.digest_matches((status, onset, loss), rows, hashed, more):
        return False
    here = writer.environment_id(environment) if environment else None
    ((mine,),) = writer.rows("SELECT id FROM runs WHERE name = ?", name)
    db.execute(
        "UPDATE runs SET status = ?, reason = ?, seconds = ?, nan_onset = ?, loss_value = ?,"
        " digest = ?, environment = ? WHERE id = ?",
        (status, reason, seconds, onset, loss, hashed, here, mine),
    )
    writer.fill(MEASURED, mine, rows)
    writer.fill(MORE, mine, more)
    return True


def _adopt_point(writer: Writer, other: Journal, kind: Kind, name: str) -> None:
    try:
        ((id_, *values),) = other.rows(f"SELECT * FROM {kind.table} WHERE name = ?", name)
        rows = other.layers(kind, id_)
    except (DamagedJournal, ValueError):
        return
    _, *numbers, problem, hashed = values
    if not problem and tables.digest_matches(numbers, rows, hashed):
        writer.replace(kind, values, rows)
