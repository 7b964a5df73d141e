"""A results folder: CSV that loses nothing, whole files only, nothing of others touched."""

import csv
import io
import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from initlab import load_plan, read_results, store, sweep
from initlab import rows as lines
from initlab.catalog.columns import columns
from initlab.errors import DiskError, FolderError, FolderInUse
from initlab.network.propagate import Measurement
from initlab.verdicts import Outcome

NOW = datetime(2024, 1, 2, tzinfo=UTC)
FORWARD, BACKWARD = columns("layers", "forward"), columns("layers", "backward")


def cells(line):
    (row,) = csv.reader(io.StringIO(line))
    return row


def table(lines):
    return list(csv.DictReader(io.StringIO("".join(lines))))


@pytest.fixture
def measured(plan_of):
    """A plan with a bias in one of its two networks, and its outcomes."""
    plan = plan_of(bias=["none", {"std": 0.5}], depth=2)
    outcomes, _ = sweep.run(plan)
    return plan, outcomes


# cells ------------------------------------------------------------------------------------------


@given(st.floats())
def test_a_float_is_read_back_as_it_was(number):
    (text,) = cells(lines.csv_line([number]))
    back = float(text)
    assert back == number or (math.isnan(back) and math.isnan(number))
    assert math.copysign(1, back) == math.copysign(1, number) or math.isnan(number)


def test_nan_inf_and_nothing_are_told_apart():
    line = lines.csv_line([math.nan, math.inf, -math.inf, None, 0.0, -0.0, "", 0, False])
    assert line == "nan,inf,-inf,,0.0,-0.0,,0,False\n"


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"])), min_size=2
    )
)
def test_any_text_is_read_back_as_it_was(texts):
    assert cells(lines.csv_line(texts)) == texts


# tables -----------------------------------------------------------------------------------------


def test_layers_hold_what_was_measured_to_the_last_bit(measured):
    plan, outcomes = measured
    rows = table(lines.layer_lines(plan, outcomes))
    assert [(row["run"], row["layer"]) for row in rows] == [
        ("0", "0"),
        ("0", "1"),
        ("1", "0"),
        ("1", "1"),
    ]
    for row in rows:
        m = outcomes[int(row["run"])].measurement
        layer = int(row["layer"])
        found = [float(row[name]) for name in FORWARD]
        np.testing.assert_array_equal(found, m.forward[layer])
        backward = dict(zip(BACKWARD, m.backward[layer], strict=True))
        assert float(row["grad_std"]) == backward["grad_std"]
        assert float(row["weight_grad_std"]) == backward["weight_grad_std"]


def test_without_a_bias_its_gradient_was_not_measured(measured):
    plan, outcomes = measured
    rows = table(lines.layer_lines(plan, outcomes))
    assert [row["bias_grad_std"] == "" for row in rows] == [True, True, False, False]


def test_fans_are_inputs_and_outputs_of_each_layer(plan_of):
    plan = plan_of(shape=[3, 5, 2])
    outcomes, _ = sweep.run(plan)
    rows = table(lines.layer_lines(plan, outcomes))
    assert [(row["fan_in"], row["fan_out"]) for row in rows] == [("3", "5"), ("5", "2")]


def test_layers_tell_their_axes_and_no_other_field(plan_of):
    plan = plan_of(init={"scheme": "normal", "std": [1, 2]}, depth=1)
    outcomes, _ = sweep.run(plan)
    rows = table(lines.layer_lines(plan, outcomes))
    assert list(rows[0])[:5] == ["run", "seed", "init.std", "layer", "fan_in"]
    assert [row["init.std"] for row in rows] == ["1.0", "2.0"]


def test_every_column_of_the_catalog_is_written_and_no_other(measured):
    plan, outcomes = measured
    (layers, *_), (runs, *_) = lines.layer_lines(plan, outcomes), lines.run_lines(plan, outcomes)
    assert cells(layers) == [
        "run",
        "seed",
        *plan.axes,
        *columns("layers", "key"),
        *FORWARD,
        *BACKWARD,
        *columns("layers", "predicted"),
    ]
    expected = columns("runs", "result", "predicted")
    assert cells(runs) == ["run", *plan.fields, "seed", *expected]


def test_a_run_that_failed_or_was_not_reached_keeps_its_row(plan_of):
    plan = plan_of(seeds=3)
    ((fine, *_), _) = sweep.run(plan)
    outcomes = [
        Outcome("failed", reason='ValueError: a "bad", bad\nday'),
        fine,
        Outcome("interrupted", reason="stopped by Ctrl-C"),
    ]
    runs = table(lines.run_lines(plan, outcomes))
    assert [row["status"] for row in runs] == ["failed", "ok", "interrupted"]
    assert runs[0]["reason"] == 'ValueError: a "bad", bad\nday'
    assert (runs[0]["std_last"], runs[0]["forward_verdict"], runs[0]["seconds"]) == ("", "", "")
    assert runs[0]["depth"] == "3"
    assert {row["run"] for row in table(lines.layer_lines(plan, outcomes))} == {"1"}


def measurement(forward, backward, onset=None, reason=""):
    """A measurement with the same value in every column of a layer."""
    rows = np.array([[value] * len(FORWARD) for value in forward])
    back = None if backward is None else np.array([[value] * len(BACKWARD) for value in backward])
    return Measurement(forward=rows, backward=back, nan_onset=onset, loss_value=None, reason=reason)


def test_a_run_that_turned_nan_says_where_and_has_no_gradients(plan_of):
    plan = plan_of(depth=5)
    m = measurement([1.0, math.inf, math.nan], None, onset=2, reason="layer 2: inf")
    outcomes = [Outcome("ok", m, seconds=0.5)]
    (run,) = table(lines.run_lines(plan, outcomes))
    assert (run["status"], run["nan_onset"], run["forward_verdict"]) == ("ok", "2", "nan")
    assert (run["std_first"], run["std_last"]) == ("1.0", "nan")
    assert (run["grad_std_first"], run["backward_verdict"], run["loss_value"]) == ("", "", "")
    layers = table(lines.layer_lines(plan, outcomes))
    assert [row["std"] for row in layers] == ["1.0", "inf", "nan"]  # layers 3 and 4 have no row
    assert {row["grad_std"] for row in layers} == {""}


def test_a_gradient_that_is_nan_is_not_an_empty_cell(plan_of):
    plan = plan_of(depth=2)
    outcomes = [Outcome("ok", measurement([1.0, 1.0], [math.nan, 0.5]), seconds=0.1)]
    (run,) = table(lines.run_lines(plan, outcomes))
    assert (run["grad_std_first"], run["grad_std_last"]) == ("nan", "0.5")
    assert run["backward_verdict"] == "nan"
    assert [row["grad_std"] for row in table(lines.layer_lines(plan, outcomes))] == ["nan", "0.5"]


def test_pandas_reads_verdicts_of_nan_as_words(plan_of, tmp_path):
    plan = plan_of(depth=2)
    m = measurement([1.0, math.nan], None, onset=1, reason="layer 1: nan")
    store.prepare(tmp_path, plan).publish(plan, [Outcome("ok", m, seconds=0.1)], NOW)
    results = read_results(tmp_path / plan.spec.head.name)
    assert results.runs["forward_verdict"].tolist() == ["nan"]
    assert results.runs["backward_verdict"].tolist() == [""]
    assert math.isnan(results.runs["std_last"][0])
    assert results.layers["std"].tolist()[0] == 1.0


# publishing -------------------------------------------------------------------------------------


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_publishing_writes_four_files_that_can_be_read(measured, tmp_path):
    plan, outcomes = measured
    folder = store.prepare(tmp_path, plan)
    folder.publish(plan, outcomes, NOW)
    assert set(contents(folder.path)) == set(store.OURS)
    provenance = json.loads((folder.path / "provenance.json").read_text())
    assert provenance["started"] == "2024-01-02T00:00:00+00:00"
    assert yaml.safe_load((folder.path / "spec.yaml").read_text()) == plan.spec.resolved()
    assert len(read_results(folder.path).layers) == 4
    assert store.open_folder(folder.path).finished() == 2


def test_the_saved_spec_reads_back_to_the_same_runs(plan_of, tmp_path):
    plan = plan_of(
        name="7", about="nän: [1]", seeds=[3, 1], init=["he", {"scheme": "normal", "std": 1e-5}],
        thresholds={"vanishing": 1e-30}, cases=[{"shape": [4, 2]}, {"bias": {"std": [1e22, 2]}}],
    )  # fmt: skip
    saved = tmp_path / "any.yaml"
    saved.write_text(store.spec_text(plan), encoding="utf-8")
    again = load_plan(saved)
    assert again.runs == plan.runs
    assert again.spec.head == plan.spec.head
    assert store.spec_text(again) == store.spec_text(plan)


@pytest.mark.parametrize("name", store.OURS)
def test_a_write_that_fails_leaves_the_old_file_and_no_other(measured, tmp_path, monkeypatch, name):
    plan, outcomes = measured
    folder = store.prepare(tmp_path, plan)
    folder.publish(plan, outcomes, NOW)
    before = contents(folder.path)
    fsync = os.fsync

    def full(descriptor):
        if name in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match=f"{name}: cannot be written: No space left") as error:
        folder.publish(plan, list(reversed(outcomes)), NOW)
    assert error.value.exit_code == 74
    after = contents(folder.path)
    assert after[name] == before[name]
    assert set(after) == set(before)


def test_a_reader_never_sees_half_a_file(measured, tmp_path, monkeypatch):
    plan, outcomes = measured
    folder = store.prepare(tmp_path, plan)
    folder.publish(plan, outcomes, NOW)
    whole = folder.runs_csv.read_bytes()
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(folder.runs_csv.read_bytes()))
    folder.publish(plan, outcomes, NOW)
    assert set(seen) == {whole}


# preparing --------------------------------------------------------------------------------------


def saved(plan, root):
    """A folder with results of a plan."""
    folder = store.prepare(root, plan)
    folder.publish(plan, sweep.run(plan)[0], NOW)
    folder.release()
    return folder.path


def test_a_folder_is_made_with_all_above_it(plan_of, tmp_path):
    folder = store.prepare(tmp_path / "a/b", plan_of(name="c"))
    assert folder.path == tmp_path / "a/b/c"
    assert list(folder.path.iterdir()) == []


def test_results_of_the_same_spec_may_be_replaced(plan_of, tmp_path):
    path = saved(plan_of(), tmp_path)
    assert store.prepare(tmp_path, plan_of()).path == path
    assert set(contents(path)) == set(store.OURS)


@pytest.mark.parametrize(
    "fields", [{"seeds": 2}, {"about": "else"}, {"init": "he"}, {"thresholds": {"vanishing": 0.5}}]
)
def test_results_of_another_spec_are_kept(plan_of, tmp_path, fields):
    path = saved(plan_of(), tmp_path)
    before = contents(path)
    with pytest.raises(FolderError, match="another spec") as error:
        store.prepare(tmp_path, plan_of(**fields))
    assert "--fresh" in error.value.fix
    assert contents(path) == before


@pytest.mark.parametrize("name", ["notes.txt", "runs.csv.bak", "sub"])
def test_foreign_files_are_kept(plan_of, tmp_path, name):
    path = saved(plan_of(), tmp_path)
    (path / name).write_text("mine")
    with pytest.raises(FolderError, match=f"'{name}', which initlab did not write"):
        store.prepare(tmp_path, plan_of())
    assert (path / name).read_text() == "mine"


def test_runs_without_a_spec_are_not_replaced(plan_of, tmp_path):
    path = saved(plan_of(), tmp_path)
    (path / "spec.yaml").unlink()
    with pytest.raises(FolderError, match="another spec"):
        store.prepare(tmp_path, plan_of())


@pytest.mark.parametrize("kind", ["not utf-8", "a folder"])
def test_a_spec_that_cannot_be_read_is_another_spec(plan_of, tmp_path, kind):
    path = saved(plan_of(), tmp_path)
    (path / "spec.yaml").unlink()
    if kind == "a folder":
        (path / "spec.yaml").mkdir()
    else:
        (path / "spec.yaml").write_bytes(b"\xff")
    with pytest.raises(FolderError):
        store.prepare(tmp_path, plan_of())


def test_hidden_files_do_not_matter(plan_of, tmp_path):
    path = saved(plan_of(), tmp_path)
    (path / ".DS_Store").write_text("")
    store.prepare(tmp_path, plan_of())


def test_fresh_moves_everything_aside(plan_of, tmp_path):
    path = saved(plan_of(), tmp_path)
    before = contents(path)
    for number in (1, 2):
        store.prepare(tmp_path, plan_of(seeds=2), fresh=True).release()
        assert list(path.iterdir()) == []
        assert contents(tmp_path / "spec.old-1") == before
        assert (tmp_path / f"spec.old-{number}").exists()


def test_fresh_has_nothing_to_move_at_first(plan_of, tmp_path):
    store.prepare(tmp_path, plan_of(), fresh=True)
    assert {path.name for path in tmp_path.iterdir()} == {"spec", ".spec.lock"}


def test_fresh_does_not_move_what_a_sweep_did_not_write(plan_of, tmp_path):
    path = saved(plan_of(), tmp_path)
    (path / "notes.txt").write_text("mine")
    with pytest.raises(FolderError, match=r"notes\.txt"):
        store.prepare(tmp_path, plan_of(), fresh=True)
    assert (path / "notes.txt").read_text() == "mine"


def test_a_folder_being_written_is_not_handed_out_again(plan_of, tmp_path):
    first = store.prepare(tmp_path, plan_of())
    with pytest.raises(FolderInUse) as caught:
        store.prepare(tmp_path, plan_of())
    assert caught.value.exit_code == 4
    first.release()
    store.prepare(tmp_path, plan_of()).release()


def test_a_sweep_cut_short_does_not_replace_a_more_complete_one(plan_of, tmp_path):
    plan = plan_of(seeds=2)
    path = saved(plan, tmp_path)
    before = (path / "runs.csv").read_bytes()
    folder = store.prepare(tmp_path, plan)
    short = [Outcome("interrupted")] * 2
    assert folder.publish(plan, short, datetime.now(UTC)) is False
    assert (path / "runs.csv").read_bytes() == before


def test_results_of_other_input_data_are_not_replaced(plan_of, tmp_path):
    file = tmp_path / "x.npy"
    np.save(file, np.ones((16, 4)))
    fields = {"input": {"name": "file", "path": str(file)}}
    store.prepare(tmp_path, plan_of(**fields)).release()
    saved(plan_of(**fields), tmp_path)
    np.save(file, np.zeros((16, 4)))
    with pytest.raises(FolderError, match="other input data"):
        store.prepare(tmp_path, plan_of(**fields))


@pytest.mark.parametrize("root", ["file", "file/below", "dangling", "/proc/none", "/dev/full"])
def test_a_folder_that_cannot_be_is_refused(plan_of, tmp_path, root):
    (tmp_path / "file").write_text("x")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere/at/all")
    with pytest.raises(FolderError, match="cannot be written") as error:
        store.prepare(tmp_path / root, plan_of())
    assert "--no-save" in error.value.fix


def test_a_file_in_the_folder_s_place_is_kept(plan_of, tmp_path):
    (tmp_path / "spec").write_text("mine")
    with pytest.raises(FolderError):
        store.prepare(tmp_path, plan_of())
    assert (tmp_path / "spec").read_text() == "mine"


def test_a_read_only_folder_is_refused_before_the_sweep(plan_of, tmp_path, monkeypatch):
    path = store.prepare(tmp_path, plan_of()).path

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.touch", refuse)  # permissions do not bind root
    with pytest.raises(FolderError, match="Permission denied"):
        store.prepare(tmp_path, plan_of())


# opening ----------------------------------------------------------------------------------------


def test_a_folder_without_results_is_refused(plan_of, tmp_path):
    with pytest.raises(FolderError, match="no such folder"):
        store.open_folder(tmp_path / "none")
    with pytest.raises(FolderError, match=r"holds no runs\.csv"):
        store.open_folder(tmp_path)
    path = saved(plan_of(), tmp_path)
    (path / "layers.csv").unlink()
    with pytest.raises(FolderError, match=r"layers\.csv"):
        store.open_folder(path)


@pytest.mark.parametrize("text", [b"", b"[1]", b"about: [", b"\xff", b"name: x"])
def test_a_folder_without_a_readable_spec_is_about_nothing(plan_of, tmp_path, text):
    path = saved(plan_of(about="something"), tmp_path)
    assert store.open_folder(path).about() == "something"
    (path / "spec.yaml").write_bytes(text)
    assert store.open_folder(path).about() == ""
