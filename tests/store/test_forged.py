"""Journals that somebody edited: whatever stands in them, it is damage and no bug."""

import os
import sqlite3

import pytest
from commands import initlab

from initlab.store.tables import SCHEMA

VALUES = [None, "x", "{}", "[]", -1, 1e300, b"\xff", "[" * 5000, "9" * 5000, "3", '"x"']


def columns():
    """Every column of every table, each with some of the values."""
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = [(t, c[1]) for t in tables for c in db.execute(f"PRAGMA table_info({t})")]
    found = [(t, column) for t, column in found if column != "id"]  # which SQLite looks after
    db.close()
    for position, (table, column) in enumerate(found):
        many = 1 if table in ("layers", "predictions", "band_layers") else 2
        if table == "sweep":
            many = len(VALUES)  # all kinds of JSON
        yield table, column, [VALUES[(position + 3 * i) % len(VALUES)] for i in range(many)]


@pytest.mark.parametrize(("table", "column", "values"), list(columns()))
def test_an_edited_journal_is_no_bug(kept, table, column, values):
    sound = (kept / "journal.sqlite").read_bytes()
    for value in values:
        (kept / "journal.sqlite").write_bytes(sound)
        db = sqlite3.connect(kept / "journal.sqlite")
        with db:
            db.execute(f"UPDATE OR REPLACE {table} SET {column} = ?", (value,))  # noqa: S608
        db.close()
        for command in (["status"], ["verify"], ["export"], ["rerun", 0]):
            done = initlab(command[0], kept, *command[1:])
            assert done.exit_code in (0, 1, 2), (value, command, done.stderr)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE environments SET description = '['",
        "UPDATE sessions SET origin = '['",
        "UPDATE sessions SET started = x'03'",
        "UPDATE runs SET status = 'weird' WHERE id = 1",
        "UPDATE sweep SET value = '3' WHERE key = 'inputs'",
        "UPDATE sweep SET value = '[1]' WHERE key = 'part'",
    ],
)
def test_verify_sees_what_is_no_number_too(kept, statement):
    db = sqlite3.connect(kept / "journal.sqlite")
    with db:
        db.execute(statement)
    db.close()
    done = initlab("verify", kept)
    assert done.exit_code == 1, done.stderr
    assert "journal.sqlite" in done.stdout


@pytest.mark.parametrize(
    "name", ["runs.csv", "layers.csv", "spec.yaml", "journal.damaged-1.sqlite"]
)
def test_a_pipe_in_a_folder_is_waited_for_by_nobody(kept, name):
    (kept / name).unlink(missing_ok=True)
    os.mkfifo(kept / name)
    done = initlab("verify", kept)
    assert done.exit_code == (0 if "damaged" in name else 1)
    assert initlab("show", kept, "--format", "table").exit_code in (0, 2)
    assert initlab("sweep", kept.parents[1] / "kept.yaml", "--out", kept.parent).exit_code == 0
    assert "damaged" in name or (kept / name).is_file()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET description = '{}'",
        "UPDATE runs SET loss_value = 'x'",
        "UPDATE layers SET std = x'ff' WHERE layer = 1",
        "UPDATE points SET problem = 7",
        "UPDATE environments SET description = '['",
        "UPDATE sweep SET value = '3'",
    ],
)
def test_a_sweep_mends_an_edited_journal_or_says_what_is_wrong(kept, statement):
    wanted = (kept / "layers.csv").read_bytes()
    db = sqlite3.connect(kept / "journal.sqlite")
    with db:
        db.execute(statement)
    db.close()
    done = initlab("sweep", kept / "spec.yaml", "--out", kept.parent, "-q")
    assert done.exit_code in (0, 2), done.stderr
    if done.exit_code == 0:
        assert (kept / "layers.csv").read_bytes() == wanted
        assert initlab("verify", kept).exit_code == 0
