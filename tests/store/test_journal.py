"""The journal itself: what is committed, what a reader sees, how SQLite is asked to keep it."""

import sqlite3
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from helpers import in_memory, swept, timeless
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from initlab import load_plan
from initlab.errors import DiskError
from initlab.network.measurement import Measurement
from initlab.spec.shares import Share
from initlab.store import tables
from initlab.store.folder import Folder
from initlab.store.outcome import Outcome
from initlab.store.recorder import Recorder
from initlab.store.tables import BACKWARD, FORWARD
from initlab.store.work import MeasureTask, TaskResult
from initlab.store.writable import open_for_writing
from initlab.store.writer import Writer


@pytest.fixture
def folder(tmp_path):
    opened = open_for_writing(tmp_path, "spec")
    yield opened
    opened.close()


def pragma(writer, name):
    ((value,),) = writer.rows(f"PRAGMA {name}")
    return value


def test_commits_are_synced_and_go_through_a_wal(folder):
    folder.connect()
    assert pragma(folder.writer, "journal_mode") == "wal"
    assert pragma(folder.writer, "synchronous") == 2  # FULL


@pytest.mark.parametrize("kind", ["nfs4", "fuse.glusterfs", "lustre"])
def test_where_a_wal_cannot_be_there_is_a_rollback_journal(plan_of, tmp_path, monkeypatch, kind):
    disks = [SimpleNamespace(mountpoint="/", fstype="ext4")]
    disks.append(SimpleNamespace(mountpoint=str(tmp_path), fstype=kind))
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: disks)
    (tmp_path.parent / kind).symlink_to(tmp_path)
    for way in (tmp_path, tmp_path.parent / kind):
        folder = open_for_writing(way, "spec")
        folder.connect()
        assert pragma(folder.writer, "journal_mode") == "delete"
        folder.close()
    monkeypatch.undo()
    elsewhere = tmp_path.parent / f"{kind}-local"
    assert timeless(swept(plan_of(), tmp_path)) == timeless(swept(plan_of(), elsewhere))


NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(max_examples=30)
@given(
    forward=arrays(np.float64, (3, len(FORWARD)), elements=NUMBERS),
    backward=st.none() | arrays(np.float64, (3, len(BACKWARD)), elements=NUMBERS),
    loss=st.none() | NUMBERS,
    onset=st.none() | st.integers(0, 2),
    reason=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_numbers_are_read_back_to_the_last_bit(forward, backward, loss, onset, reason):
    plan = load_plan({"depth": 3, "width": 4, "activation": "tanh", "init": "he", "bias": "zeros"})
    writer = Writer(":memory:")
    recorder = Recorder(writer, plan, {})
    m = Measurement(forward, backward, onset, loss, reason)
    task = MeasureTask(Share(((0, plan.runs[0]),)))
    recorder.commit(
        [TaskResult(task, {0: Outcome("ok", m, seconds=0.25)}, environment={"torch": "0"})]
    )
    (outcome,) = writer.outcomes()
    writer.close()
    again = outcome.measurement
    for found, kept in ((again.forward, forward), (again.backward, backward)):
        if kept is None or found is None:
            assert kept is None
            assert found is None
        else:
            same = np.where(np.isnan(kept), np.nan, kept)  # of nan there are many
            assert found.tobytes() == same.tobytes()
    assert repr((again.loss_value, again.nan_onset, again.reason, outcome.seconds)) == repr(
        (loss, onset, reason, 0.25)
    )


def test_many_layers_are_read_back_in_order(tmp_path):
    plan = load_plan(
        {"name": "spec", "depth": 2500, "width": 2, "activation": "tanh", "init": "orthogonal"}
    )
    (outcome,), _ = in_memory(plan)
    journal = Folder(swept(plan, tmp_path)).journal()
    (again,) = journal.outcomes()
    journal.close()
    np.testing.assert_array_equal(again.measurement.forward, outcome.measurement.forward)
    np.testing.assert_array_equal(again.measurement.backward, outcome.measurement.backward)


def test_what_is_committed_together_is_kept_whole_or_not_at_all(plan_of, folder, monkeypatch):
    plan = plan_of(seeds=3)
    outcomes, _ = in_memory(plan)
    recorder = folder.begin(plan)
    done = [
        TaskResult(
            MeasureTask(Share(((i, plan.runs[i]),))), {i: outcomes[i]}, environment={"torch": "0"}
        )
        for i in range(3)
    ]
    insert, calls = tables.insert, []

    def fails_late(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise sqlite3.OperationalError("database or disk is full")
        return insert(*arguments)

    monkeypatch.setattr(tables, "insert", fails_late)
    with pytest.raises(Exception, match="disk is full"):
        recorder.commit(done)
    monkeypatch.undo()
    assert folder.writer.counts() == {"todo": 3, "ok": 0, "failed": 0}
    assert folder.writer.rows("SELECT count(*) FROM layers") == [(0,)]
    recorder.commit(done)
    assert folder.writer.counts() == {"todo": 0, "ok": 3, "failed": 0}


def test_a_reader_sees_what_was_committed_and_holds_nobody_up(plan_of, folder):
    plan = plan_of(seeds=2)
    outcomes, _ = in_memory(plan)
    recorder = folder.begin(plan)
    reader = Folder(folder.path).journal()
    for i in range(2):
        assert reader.counts()["ok"] == i
        task = MeasureTask(Share(((i, plan.runs[i]),)))
        recorder.commit([TaskResult(task, {i: outcomes[i]}, environment={"torch": "0"})])
    assert reader.counts()["ok"] == 2
    with pytest.raises(DiskError, match="cannot be written: attempt to write a readonly database"):
        reader.rows("DELETE FROM runs")
    reader.close()


def test_ten_thousand_runs_are_begun_and_counted(tmp_path):
    plan = load_plan(
        {"name": "spec", "depth": 50, "width": 64, "activation": ["tanh", "relu"],
         "init": {"scheme": "scaled_normal", "sigma_w": {"from": 1, "to": 2, "steps": 50}},
         "seeds": 100}
    )  # fmt: skip
    folder = open_for_writing(tmp_path, "spec")
    recorder = folder.begin(plan)
    missing = recorder.remaining()
    assert (len(missing.runs), len(missing.points), len(missing.bands)) == (10_000, 100, 100)
    assert folder.writer.counts()["todo"] == 10_000
    assert folder.writer.plan().runs == plan.runs
    folder.close()
