"""Files published from the journal: whole, exact, and the same whenever they are published."""

import json
import os
from pathlib import Path

import pytest
import yaml
from helpers import in_memory, swept, timeless

from initlab import load_plan, read_results
from initlab.errors import DiskError
from initlab.store.files import LAYERS_CSV, RUNS_CSV
from initlab.store.opening import open_existing
from initlab.store.publish import publish, spec_text
from initlab.store.rows import lines
from initlab.sweep.signals import Stop

FILES = ["runs.csv", "layers.csv", "spec.yaml", "provenance.json"]
#: networks that turn nan, have biases or none, a theory or none, a band or none
SPEC = {
    "name": "mixed",
    "shape": [[32, 16, 32], [8] * 9],
    "activation": ["tanh", "relu_squared", {"name": "leaky_relu", "negative_slope": 0.2}],
    "init": ["he", "orthogonal", {"scheme": "normal", "std": 1e4}, "torch_default"],
    "loss": ["mse", "cross_entropy"],
    "seeds": 2,
    "band": 20,
}


def test_what_is_published_is_what_was_computed(tmp_path):
    plan = load_plan(SPEC)
    outcomes, _ = in_memory(plan)
    wanted = {RUNS_CSV: "", LAYERS_CSV: ""}
    for name, text in lines(plan, outcomes):
        wanted[name] += text
    path = swept(plan, tmp_path, jobs=2)
    assert (path / LAYERS_CSV).read_text() == wanted[LAYERS_CSV]
    (tmp_path / "wanted").mkdir()
    for name, text in wanted.items():
        (tmp_path / "wanted" / name).write_text(text)
    assert timeless(path) == timeless(tmp_path / "wanted")
    statuses = {row["forward_verdict"] for row in timeless(path)[0]}
    assert statuses >= {"nan", "steady"}


def test_publishing_again_changes_no_byte(tmp_path):
    path = swept(load_plan(SPEC), tmp_path)
    before = {name: (path / name).read_bytes() for name in FILES}
    for name in FILES:
        (path / name).unlink()
    folder = open_existing(path)
    publish(path, folder.writer)
    folder.close()
    assert {name: (path / name).read_bytes() for name in FILES} == before


def test_the_saved_spec_reads_back_to_the_same_runs(plan_of, tmp_path):
    plan = plan_of(
        name="7", about="nän: [1]", seeds=[3, 1], init=["he", {"scheme": "normal", "std": 1e-5}],
        thresholds={"vanishing": 1e-30}, cases=[{"shape": [4, 2]}, {"bias": {"std": [1e22, 2]}}],
    )  # fmt: skip
    saved = tmp_path / "any.yaml"
    saved.write_text(spec_text(plan), encoding="utf-8")
    again = load_plan(saved)
    assert again.runs == plan.runs
    assert again.head == plan.head
    assert spec_text(again) == spec_text(plan)
    assert yaml.safe_load(spec_text(plan)) == plan.data


def test_provenance_names_every_session_that_computed_something(plan_of, tmp_path):
    for seeds in (1, 1, 3):  # the second has nothing to do
        path = swept(plan_of(seeds=seeds), tmp_path)
    provenance = json.loads((path / "provenance.json").read_text())
    assert len(provenance["earlier"]) == 1
    assert provenance["pid"] == os.getpid()
    assert provenance["started"] <= provenance["finished"]
    assert provenance["ended"] == "done"
    (environment,) = provenance["environments"]
    assert environment["runs"] == 3
    assert {"initlab", "python", "torch", "numpy", "host", "processor"} <= set(environment)


def test_provenance_names_the_command_of_the_spec_that_is_published(plan_of, tmp_path, monkeypatch):
    commands = [["sweep", "prov.yaml"], ["sweep", "prov.yaml", "--set", "depth=2"]]
    for command, depth in zip([*commands, commands[0]], (4, 2, 4), strict=True):
        monkeypatch.setattr("sys.argv", ["initlab", *command])
        path = swept(plan_of(depth=depth), tmp_path)  # the third has nothing to compute
    provenance = json.loads((path / "provenance.json").read_text())
    assert provenance["command"][1:] == commands[0]
    assert [session["command"][1:] for session in provenance["earlier"]] == commands


@pytest.mark.parametrize("name", FILES)
def test_a_write_that_fails_leaves_every_old_file_and_no_other(
    plan_of, tmp_path, monkeypatch, name
):
    path = swept(plan_of(), tmp_path)
    before = {name: (path / name).read_bytes() for name in FILES}
    fsync = os.fsync

    def full(descriptor):
        if name in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(28, "No space left on device", name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match=f"{name}: cannot be written: No space left") as error:
        swept(plan_of(), tmp_path)
    assert error.value.exit_code == 74
    assert {name: (path / name).read_bytes() for name in FILES} == before
    assert {file.name for file in path.iterdir()} == {*FILES, "journal.sqlite"}


def test_a_reader_never_sees_half_a_file(plan_of, tmp_path, monkeypatch):
    path = swept(plan_of(), tmp_path)
    whole, seen = (path / "runs.csv").read_bytes(), set()
    monkeypatch.setattr(os, "fsync", lambda _: seen.add((path / "runs.csv").read_bytes()))
    swept(plan_of(), tmp_path)
    assert seen == {whole}


def test_what_was_not_reached_says_so(plan_of, tmp_path):
    stop = Stop()
    stop.ask("stopped by a test")
    path = swept(plan_of(seeds=2, width=32), tmp_path, stop=stop)
    runs = read_results(path).runs
    assert runs["status"].tolist() == ["interrupted"] * 2
    assert runs["reason"].tolist() == ["not reached yet; the same command continues"] * 2
    swept(plan_of(seeds=2, width=32), tmp_path)
    assert read_results(path).runs["reason"].tolist() == ["", ""]
