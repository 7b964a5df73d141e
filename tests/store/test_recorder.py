"""What a session keeps: whole or not at all, and what remains to be done."""

import sqlite3

import pytest
from helpers import in_memory, swept

from initlab import load_plan
from initlab.errors import FolderInUse
from initlab.spec.shares import Share
from initlab.store import tables
from initlab.store.opening import open_for_writing
from initlab.store.recorder import Recorder
from initlab.store.work import MeasureTask, TaskResult


@pytest.fixture
def folder(tmp_path):
    opened = open_for_writing(tmp_path, "spec")
    yield opened
    opened.close()


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


def test_another_sweep_of_the_folder_predicts_and_simulates_only_what_is_new(plan_of, tmp_path):
    spec = {"width": 20, "band": 20, "activation": ["tanh", "relu"]}
    swept(plan_of(**spec, seeds=2), tmp_path)

    def missing(**fields):
        """How many runs, predictions and bands are to be made; then they are."""
        plan = plan_of(**spec | fields)
        folder = open_for_writing(tmp_path, "spec")
        try:
            work = folder.begin(plan).remaining()
        finally:
            folder.close()
        swept(plan, tmp_path)
        return len(work.runs), len(work.points), len(work.bands)

    assert missing(seeds=[5, 6, 7]) == (6, 0, 0)  # 2 activations, 3 seeds
    assert missing(activation=["gelu", "relu", "tanh"], seeds=2) == (2, 1, 1)  # gelu, 2 seeds
    assert missing(init=["xavier_normal", {"scheme": "xavier_normal", "gain": 2}]) == (2, 2, 2)
    assert missing(activation=["relu", "gelu"], seeds=3) == (2, 0, 0)  # their third seeds
    assert missing(band=30) == (0, 0, 2)  # with so many networks nothing was simulated yet
    assert missing(band=20, depth=4) == (2, 2, 2)


def test_a_session_that_is_taken_over_while_it_begins_says_so(plan_of, folder, monkeypatch):
    folder.begin(plan_of(seeds=1))  # opens the journal
    begin, more = Recorder._begin, plan_of(seeds=5)

    def overtaken(recorder, origin):
        session = begin(recorder, origin)
        monkeypatch.undo()
        Recorder(lambda: folder.writer, more, {"host": "there", "pid": 7})
        return session

    monkeypatch.setattr(Recorder, "_begin", overtaken)
    with pytest.raises(FolderInUse, match="taken over, on there, process 7"):
        Recorder(lambda: folder.writer, plan_of(seeds=2), {"host": "here", "pid": 1})


def test_what_an_older_theory_said_is_asked_again_and_nothing_is_measured_again(
    plan_of, tmp_path, monkeypatch
):
    plan = plan_of(activation=["tanh", "relu"], seeds=2, band=0)
    monkeypatch.setattr("initlab.store.identity.THEORY", 1)
    swept(plan, tmp_path)
    monkeypatch.undo()
    opened = open_for_writing(tmp_path, plan.head.name)
    remaining = opened.begin(plan).remaining()
    opened.close()
    assert remaining.runs == []
    assert len(remaining.points) == 2
