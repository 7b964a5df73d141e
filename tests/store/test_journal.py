"""The journal read: every number as it was written, while another process writes."""

import sqlite3

import numpy as np
import pytest
from helpers import in_memory, swept, timeless
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from initlab import load_plan
from initlab.errors import DiskError
from initlab.network.measurement import Measurement
from initlab.spec.shares import Share
from initlab.store.check import problems
from initlab.store.damage import DamagedJournal
from initlab.store.folder import Folder
from initlab.store.opening import open_for_writing
from initlab.store.outcome import Outcome
from initlab.store.recorder import Recorder
from initlab.store.tables import BACKWARD, FORWARD
from initlab.store.work import MeasureTask, TaskResult
from initlab.store.writer import Writer


@pytest.fixture
def folder(tmp_path):
    opened = open_for_writing(tmp_path, "spec")
    yield opened
    opened.close()


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
    recorder = Recorder(lambda: writer, plan, {})
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


def test_many_layers_are_read_back_in_order(folder):
    plan = load_plan(
        {"depth": 2500, "width": 2, "activation": "tanh", "init": "he", "bias": "zeros"}
    )
    rng = np.random.default_rng(0)
    forward, backward = (rng.random((2500, len(names))) for names in (FORWARD, BACKWARD))
    recorder = folder.begin(plan)
    done = {0: Outcome("ok", Measurement(forward, backward))}
    task = MeasureTask(Share(((0, plan.runs[0]),)))
    recorder.commit([TaskResult(task, done, environment={"torch": "0"})])
    journal = Folder(folder.path).journal()
    (again,) = journal.outcomes()
    journal.close()
    np.testing.assert_array_equal(again.measurement.forward, forward)
    np.testing.assert_array_equal(again.measurement.backward, backward)


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


@pytest.mark.parametrize("what", ["layers", "predictions", "band_layers"])
def test_any_number_that_was_changed_is_noticed(plan_of, tmp_path, what):
    path = swept(plan_of(width=20, band=20), tmp_path)
    with sqlite3.connect(path / "journal.sqlite") as db:
        column = [row[1] for row in db.execute(f"PRAGMA table_info({what})")][-1]
        db.execute(f"UPDATE {what} SET {column} = 3.25 WHERE layer = 1")  # noqa: S608
    db.close()
    journal = Folder(path).journal()
    with pytest.raises(DamagedJournal, match="are not those that were written"):
        list(journal.outcomes())
    journal.close()


# bands of gradient and cosine --------------------------------------------------------------------

ASKED = {"networks": 20, "gradient": True}


def tables_of(path):
    with sqlite3.connect(path / "journal.sqlite") as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    db.close()
    return names


def test_a_band_of_the_gradient_is_read_back_as_it_was_found(plan_of, tmp_path):
    plan = plan_of(width=20, band=ASKED, init=["xavier_normal", "orthogonal"])
    found, _ = in_memory(plan)
    journal = Folder(swept(plan, tmp_path)).journal()
    for outcome, kept in zip(found, journal.outcomes(), strict=True):
        one, other = outcome.expectation.band, kept.expectation.band
        for name in ("p10", "p90", "mean_log", "gradient", "cosine"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert one.gradient.shape == (3, plan.runs[0].depth)
    assert journal.bands_todo() == 0
    assert journal.plan().head == plan.head
    journal.close()


def test_only_a_journal_that_needs_them_has_the_later_tables(plan_of, tmp_path):
    plain = swept(plan_of(width=20, band=20), tmp_path)
    assert not {name for name in tables_of(plain) if name.startswith("gradient_band")}
    with sqlite3.connect(plain / "journal.sqlite") as db:
        (head,) = db.execute("SELECT value FROM sweep WHERE key = 'head'").fetchone()
    db.close()
    assert '"band": 20' in head  # as it always was
    # the same folder goes on with the gradient, and back
    asked = swept(plan_of(width=20, band=ASKED), tmp_path)
    assert {"gradient_bands", "gradient_band_layers"} <= tables_of(asked)
    journal = Folder(asked).journal()
    assert len(journal.rows("SELECT * FROM bands")) == 1  # what was found before is kept
    assert len(journal.rows("SELECT * FROM gradient_bands")) == 1
    (outcome,) = journal.outcomes()
    assert outcome.expectation.band.gradient is not None
    journal.close()
    journal = Folder(swept(plan_of(width=20, band=20), tmp_path)).journal()
    (outcome,) = journal.outcomes()
    assert outcome.expectation.band.gradient is None
    journal.close()


@pytest.mark.parametrize("column", ["p50", "gradient_p90", "cosine_p10"])
def test_a_number_of_a_gradient_band_that_was_changed_is_noticed(plan_of, tmp_path, column):
    plan = plan_of(width=20, band=ASKED)
    path = swept(plan, tmp_path)
    before = timeless(path)
    with sqlite3.connect(path / "journal.sqlite") as db:
        db.execute(f"UPDATE gradient_band_layers SET {column} = 3.25 WHERE layer = 1")  # noqa: S608
    db.close()
    journal = Folder(path).journal()
    with pytest.raises(DamagedJournal, match="are not those that were written"):
        list(journal.outcomes())
    assert [text for _, text in problems(path, journal) if "gradient_bands" in text]
    journal.close()
    # the same sweep mends it
    assert timeless(swept(plan, tmp_path)) == before


def test_a_gradient_band_that_failed_once_is_found_the_next_time(plan_of, tmp_path, monkeypatch):
    from initlab.network import random_networks

    plan = plan_of(width=20, band=ASKED)
    whole = timeless(swept(plan, tmp_path / "whole"))
    with monkeypatch.context() as context:
        context.setattr(random_networks, "random_band", lambda *_: 1 / 0)
        path = swept(plan, tmp_path)
    journal = Folder(path).journal()
    (outcome,) = journal.outcomes()
    assert "no band: ZeroDivisionError" in outcome.reason
    journal.close()
    assert timeless(swept(plan, tmp_path)) == whole
