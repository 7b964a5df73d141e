"""`initlab sweep`: what it prints and saves, its exit codes, and every kind of bad input."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from initlab.cli.app import build

SPEC = """\
name: small
about: two activations
depth: 3
width: 4
activation: [tanh, relu]
init: {scheme: normal, std: 2}
seeds: 2
"""


def initlab(*arguments, stdin=None):
    """The command in this process, which has torch loaded already."""
    result = CliRunner().invoke(build(), ["sweep", *map(str, arguments)], input=stdin)
    assert "Traceback" not in result.stderr
    return result


def process(*arguments, **options):
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "initlab", "sweep", *map(str, arguments)],
        **{"capture_output": True, "timeout": 120, "check": False, **options},
    )


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def spec(folder):
    path = folder / "small.yaml"
    path.write_text(SPEC)
    return path


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def timeless(text):
    """Rows without the wall time, the one column that may differ."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows(text)]


# what comes out ---------------------------------------------------------------------------------


def test_a_pipe_gets_the_runs_as_csv_and_a_folder_gets_everything(spec, folder):
    done = initlab(spec)
    assert done.exit_code == 0
    saved = folder / "results/small"
    assert {path.name for path in saved.iterdir()} == {
        "runs.csv",
        "layers.csv",
        "spec.yaml",
        "provenance.json",
        "journal.sqlite",
    }
    assert done.stdout == (saved / "runs.csv").read_text()
    found = [
        (row["run"], row["activation"], row["seed"], row["status"]) for row in rows(done.stdout)
    ]
    assert found == [
        ("0", "tanh", "0", "ok"),
        ("1", "tanh", "1", "ok"),
        ("2", "relu", "0", "ok"),
        ("3", "relu", "1", "ok"),
    ]
    assert "small: 2 activation x 2 seeds = 4 runs" in done.stderr
    assert "results/small" in done.stderr


def test_layers_are_a_row_for_every_run_and_layer(spec, folder):
    done = initlab(spec, "--layers")
    assert done.stdout == (folder / "results/small/layers.csv").read_text()
    found = [(int(row["run"]), int(row["layer"])) for row in rows(done.stdout)]
    assert found == [(run, layer) for run in range(4) for layer in range(3)]
    assert {row["activation"] for row in rows(done.stdout)} == {"tanh", "relu"}


def test_without_saving_no_file_is_left(spec, folder):
    done = initlab(spec, "--no-save")
    assert done.exit_code == 0
    assert len(rows(done.stdout)) == 4
    assert [path.name for path in folder.iterdir()] == ["small.yaml"]


def test_a_spec_may_come_through_a_pipe(folder):
    done = initlab("-", "--no-save", "--layers", "--format", "jsonl", stdin=SPEC)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 12
    assert "small: " in done.stderr


def test_quiet_says_nothing(spec):
    assert initlab(spec, "--quiet").stderr == ""


def test_tables_hold_a_row_for_every_point(spec):
    markdown = initlab(spec, "--no-save", "--format", "md").stdout.splitlines()
    table = [line for line in markdown if line.startswith("|")]
    assert [line.split("|")[1].strip() for line in table] == [
        "activation",
        "---",
        "tanh",
        "relu",
    ]
    table = initlab(spec, "--no-save", "--format", "table").stdout
    assert table.startswith("small: two activations\n")
    assert "Medians over 2 seeds." in table
    assert "\x1b" not in table


def test_several_specs_are_one_table_with_a_column_that_tells_them_apart(spec, folder):
    other = folder / "other.yaml"
    other.write_text(SPEC.replace("small", "other").replace("normal, std: 2", "orthogonal"))
    done = initlab(spec, other, "--set", "seeds=1", "--no-save")
    found = [(r["spec"], r["run"], r["init.std"], r["init.gain"]) for r in rows(done.stdout)]
    assert found == [
        ("small", "0", "2.0", ""),
        ("small", "1", "2.0", ""),
        ("other", "0", "", "1.0"),
        ("other", "1", "", "1.0"),
    ]


@pytest.mark.parametrize("options", [("--format", "json"), ("--format", "jsonl", "--layers")])
def test_several_specs_are_one_table_of_json_too(spec, folder, options):
    other = folder / "other.yaml"
    other.write_text(SPEC.replace("small", "other"))
    done = initlab(spec, other, "--no-save", *options)
    assert done.exit_code == 0
    text = done.stdout
    found = json.loads(text) if text.startswith("[") else map(json.loads, text.splitlines())
    assert {(row["spec"], row["run"]) for row in found} == {
        (name, run) for name in ("small", "other") for run in range(4)
    }


def test_the_saved_spec_gives_the_same_numbers_again(spec, folder):
    first = initlab(spec, "--set", "dtype=[float32, float64]", "--set", "bias.std=0.1")
    saved = folder / "results/small/spec.yaml"
    again = initlab(saved, "--out", "again", "--jobs", "2")
    assert again.exit_code == 0
    assert timeless(again.stdout) == timeless(first.stdout)
    layers = [(folder / out / "small/layers.csv").read_bytes() for out in ("results", "again")]
    assert layers[0] == layers[1]


def test_an_override_is_saved_with_the_spec(spec, folder):
    initlab(spec, "--set", "init.std=3", "--set", "activation=elu")
    saved = yaml.safe_load((folder / "results/small/spec.yaml").read_text())
    assert saved["init"]["std"] == 3
    assert saved["activation"] == {"name": "elu", "alpha": 1.0}


def test_provenance_says_what_was_run_with_what(spec, folder):
    initlab(spec)
    provenance = json.loads((folder / "results/small/provenance.json").read_text())
    (environment,) = provenance["environments"]
    assert {"initlab", "python", "torch", "numpy"} <= set(environment)
    assert provenance["started"] <= provenance["finished"]
    assert provenance["git"] is None  # this folder is in no repository


def test_a_dry_run_computes_and_leaves_nothing(spec, folder):
    done = initlab(spec, "--dry-run", "--jobs", "1")
    (row,) = rows(done.stdout)
    assert done.exit_code == 0
    # two seeds draw 3 matrices of 4 x 4; 4 runs of 3 layers
    sizes = [row[name] for name in ("runs", "shares", "layers", "random_numbers")]
    assert sizes == ["4", "1", "12", "96"]
    # two points; of those whose networks are drawn whole a hundred do, unless more are asked for
    for settings, networks in (
        (["band=400"], "800"),
        (["band=0"], "0"),
        (["init=orthogonal"], "200"),
        (["init=orthogonal", "band.gradient=true"], "800"),
        (["init={scheme: sparse, sparsity: 0.5}"], "0"),
    ):
        given = [part for setting in settings for part in ("--set", setting)]
        assert rows(initlab(spec, "--dry-run", *given).stdout)[0]["simulated"] == networks
    assert not (folder / "results").exists()


# exit code 1 ------------------------------------------------------------------------------------

#: weights of 10 I: a linear signal grows tenfold a layer, a million-fold from layer 0 to layer 6
GROWS = ["--set", "depth=7", "--set", "init={scheme: identity, gain: 10}"]


def test_fail_on_names_the_runs_and_keeps_the_results(spec, folder):
    done = initlab(spec, *GROWS, "--set", "activation=[tanh, identity]", "--fail-on", "exploding")
    assert done.exit_code == 1
    assert "small run 2 (activation=identity, seed=0) is exploding" in done.stderr
    assert "small run 3 (activation=identity, seed=1) is exploding" in done.stderr
    verdicts = [row["forward_verdict"] for row in rows(done.stdout)]
    assert verdicts == ["steady", "steady", "exploding", "exploding"]
    assert (folder / "results/small/runs.csv").read_text() == done.stdout


@pytest.mark.parametrize(
    ("checks", "code"),
    [("nan", 0), ("forward.exploding", 1), ("nan, exploding", 1), ("vanishing", 0), ("", 0)],
)
def test_fail_on_looks_where_it_is_told(spec, checks, code):
    done = initlab(spec, *GROWS, "--set", "activation=identity", "--no-save", "--fail-on", checks)
    assert done.exit_code == code


def test_fail_on_takes_verdicts_only(spec):
    done = initlab(spec, "--fail-on", "nan,explodes")
    assert done.exit_code == 2
    assert "--fail-on explodes" in done.stderr
    assert "--fail-on exploding" in done.stderr  # the nearest
    assert done.stdout == ""


def test_a_failed_run_keeps_its_row_and_exits_1(spec, folder, monkeypatch):
    import numpy as np

    def fail(*_, **__):
        raise RuntimeError("no tanh today")

    monkeypatch.setattr(np, "tanh", fail)
    done = initlab(spec)
    assert done.exit_code == 1
    assert "small run 0 (activation=tanh, seed=0) failed: RuntimeError: no tanh" in done.stderr
    kept = rows((folder / "results/small/runs.csv").read_text())
    assert [row["status"] for row in kept] == ["failed", "failed", "ok", "ok"]
    assert kept[0]["reason"] == "RuntimeError: no tanh today"
    assert kept[0]["std_last"] == ""
    assert {row["run"] for row in rows((folder / "results/small/layers.csv").read_text())} == {
        "2",
        "3",
    }
    table = initlab(spec, "--no-save", "--format", "table")
    assert "failed" in table.stdout


def test_many_complaints_are_cut_and_counted(spec):
    overrides = [*GROWS, "--set", "activation=identity", "--set", "seeds=20"]
    done = initlab(spec, *overrides, "--no-save", "--fail-on", "forward.exploding")
    assert done.stderr.count(" is forward.exploding") == 10
    assert "... and 10 more" in done.stderr


# the results folder -----------------------------------------------------------------------------


def test_runs_of_an_earlier_spec_stay_in_the_journal(spec, monkeypatch):
    first = initlab(spec)
    done = initlab(spec, "--set", "depth=4")
    assert done.exit_code == 0
    assert "4 runs that were swept here before are not of this spec" in done.stderr
    assert "--set name=ANOTHER would keep both" in " ".join(done.stderr.split())
    assert {row["depth"] for row in rows(done.stdout)} == {"4"}
    monkeypatch.setattr("initlab.sweep.run.run_tasks", lambda *_, **__: pytest.fail("computed"))
    again = initlab(spec)
    assert again.exit_code == 0
    assert again.stdout == first.stdout  # to the last wall time
    assert "4 runs, 4 of them known already" in again.stderr


def test_fresh_moves_earlier_results_aside(spec, folder):
    first = initlab(spec).stdout
    second = initlab(spec, "--fresh", "--set", "depth=4").stdout
    third = initlab(spec, "--fresh", "--set", "depth=5").stdout
    results = folder / "results"
    assert [
        (results / name / "runs.csv").read_text()
        for name in ("small.old-1", "small.old-2", "small")
    ] == [first, second, third]


def test_a_folder_with_foreign_files_is_left_alone(spec, folder):
    mine = folder / "results/small/thesis.tex"
    mine.parent.mkdir(parents=True)
    mine.write_text("dear")
    done = initlab(spec)
    assert done.exit_code == 2
    assert "'thesis.tex', which initlab did not write" in done.stderr
    assert [path.name for path in mine.parent.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("out", ["small.yaml/below", "/proc/none", "/dev/null/x"])
def test_an_unwritable_folder_is_refused_before_anything_is_computed(spec, out, monkeypatch):
    monkeypatch.setattr("initlab.sweep.run.run_tasks", lambda *_, **__: pytest.fail("computed"))
    done = initlab(spec, "--out", out)
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr
    assert "--no-save" in done.stderr


@pytest.mark.parametrize("name", ["spec.yaml", "runs.csv", "layers.csv"])
@pytest.mark.parametrize("text", [b"\xff\xfe", b": [", None])
def test_a_file_that_was_broken_is_published_again(spec, folder, name, text):
    first = initlab(spec)
    file = folder / "results/small" / name
    before = file.read_bytes()
    file.unlink()
    if text is not None:
        file.write_bytes(text)
    done = initlab(spec)
    assert (done.exit_code, done.stdout) == (0, first.stdout)
    assert file.read_bytes() == before


# bad input, each as a real process --------------------------------------------------------------

BAD = {
    "no file": (["none.yaml"], ["none.yaml: no such file"]),
    "a folder": (["."], ["is a folder"]),
    "binary": (["binary.yaml"], ["binary.yaml:1: is not UTF-8 text"]),
    "empty": (["empty.yaml"], ["empty.yaml: is empty", "initlab new"]),
    "syntax": (["syntax.yaml"], ["syntax.yaml:2:6: is not valid YAML"]),
    "bomb": (["bomb.yaml"], ["through aliases"]),
    "duplicate keys": (["twice.yaml"], ["twice.yaml:8:1: the key 'depth' stands twice"]),
    "unknown key": (["small.yaml", "--set", "dpeth=3"], ["did you mean depth"]),
    "wrong type": (["small.yaml", "--set", "depth=deep"], ["needs a whole number, got 'deep'"]),
    "nan": (["small.yaml", "--set", "init.std=.nan"], ["needs a finite number, got nan"]),
    "negative": (["small.yaml", "--set", "depth=-1"], ["needs a number >= 1, got -1"]),
    "unknown scheme": (["small.yaml", "--set", "init=kaming_normal"], ["mean kaiming_normal"]),
    "unknown activation": (["small.yaml", "--set", "activation=tnah"], ["did you mean tanh"]),
    "gain without use": (["small.yaml", "--set", "init.gain=2"], ["normal has no 'gain'"]),
    "scheme lacks": (["small.yaml", "--set", "init=constant"], ["value"]),
    "no values": (["small.yaml", "--set", "depth=[]"], ["needs at least one value"]),
    "max runs": (
        ["small.yaml", "--max-runs", "3"],
        ["2 activation x 2 seeds = 4 runs", "--max-runs 4"],
    ),
    "memory": (
        ["small.yaml", "--set", "width=1000000", "--jobs", "1"],
        ["small: needs about ", "GiB of memory", "are free"],
    ),
    "occupied": (["small.yaml", "--out", "small.yaml"], ["cannot be written"]),
    "override": (["small.yaml", "--set", "depth"], ["--set depth: needs path=value"]),
    "second spec": (["small.yaml", "none.yaml"], ["none.yaml: no such file"]),
    "same name": (
        ["small.yaml", "copy.yaml"],
        ["small.yaml and copy.yaml are both named", "--set name=another"],
    ),
    "bytes": (["small.yaml", "--set", b"depth=\xff"], ["depth"]),
    "name": (["small.yaml", "--set", "name=../x"], ["needs letters, digits"]),
    "jobs": (["small.yaml", "--jobs", "0"], ["--jobs"]),
    "option": (["small.yaml", "--jbos", "2"], ["--jbos"]),
    "nothing": ([], ["specs"]),
}


@pytest.fixture
def files(spec, folder):
    (folder / "binary.yaml").write_bytes(bytes([0x93, 0x4E, 0x55, 0x4D]) * 100)
    (folder / "empty.yaml").write_bytes(b"")
    (folder / "syntax.yaml").write_text("depth: [1, 2\nwidth: 3\n")
    lines = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 20)]
    (folder / "bomb.yaml").write_text("\n".join(["a0: &a0 [x, x]", *lines]))
    (folder / "twice.yaml").write_text(SPEC + "depth: 4\n")
    (folder / "copy.yaml").write_text(SPEC)
    return {path.name for path in folder.iterdir()}


def refused(case, code, stdout, stderr):
    assert code == 2, stderr
    assert stdout == ""
    assert "Traceback" not in stderr
    for message in BAD[case][1]:
        assert message in stderr


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_message_and_exit_code_2(case, files, folder):
    done = initlab(*map(os.fsdecode, BAD[case][0]))
    refused(case, done.exit_code, done.stdout, done.stderr)
    assert {path.name for path in folder.iterdir()} == files  # nothing was made


# what a process adds: arguments in bytes, a parser that ends it, an error of ours
@pytest.mark.parametrize("case", ["bytes", "option", "unknown key", "memory"])
def test_a_process_ends_bad_input_likewise(case, files):
    command = [sys.executable, "-m", "initlab", "sweep", *BAD[case][0]]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    refused(case, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"\xff\xfe\x00d", "<stdin>:1: is not UTF-8 text"),
        (b"", "<stdin>: is empty"),
        (b"depth: 3\ndepht: 4", "<stdin>:2:1: depht"),
    ],
)
def test_bad_standard_input_is_refused(stdin, message):
    done = process("-", input=stdin)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_without_any_standard_input_a_spec_is_refused(folder):
    command = f'"{sys.executable}" -m initlab sweep - <&-'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_all_problems_of_a_spec_are_listed_at_once(folder):
    path = folder / "bad.yaml"
    path.write_text("depth: -1\nwidth: 4\nactivation: tnah\ninit: he\n")
    done = initlab(path)
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"initlab: {path}:1:1: depth: ")
    assert lines[1].startswith(f"{path}:3:1: activation: ")
    assert lines[2].startswith("  fix: ")


def test_memory_is_checked_for_every_spec_before_any_is_run(spec, folder, monkeypatch):
    monkeypatch.setattr("initlab.sweep.run.run_tasks", lambda *_, **__: pytest.fail("computed"))
    large = folder / "large.yaml"
    large.write_text(SPEC.replace("name: small", "name: large").replace("width: 4", "width: 9e5"))
    done = initlab(spec, large)
    assert done.exit_code == 2
    assert "large: needs about" in done.stderr
    assert not (folder / "results").exists()


@pytest.mark.parametrize(
    "about", ["a [0, 1] [/b] [bold] [link=x]", "1 {2} %s", "tab\tand\nline", ""]
)
def test_any_text_may_stand_above_a_table(folder, about):
    path = folder / "text.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(SPEC), "about": about}))
    done = initlab(path, "--no-save", "--set", "seeds=1", "--format", "table")
    assert done.exit_code == 0
    assert " ".join(about.split()) in " ".join(done.stdout.split())


@pytest.mark.parametrize("option", ["--format", "--jobs", "--max-runs"])
def test_an_option_with_a_wrong_value_is_refused(spec, option):
    done = initlab(spec, option, "x")
    assert done.exit_code == 2
    assert option in done.stderr


def test_a_spec_may_be_a_path_with_spaces(folder):
    path = Path("my specs/a b.yaml")
    path.parent.mkdir()
    path.write_text(SPEC)
    assert initlab(path, "--no-save").exit_code == 0


@pytest.mark.parametrize("part", [
    "0/3", "4/3", "1", "a/b", "1/2/3", "-1/2", "1/1000", "\u0661/\u0663", "1_0/2_0",
    f"1/{'1' * 5000}",
])  # fmt: skip
def test_a_part_that_cannot_be_is_refused(root, part):
    done = initlab(root / "kept.yaml", "--part", part, "--out", root / "none")
    assert done.exit_code == 2
    assert f"--part {part}" in done.stderr
    assert not (root / "none").exists()


def test_columns_that_a_spec_asks_for_can_be_shown(tmp_path):
    asked = ["band.gradient=true", "band.networks=20", "record=both+gradients"]
    options = [part for text in asked for part in ("--set", text)]
    names = ["predicted_grad_std_p50", "predicted_cosine_p90", "predicted_loss"]
    done = initlab(
        "-", "--no-save", *options, "--columns", ",".join(names), "--format", "csv", stdin=SPEC
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == names
    assert all(float(row[name]) for row in rows for name in names)
