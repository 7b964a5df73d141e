"""Columns that a spec asks for: written where one does, kept, found damaged, mended and merged."""

import csv
import io
import sqlite3

import numpy as np
import pytest
from commands import change, initlab, rows
from helpers import csv_texts, in_memory, swept, timeless

from initlab import load_plan, read_results
from initlab.catalog.columns import MORE, RECORDED, STREAMS, always, columns
from initlab.network.measurement import Measurement
from initlab.spec.shares import Share
from initlab.store import tables
from initlab.store.folder import Folder
from initlab.store.outcome import Outcome
from initlab.store.recorder import Recorder
from initlab.store.tables import BACKWARD, FORWARD
from initlab.store.work import MeasureTask, TaskResult
from initlab.store.writer import Writer
from initlab.theory.expectation import Expectation, PredictedNumbers

BASE = {"name": "asked", "depth": 3, "width": 20, "activation": "relu", "init": "he", "band": 0}
TABLE = tables.MORE.layers
NAMED = columns("layers", *RECORDED)  # what a `record` may name; the others go with residual sums


def plan_with(**fields):
    return load_plan({**BASE, **fields})


def layers_csv(plan):
    outcomes, _ = in_memory(plan)
    return list(csv.DictReader(io.StringIO(csv_texts(plan, outcomes)[1])))


def has_table(path):
    db = sqlite3.connect(path / "journal.sqlite")
    found = db.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (TABLE,)).fetchone()[0]
    db.close()
    return bool(found)


@pytest.fixture
def mixed(tmp_path):
    """A folder in which every kind of record occurs, and a run that turns nan; with its spec."""
    fields = {
        "init": ["he", {"scheme": "normal", "std": 1e15}],
        "record": ["both", "full", "forward+neurons"],
        "bias": [None, {"std": 1}],
    }
    plan = plan_with(**fields)
    return swept(plan, tmp_path / "results"), plan


# published ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", ["both", "forward", ["both", "forward"]])
def test_no_column_is_added_where_no_run_asks_for_one(record):
    plan = plan_with(record=record)
    layers, runs = (layers_csv(plan)[0], csv_texts(plan, in_memory(plan)[0])[0].splitlines()[0])
    assert [name for name in layers if name in always("layers")] == always("layers")
    assert not set(layers) & set(MORE)
    assert runs.endswith("surprise")


@pytest.mark.parametrize(
    ("record", "groups"),
    [
        ("full", RECORDED),
        (["both", "both+neurons"], ["neurons"]),
        (["forward+quantiles", "both+gradients"], ["gradients", "quantiles"]),
    ],
)
def test_what_one_run_asks_for_comes_last_and_is_empty_for_the_others(record, groups):
    plan = plan_with(record=record)
    theory = columns("layers", "extra") if "gradients" in groups else []
    asked = [*columns("layers", *groups), *theory]
    found = layers_csv(plan)
    assert list(found[0])[-len(asked) :] == asked
    for row in found:
        extras = plan.runs[int(row["run"])].extras
        for group in groups:
            cells = {row[name] == "" for name in columns("layers", group)}
            assert cells == {group not in extras}


STREAM = columns("layers", *STREAMS)


def test_columns_of_the_stream_are_those_of_residual_sums():
    # a run with blocks 0-1 and 2-3 and one layer left over, and a run without; last come the
    # columns that only they have
    assert STREAM == ["stream_rms", "branch_ratio", "stream_grad_rms"]
    found = layers_csv(plan_with(depth=5, cases=[{"residual": 2}, {}], record=["both", "forward"]))
    assert list(found[0])[-3:] == STREAM
    for row in found:
        run, layer = int(row["run"]), int(row["layer"])
        cells = [row[name] for name in STREAM]
        if run >= 2 or layer not in (1, 3):
            assert cells == ["", "", ""]
        else:
            assert float(cells[0]) == pytest.approx(float(row["rms"]), rel=1e-6)
            assert float(cells[1]) > 0
            # forward runs have no gradient: not measured is an empty cell
            assert cells[2] == "" if run == 1 else float(cells[2]) > 0


@pytest.mark.parametrize("record", ["both", "full"])
def test_columns_of_the_stream_are_published_kept_and_measured_again(tmp_path, record):
    init = ["he", {"scheme": "normal", "std": 1e18}]
    plan = plan_with(depth=4, residual=["none", 2], init=init, record=record, seeds=2)
    path = swept(plan, tmp_path)
    before, (outcomes, _) = timeless(path), in_memory(plan)
    layers = read_results(path).layers
    names = [*(NAMED if record == "full" else []), *STREAM]
    for index, outcome in enumerate(outcomes):
        own, more = layers[layers["run"] == index], outcome.measurement.more
        expected = np.full((len(own), len(MORE)), np.nan) if more is None else more
        expected = expected[:, [MORE.index(name) for name in names]]
        np.testing.assert_array_equal(own[names].to_numpy(float), expected)
        (row,) = rows(initlab("rerun", path, index, "--format", "csv").stdout)
        assert row["differing"] == "0"
    # three layers of 1e18 leave float32, which ends at 3e38
    assert {o.measurement.nan_onset for o in outcomes} == {None, 2}
    assert initlab("verify", path).exit_code == 0
    swept(plan, tmp_path, fresh=True)
    assert timeless(path) == before


def test_nan_and_what_was_not_measured_are_told_apart():
    init = ["he", {"scheme": "normal", "std": 1e15}]
    found = layers_csv(plan_with(record="full", init=init, batch=1))
    fine = [row for row in found if row["run"] == "0"]
    assert {row["neuron_std"] for row in fine} == {"nan"}  # of one sample there is no std
    assert "" not in {row[name] for row in fine for name in NAMED}
    *_, last = burst = [row for row in found if row["run"] == "1"]
    assert last["std"] == "nan"
    assert {last[name] for name in columns("layers", "quantiles")} == {"nan"}
    assert {row[name] for row in burst for name in columns("layers", "gradients")} == {""}


def test_numbers_are_published_to_the_last_bit(mixed):
    path, plan = mixed
    outcomes, _ = in_memory(plan)
    layers = read_results(path).layers
    for index, outcome in enumerate(outcomes):
        own = layers[layers["run"] == index]
        more = outcome.measurement.more
        expected = np.full((len(own), len(MORE)), np.nan) if more is None else more
        expected = expected[:, [MORE.index(name) for name in NAMED]]
        np.testing.assert_array_equal(own[NAMED].to_numpy(float), expected)


def test_theory_s_extra_columns_follow_the_measured_ones_of_runs_that_record_gradients():
    plan = plan_with(record=["both+gradients", "both"], depth=2)
    outcomes, _ = in_memory(plan)
    more = np.array([[0.5, np.nan], [np.nan, 2.0]])  # the loss stands at the last layer
    expected = Expectation(PredictedNumbers(more=more)), Expectation(PredictedNumbers())
    outcomes = [
        Outcome("ok", o.measurement, expectation=e) for o, e in zip(outcomes, expected, strict=True)
    ]
    runs, layers = (list(csv.reader(io.StringIO(t))) for t in csv_texts(plan, outcomes))
    assert layers[0][-1] == "predicted_weight_grad_std"
    assert [row[-1] for row in layers[1:]] == ["0.5", "", "", ""]
    at = [runs[0].index(name) for name in ("predicted_weight_grad_std", "predicted_loss")]
    assert sorted(at) == [len(runs[0]) - 2, len(runs[0]) - 1]  # the last columns
    assert [[row[k] for k in at] for row in runs[1:]] == [["0.5", "2.0"], ["", ""]]


def test_parquet_has_them_with_types(mixed):
    parquet = pytest.importorskip("pyarrow.parquet")
    path, _ = mixed
    assert initlab("export", path, "--format", "parquet").exit_code == 0
    table = parquet.read_table(path / "layers.parquet")
    assert {str(table.schema.field(name).type) for name in NAMED} == {"double"}
    assert table["neuron_std"].null_count < len(table)
    assert table["grad_norm"].null_count > 0  # of runs that did not ask for it


# kept --------------------------------------------------------------------------------------------


def recorder_of(writer, plan):
    return Recorder(lambda: writer, plan, {})


def commit(recorder, plan, m):
    task = MeasureTask(Share(((0, plan.runs[0]),)))
    done = {0: Outcome("ok", m, seconds=0.25)}
    recorder.commit([TaskResult(task, done, environment={"torch": "0"})])


def test_any_numbers_are_read_back_to_the_last_bit():
    plan, rng = plan_with(record="full"), np.random.default_rng(0)
    more = np.ldexp(rng.standard_normal((3, len(MORE))), rng.integers(-1000, 1000, (3, len(MORE))))
    more[0, :4] = np.inf, -np.inf, np.nan, -0.0
    forward, backward = rng.random((3, len(FORWARD))), rng.random((3, len(BACKWARD)))
    writer = Writer(":memory:")
    commit(recorder_of(writer, plan), plan, Measurement(forward, backward, more=more))
    (outcome,) = writer.outcomes()
    writer.close()
    assert outcome.measurement.more.tobytes() == np.where(np.isnan(more), np.nan, more).tobytes()


def test_a_journal_has_the_table_once_somebody_asks(tmp_path):
    path = swept(plan_with(), tmp_path)
    assert not has_table(path)  # as every journal until now
    before = timeless(path)
    swept(plan_with(record="both+neurons"), tmp_path)
    assert has_table(path)
    swept(plan_with(), tmp_path)
    assert timeless(path) == before
    assert initlab("verify", path).exit_code == 0


def test_a_folder_without_the_table_is_continued_with_more(tmp_path):
    path = swept(plan_with(record=["both"], seeds=2), tmp_path)
    one = swept(plan_with(record=["both", "full"], seeds=2), tmp_path)
    assert one == path
    other = swept(plan_with(record=["both", "full"], seeds=2), tmp_path / "anew")
    assert timeless(path) == timeless(other)


def test_a_column_that_comes_later_is_added_and_changes_no_hash(monkeypatch, tmp_path):
    earlier = [name for name in MORE if name not in ("q50", "grad_norm")]
    path = swept(plan_with(record="full"), tmp_path)
    before = timeless(path)
    # a journal of an initlab that did not know two of the columns
    db = sqlite3.connect(path / "journal.sqlite")
    for name in ("q50", "grad_norm"):
        db.execute(f"ALTER TABLE {TABLE} DROP COLUMN {name}")
    numbers = db.execute("SELECT status, nan_onset, loss_value FROM runs").fetchone()
    names = ", ".join([*FORWARD, *BACKWARD])
    found = db.execute(f"SELECT {names} FROM layers ORDER BY layer").fetchall()  # noqa: S608
    layers = tables.restored(found)
    kept = [name if name in earlier else "NULL" for name in MORE]
    more = tables.restored(
        db.execute(f"SELECT {', '.join(kept)} FROM {TABLE} ORDER BY layer").fetchall()  # noqa: S608
    )
    db.execute("UPDATE runs SET digest = ?", (tables.digest(numbers, layers, more),))
    db.commit()
    db.close()
    with Folder(path).journal() as journal:
        (outcome,) = journal.outcomes()
        assert np.isnan(outcome.measurement.more[:, MORE.index("q50")]).all()
        assert np.isfinite(outcome.measurement.more[:, MORE.index("q25")]).all()
    swept(plan_with(record="full", seeds=2), tmp_path)  # its row has the columns
    layers = read_results(path).layers
    assert layers["q50"].isna().tolist() == [True] * 3 + [False] * 3
    assert initlab("verify", path).exit_code == 0
    swept(plan_with(record="full"), tmp_path, fresh=True)
    assert timeless(path) == before


def test_a_run_that_is_measured_again_replaces_its_rows(tmp_path):
    plan = plan_with(record="full")
    path = swept(plan, tmp_path)
    before = timeless(path)
    change(path, "UPDATE runs SET status = 'failed', reason = 'x'")
    swept(plan, tmp_path, retry_failed=True)
    assert timeless(path) == before


# damaged, mended, merged -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE more_layers SET q50 = 1.5 WHERE layer = 1",
        "UPDATE more_layers SET q50 = 'x' WHERE layer = 1",
        "UPDATE more_layers SET dead_fraction = NULL",
        "DELETE FROM more_layers WHERE layer = 2",
        "DELETE FROM more_layers",
        "DROP TABLE more_layers",
        "ALTER TABLE more_layers DROP COLUMN neuron_std",
    ],
)
def test_a_change_is_found_and_mended_by_the_same_sweep(tmp_path, statement):
    plan = plan_with(record=["full", "both"])
    path = swept(plan, tmp_path)
    before = timeless(path)
    change(path, statement)
    done = initlab("verify", path)
    assert done.exit_code == 1
    assert rows(done.stdout)[0]["problem"].startswith("the numbers of run 0")
    assert initlab("export", path).exit_code == 2
    assert initlab("rerun", path, 0).exit_code == 2
    assert initlab("sweep", path / "spec.yaml", "--out", tmp_path).exit_code == 0
    assert timeless(path) == before


@pytest.mark.parametrize("column", ["run", "layer", "q50"])
@pytest.mark.parametrize("value", ["x", -1, 1e300, b"\xff", "[" * 5000])
def test_an_edited_table_is_damage_and_no_bug(tmp_path, column, value):
    path = swept(plan_with(record="full"), tmp_path)
    db = sqlite3.connect(path / "journal.sqlite")
    with db:
        db.execute(f"UPDATE OR REPLACE more_layers SET {column} = ?", (value,))  # noqa: S608
    db.close()
    assert initlab("verify", path).exit_code == 1
    for command in (["status"], ["export"], ["rerun", 0]):
        assert initlab(command[0], path, *command[1:]).exit_code in (0, 1, 2)


def test_parts_are_merged_to_what_one_sweep_gives(tmp_path):
    spec = tmp_path / "asked.yaml"
    spec.write_text(
        "depth: 3\nwidth: 20\nactivation: [tanh, relu]\ninit: he\nband: 0\nseeds: 3\n"
        "record: [both, full, {backward: false, quantiles: true}]\n"
    )
    whole = tmp_path / "whole"
    assert initlab("sweep", spec, "--out", whole).exit_code == 0
    for part in ("1/2", "2/2"):
        assert initlab("sweep", spec, "--out", tmp_path, "--part", part).exit_code == 0
    parts = sorted(tmp_path.glob("asked.part-*"))
    assert initlab("merge", *parts, "--out", tmp_path).exit_code == 0
    assert timeless(tmp_path / "asked") == timeless(whole / "asked")


def test_a_run_is_measured_again_bit_for_bit(mixed):
    path, plan = mixed
    for number, run in enumerate(plan.runs):
        (row,) = rows(initlab("rerun", path, number, "--format", "csv").stdout)
        assert row["differing"] == "0", run.record
    (usual,), (full,) = (rows(initlab("rerun", path, number).stdout) for number in (0, 2))
    assert (plan.runs[0].record, plan.runs[2].extras) == ("both", set(RECORDED))
    assert int(full["numbers"]) - int(usual["numbers"]) == 3 * len(NAMED)
