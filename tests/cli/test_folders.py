"""status, verify, rerun, export and merge, failures and signals: what becomes of a folder."""

import csv
import io
import json
import os
import re
import shutil
import signal
import sqlite3

import numpy as np
import pandas as pd
import psutil
import pytest
from helpers import timeless
from processes import Command, run
from typer.testing import CliRunner

from initlab.cli.app import build
from initlab.store.folder import Folder
from initlab.store.writable import open_for_writing

SPEC = """\
name: kept
depth: 3
width: 20
activation: [tanh, relu_squared]
init: [{scheme: normal, std: 2}, {scheme: xavier_normal, gain: [1, tanh]}]
bias: [none, {std: 0.5}]
seeds: 4
band: 20
"""
RUNS = 48
LONG = (
    SPEC.replace("kept", "long").replace("seeds: 4", "seeds: 40").replace("depth: 3", "depth: 30")
)


def initlab(*arguments):
    result = CliRunner().invoke(build(), [*map(str, arguments)])
    assert "Traceback" not in result.stderr, result.stderr
    return result


@pytest.fixture(scope="module")
def swept_once(tmp_path_factory):
    root = tmp_path_factory.mktemp("kept")
    (root / "kept.yaml").write_text(SPEC)
    assert initlab("sweep", root / "kept.yaml", "--out", root / "results").exit_code == 0
    return root


@pytest.fixture
def root(swept_once, tmp_path):
    shutil.copytree(swept_once, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def kept(root):
    return root / "results/kept"


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def change(path, statement):
    with sqlite3.connect(path / "journal.sqlite") as db:
        db.execute(statement)
    db.close()


# status -----------------------------------------------------------------------------------------


def test_status_of_a_sweep_that_is_done(kept):
    done = initlab("status", kept)
    assert done.exit_code == 0
    (row,) = rows(done.stdout)
    assert row == {
        "spec": "kept", "runs": str(RUNS), "ok": str(RUNS), "failed": "0", "todo": "0",
        "bands_todo": "0", "last_ended": "done", "writer": "",
    }  # fmt: skip


def test_status_while_somebody_writes_and_after_that_was_killed(root):
    spec = root / "long.yaml"
    spec.write_text(LONG.replace("depth: 30", "depth: 300"))
    command = Command("sweep", spec, "--jobs", 2, cwd=root)
    path = root / "results/long"
    assert command.until(lambda: ok_of(path) > 5)
    (row,) = json.loads(initlab("status", path, "--format", "json").stdout)
    assert row["runs"] == 480
    assert 5 < row["ok"] < 480
    assert row["ok"] + row["todo"] == 480
    assert row["last_ended"] is None
    assert row["writer"].startswith(f"process {command.pid} on ")
    assert row["writer"].endswith(f"initlab sweep {spec} --jobs 2")
    # a second driver is told whom to wait for; reading goes on
    second = initlab("sweep", spec, "--out", root / "results")
    assert second.exit_code == 4
    assert f"is being written by process {command.pid} on " in second.stderr
    for name in ("verify", "export"):
        refused = initlab(name, path)
        assert refused.exit_code == 4
        assert f"process {command.pid} on " in refused.stderr
    command.send(signal.SIGKILL)
    command.wait()
    (row,) = json.loads(initlab("status", path, "--format", "json").stdout)
    assert (row["last_ended"], row["writer"]) == ("broke off", None)
    # what is there can be published, and is sound
    assert "initlab export" in initlab("show", path).stderr
    assert initlab("export", path).exit_code == 0
    assert initlab("verify", path).exit_code == 0
    open_published = rows(initlab("show", path).stdout)
    assert len(open_published) == 480
    assert {r["status"] for r in open_published} == {"ok", "interrupted"}
    assert [r["status"] for r in open_published].count("ok") == row["ok"]


def ok_of(path):
    if not (path / "journal.sqlite-wal").exists():
        return 0
    try:
        (row,) = json.loads(initlab("status", path, "--format", "json").stdout)
    except ValueError:  # the journal is being made
        return 0
    return row["ok"]


@pytest.mark.parametrize("command", ["status", "verify", "export", "rerun", "merge"])
def test_what_is_no_results_folder_is_refused(tmp_path, command):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage/journal.sqlite").write_bytes(os.urandom(9000))
    more = ["0"] if command == "rerun" else []
    for name in ("none", "empty", "file", "garbage"):
        done = initlab(command, tmp_path / name, *more)
        assert done.exit_code == 2, (name, done.stderr)
        assert str(tmp_path / name) in done.stderr
        assert "fix: " in done.stderr
        assert done.stdout == ""


# verify -----------------------------------------------------------------------------------------


def test_a_sound_folder_is_said_to_be(kept):
    done = initlab("verify", kept)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"kept: sound; {RUNS} runs ok, 0 failed, 0 to do\n"


DAMAGE = {
    "a digit": ("layers.csv", lambda text: text[:9000] + "9" + text[9001:]),
    "a row twice": ("runs.csv", lambda text: text + text.splitlines(True)[-1]),
    "a row less": ("runs.csv", lambda text: "".join(text.splitlines(True)[:-1])),
    "two rows changed": ("runs.csv", lambda text: "\n".join(reversed(text.split("\n")))),
    "empty": ("layers.csv", lambda _: ""),
    "other lines": ("runs.csv", lambda text: text.replace("\n", "\r\n")),
    "spec": ("spec.yaml", lambda text: text.replace("width: 20", "width: 21")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_changed_file_is_found_and_exported_again(kept, damage):
    name, changed = DAMAGE[damage]
    before = (kept / name).read_text()
    (kept / name).write_text(changed(before), newline="")
    done = initlab("verify", kept)
    assert done.exit_code == 1
    (row,) = rows(done.stdout)
    assert (row["spec"], row["file"]) == ("kept", name)
    assert f"fix: initlab export {kept}" in done.stderr
    assert initlab("export", kept).exit_code == 0
    assert (kept / name).read_text() == before
    assert initlab("verify", kept).exit_code == 0


def test_the_line_of_a_change_is_named(kept):
    lines = (kept / "layers.csv").read_text().splitlines(True)
    lines[76] = lines[76].replace(",", ";", 1)
    (kept / "layers.csv").write_text("".join(lines))
    (row,) = rows(initlab("verify", kept).stdout)
    assert row["problem"] == "line 77: not as in the journal"


@pytest.mark.parametrize("name", ["runs.csv", "layers.csv", "spec.yaml"])
def test_a_missing_file_is_found(kept, name):
    (kept / name).unlink()
    (row,) = rows(initlab("verify", kept).stdout)
    assert (row["file"], row["problem"]) == (name, "No such file or directory")


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE layers SET std = 1.5 WHERE run = 7 AND layer = 2", "the numbers of run 6"),
        ("UPDATE runs SET loss_value = 0.5 WHERE number = 9", "the numbers of run 9"),
        ("DELETE FROM layers WHERE run = 7 AND layer = 2", "the numbers of run 6"),
        ("DELETE FROM band_layers WHERE layer = 0", "the numbers of bands "),
        ("UPDATE points SET chi_1 = 1", "the numbers of points "),
        ("INSERT INTO layers (run, layer) VALUES (999, 0)", "a row of layers belongs to no row"),
    ],
)
def test_a_changed_journal_is_found_and_mended_by_the_same_sweep(root, kept, statement, problem):
    before = timeless(kept)
    change(kept, statement)
    done = initlab("verify", kept)
    assert done.exit_code == 1
    assert rows(done.stdout)[0]["problem"].startswith(problem)
    assert initlab("sweep", root / "kept.yaml", "--out", root / "results").exit_code == 0
    assert timeless(kept) == before


def test_a_page_that_was_overwritten_is_found_and_mended(root, kept):
    before = timeless(kept)
    data = bytearray((kept / "journal.sqlite").read_bytes())
    data[20480:24576] = os.urandom(4096)
    (kept / "journal.sqlite").write_bytes(data)
    done = initlab("verify", kept)
    assert done.exit_code == 1
    assert {row["file"] for row in rows(done.stdout)} == {"journal.sqlite"}
    assert f"fix: initlab sweep {kept / 'spec.yaml'} --out {kept.parent}\n" in done.stderr
    export = initlab("export", kept)
    assert export.exit_code == 2
    assert "the same sweep command again" in export.stderr
    assert (kept / "journal.sqlite").read_bytes()[100:] == bytes(data)[100:]
    assert initlab("sweep", kept / "spec.yaml", "--out", kept.parent).exit_code == 0
    assert timeless(kept) == before


# rerun ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 7, 30, RUNS - 1])
def test_a_run_is_the_same_again_bit_for_bit(kept, number):
    done = initlab("rerun", kept, number)
    assert done.exit_code == 0
    (row,) = rows(done.stdout)
    with (kept / "layers.csv").open() as file:
        layers = [r for r in csv.DictReader(file) if r["run"] == str(number)]
    biased = "1" if layers[0]["bias"] else ""
    gradients = 3 if biased else 2
    assert row["numbers"] == str(
        len(layers) * (10 + (gradients if layers[0]["grad_std"] else 0)) + 1
    )
    assert (row["was"], row["now"], row["differing"], row["changed"]) == ("ok", "ok", "0", "")


def test_a_run_that_differs_says_where_and_what_has_changed(kept):
    with sqlite3.connect(kept / "journal.sqlite") as db:
        (text,) = db.execute("SELECT description FROM environments").fetchone()
        other = json.dumps(json.loads(text) | {"torch": "1.0", "processor": "abacus"})
        db.execute("UPDATE environments SET description = ?", (other,))
    db.close()
    same = initlab("rerun", kept, 3)
    assert same.exit_code == 0
    assert "torch was 1.0, is " in rows(same.stdout)[0]["changed"]
    from initlab.store import tables

    with sqlite3.connect(kept / "journal.sqlite") as db:
        (run_id,) = db.execute("SELECT id FROM runs WHERE number = 3").fetchone()
        db.execute(
            "UPDATE layers SET rms = rms * (1 + 1e-9) WHERE run = ? AND layer > 0", (run_id,)
        )
        found = db.execute(
            "SELECT * FROM layers WHERE run = ? ORDER BY layer", (run_id,)
        ).fetchall()
        onset, loss = db.execute(
            "SELECT nan_onset, loss_value FROM runs WHERE id = ?", (run_id,)
        ).fetchone()
        digest = tables.digest(("ok", onset, loss), tables.restored([row[2:] for row in found]))
        db.execute("UPDATE runs SET digest = ? WHERE id = ?", (digest, run_id))
    db.close()
    differs = initlab("rerun", kept, 3)
    assert differs.exit_code == 1
    (row,) = rows(differs.stdout)
    assert (row["differing"], row["first"]) == ("2", "rms of layer 1")
    assert float(row["largest_relative_difference"]) == pytest.approx(1e-9, rel=1e-4)
    assert "torch was 1.0, is " in differs.stderr
    assert "processor was abacus" in differs.stderr
    # and a sweep that reuses such runs says so
    more = initlab("sweep", kept / "spec.yaml", "--out", kept.parent, "--set", "seeds=5")
    assert "48 runs that are reused may differ in their last digits" in more.stderr
    assert "torch was 1.0" in more.stderr


def test_a_run_that_is_not_there_is_refused(kept):
    done = initlab("rerun", kept, RUNS)
    assert done.exit_code == 2
    assert f"has no run {RUNS}, only 0 to {RUNS - 1}" in done.stderr


# failures ---------------------------------------------------------------------------------------


@pytest.fixture
def no_relu(monkeypatch):
    import torch

    relu = torch.relu

    def fail(*_, **__):
        raise RuntimeError("no relu today")

    monkeypatch.setattr("torch.relu", fail)
    return lambda: monkeypatch.setattr("torch.relu", relu)


def test_failures_are_printed_repeated_and_retried(root, no_relu):
    spec = root / "f.yaml"
    spec.write_text("name: f\ndepth: 3\nwidth: 4\nactivation: [tanh, relu]\ninit: he\nseeds: 3\n")
    sweep = ["sweep", spec, "--out", root / "results"]
    done = initlab(*sweep)
    assert done.exit_code == 1
    folder = root / "results/f"
    for number in (3, 4, 5):
        assert f"f run {number} (activation=relu, seed={number - 3}) failed: Runtime" in done.stderr
        assert f"again: initlab rerun {folder} {number}\n" in done.stderr
    assert "f: 3 of 6 runs failed" in done.stderr
    again = CliRunner().invoke(build(), ["rerun", str(folder), "4"])
    assert again.exit_code == 1
    assert "Traceback" in again.stderr  # of the run, which is what was asked for
    assert "f run 4 fails: RuntimeError: no relu today" in again.stderr
    # the same command does not repeat them, and does not hide them
    same = initlab(*sweep)
    assert same.exit_code == 1
    assert "6 of them known already" in same.stderr
    assert "f run 3 (activation=relu, seed=0) failed: RuntimeError: no relu today" in same.stderr
    assert rows(same.stdout) == rows(done.stdout)
    no_relu()  # is over
    fine = initlab("rerun", folder, 4)
    assert fine.exit_code == 0
    assert "--retry-failed takes it over" in fine.stderr
    retried = initlab(*sweep, "--retry-failed")
    assert retried.exit_code == 0
    assert [row["status"] for row in rows(retried.stdout)] == ["ok"] * 6
    with sqlite3.connect(folder / "journal.sqlite") as db:
        attempts = db.execute(
            "SELECT number, group_concat(attempts.status) FROM attempts JOIN runs ON runs.id = run"
            " GROUP BY number"
        ).fetchall()
    db.close()
    assert attempts == [(n, "ok") for n in range(3)] + [(n, "failed,ok") for n in range(3, 6)]


@pytest.mark.parametrize(("options", "most"), [(["--fail-fast"], 1), (["--max-failures", "2"], 2)])
def test_a_sweep_may_stop_at_failures(root, no_relu, options, most):
    spec = root / "f.yaml"
    spec.write_text("name: f\ndepth: 9\nwidth: 4\nactivation: relu\ninit: he\nseeds: 90\n")
    done = initlab("sweep", spec, "--out", root / "results", "--jobs", "1", *options)
    assert done.exit_code == 1
    assert f"stopped after {most} failed run" in done.stderr
    statuses = [row["status"] for row in rows(done.stdout)]
    assert most <= statuses.count("failed") < 20
    assert statuses.count("interrupted") == 90 - statuses.count("failed")
    no_relu()  # is over
    done = initlab("sweep", spec, "--out", root / "results", "--retry-failed")
    assert done.exit_code == 0
    assert [row["status"] for row in rows(done.stdout)] == ["ok"] * 90


def test_many_failures_are_not_many_pages(root, no_relu):
    spec = root / "f.yaml"
    spec.write_text("name: f\ndepth: 1\nwidth: 4\nactivation: relu\ninit: he\nseeds: 90\n")
    done = initlab("sweep", spec, "--no-save")
    assert done.exit_code == 1
    assert done.stderr.count(" failed: RuntimeError") == 20  # ten at once, and ten of the rest
    assert "... and 70 more" in done.stderr
    for again in ("initlab rerun", "--retry-failed"):
        assert again not in done.stderr  # nothing is there to be run again


# export and merge -------------------------------------------------------------------------------


def test_parquet_is_what_csv_says_with_types(kept):
    done = initlab("export", kept, "--format", "parquet")
    assert done.exit_code == 0, done.stderr
    for name in ("runs", "layers"):
        table = pd.read_parquet(kept / f"{name}.parquet", dtype_backend="pyarrow")
        with (kept / f"{name}.csv").open(newline="") as file:
            expected = list(csv.DictReader(file))
        assert list(table.columns) == list(expected[0])
        for column in table.columns:
            values = table[column].tolist()
            for value, row in zip(values, expected, strict=True):
                text = row[column]
                if text == "":
                    assert value is None or value is pd.NA
                elif isinstance(value, float):
                    assert value == float(text) or (np.isnan(value) and text == "nan")
                else:
                    assert str(value) == text
    kinds = pd.read_parquet(kept / "runs.parquet", dtype_backend="pyarrow").dtypes.astype(str)
    assert kinds["seed"].startswith("int64")
    assert kinds["nan_onset"].startswith("int64")
    assert kinds["std_last"].startswith("double")
    assert initlab("verify", kept).exit_code == 0
    # tables of an earlier spec would be taken for those of this one
    assert initlab("sweep", kept.parents[1] / "kept.yaml", "--out", kept.parent).exit_code == 0
    assert not (kept / "runs.parquet").exists()


def test_without_pyarrow_parquet_says_what_to_install(kept, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = initlab("export", kept, "--format", "parquet")
    assert done.exit_code == 2
    assert "fix: pip install pyarrow" in done.stderr


@pytest.fixture(scope="module")
def parts(swept_once, tmp_path_factory):
    out = tmp_path_factory.mktemp("parts")
    for k in (1, 2, 3):
        done = initlab("sweep", swept_once / "kept.yaml", "--part", f"{k}/3", "--out", out)
        assert done.exit_code == 0, done.stderr
    return [out / f"kept.part-{k}-of-3" for k in (1, 2, 3)]


def test_parts_share_out_every_run_and_band(parts, kept):
    numbers = [int(row["run"]) for path in parts for row in rows((path / "runs.csv").read_text())]
    assert sorted(numbers) == list(range(RUNS))
    whole = Folder(kept).journal()
    found = [Folder(path).journal() for path in parts]
    names = [{n for (n,) in journal.rows("SELECT name FROM bands")} for journal in found]
    assert set.union(*names) == {n for (n,) in whole.rows("SELECT name FROM bands")}
    assert sum(map(len, names)) == len(set.union(*names))
    assert min(map(len, names)) > 0
    for journal in [whole, *found]:
        journal.close()
    for path in parts:
        assert initlab("verify", path).exit_code == 0


def test_merged_parts_are_the_sweep_in_one_go(parts, kept, tmp_path):
    done = initlab("merge", *reversed(parts), "--out", tmp_path)
    assert done.exit_code == 0
    assert done.stderr == f"kept: {RUNS} runs ok in {tmp_path / 'kept'}/\n"
    assert timeless(tmp_path / "kept") == timeless(kept)
    assert (tmp_path / "kept/spec.yaml").read_bytes() == (kept / "spec.yaml").read_bytes()
    assert initlab("verify", tmp_path / "kept").exit_code == 0
    assert len(json.loads((tmp_path / "kept/provenance.json").read_text())["earlier"]) == 2
    again = initlab("sweep", kept.parents[1] / "kept.yaml", "--out", tmp_path)
    assert f"{RUNS} of them known already" in again.stderr


def test_a_part_that_is_not_finished_leaves_its_runs_to_do(parts, kept, root, tmp_path):
    folder = open_for_writing(tmp_path, "kept.part-2-of-3")
    folder.close()
    copied = tmp_path / parts[1].name
    shutil.copy(parts[1] / "journal.sqlite", copied / "journal.sqlite")
    change(copied, "UPDATE runs SET status = 'todo' WHERE id % 2 = 0")
    done = initlab("merge", parts[0], copied, parts[2], "--out", tmp_path)
    assert done.exit_code == 0
    todo = int(re.search(r"(\d+) to do", done.stderr)[1])
    assert 0 < todo < RUNS / 2
    finished = initlab("sweep", root / "kept.yaml", "--out", tmp_path)
    assert f"{RUNS - todo} of them known already" in finished.stderr
    assert timeless(tmp_path / "kept") == timeless(kept)


def test_parts_that_do_not_fit_are_refused(parts, kept, root, tmp_path):
    cases = [
        ([kept], f"{kept}: is no part of a sweep"),
        ([parts[0]], "kept: lacks parts 2, 3 of 3"),
        ([parts[0], parts[1]], "kept: lacks part 3 of 3"),
        ([parts[0], parts[0], *parts[1:]], "is the same part as"),
    ]
    for other in (["--set", "depth=4", "--part", "3/3"], ["--part", "2/4"]):
        done = initlab("sweep", root / "kept.yaml", *other, "--out", tmp_path / "other")
        assert done.exit_code == 0
    cases.append(
        ([*parts[:2], tmp_path / "other/kept.part-3-of-3"], "is of another sweep, or cut otherwise")
    )
    cases.append(([*parts, tmp_path / "other/kept.part-2-of-4"], "cut otherwise"))
    for given, message in cases:
        done = initlab("merge", *given, "--out", tmp_path / "merged")
        assert done.exit_code == 2
        assert message in done.stderr
    assert not (tmp_path / "merged").exists()


def test_parts_of_other_data_are_not_joined(root, tmp_path):
    samples = np.random.default_rng(0).normal(size=(16, 20))
    for part in (1, 2):
        np.save(root / "x.npy", part * samples)
        given = ["--set", f"input={{name: file, path: {root / 'x.npy'}}}", "--part", f"{part}/2"]
        assert initlab("sweep", root / "kept.yaml", *given, "--out", tmp_path).exit_code == 0
    done = initlab("merge", *tmp_path.glob("kept.part-*"), "--out", tmp_path)
    assert done.exit_code == 2
    assert "with another content of" in done.stderr
    rerun = initlab("rerun", tmp_path / "kept.part-1-of-2", 0)
    assert rerun.exit_code == 2
    assert "x.npy: has changed since run 0 was measured" in rerun.stderr


def test_what_fresh_moved_aside_is_not_merged(parts, tmp_path):
    copies = [tmp_path / part.name for part in parts]
    for part, copy in zip(parts, copies, strict=True):
        shutil.copytree(part, copy)
    shutil.copytree(parts[0], tmp_path / f"{parts[0].name}.old-1")
    done = initlab("merge", *tmp_path.glob("kept.part-*"), "--out", tmp_path)
    assert done.exit_code == 0
    assert "1 folders that --fresh moved aside are left out" in done.stderr
    assert initlab("merge", *copies, "--out", tmp_path).exit_code == 0
    assert len(json.loads((tmp_path / "kept/provenance.json").read_text())["earlier"]) == 2


@pytest.mark.parametrize("part", ["0/3", "4/3", "1", "a/b", "1/2/3", "-1/2", "1/1000"])
def test_a_part_that_cannot_be_is_refused(root, part):
    done = initlab("sweep", root / "kept.yaml", "--part", part, "--out", root / "none")
    assert done.exit_code == 2
    assert f"--part {part}" in done.stderr
    assert not (root / "none").exists()


# signals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_finishes_publishes_and_a_second_ends_at_once(root, signum, code):
    spec, path = root / "long.yaml", root / "results/long"
    spec.write_text(LONG)
    command = Command("sweep", spec, "--jobs", 2, cwd=root)
    assert command.until(lambda: ok_of(path) > 5)
    command.send(signum)
    assert command.wait(30) == code
    assert f"stopped by {'Ctrl-C' if code == 130 else 'SIGTERM'}: " in command.stderr()
    assert "fix: the same command continues" in command.stderr()
    open_published = rows((path / "runs.csv").read_text())
    assert initlab("verify", path).exit_code == 0
    done = [row["status"] for row in open_published].count("ok")
    assert 5 < done < 480
    # one network that takes long: the first signal waits for it, the second does not
    spec.write_text(LONG.replace("depth: 30", "depth: 3000").replace("width: 20", "width: 900"))
    before = (path / "runs.csv").read_bytes()
    command = Command("sweep", spec, "--jobs", 1, "--set", "seeds=1", "--set", "band=0", cwd=root)
    assert command.until(lambda: " = 12 runs" in command.stderr())
    assert command.until(lambda: psutil.Process(command.pid).cpu_times().user > 3)
    command.send(signum)
    command.until(lambda: False, timeout=0.3)
    assert command.process.is_alive()
    command.send(signum)
    assert command.wait(30) == code
    assert "ended at once: what was finished is in the journal" in command.stderr()
    assert (path / "runs.csv").read_bytes() == before  # nothing was published
    (row,) = json.loads(initlab("status", path, "--format", "json").stdout)
    assert (row["last_ended"], row["writer"]) == ("broke off", None)


def test_a_signal_that_was_ignored_stays_so(root):
    # as in a job that a shell put into the background: Ctrl-C is not for it
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "from initlab.sweep.signals import listening\n"
        "with listening() as stop:\n"
        "    signal.raise_signal(signal.SIGINT); assert not stop.asked\n"
        "    signal.raise_signal(signal.SIGTERM); assert stop.signal == 15\n"
    )
    import subprocess
    import sys

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_cli_and_the_python_api_continue_each_other(root, kept):
    import initlab as api

    plan = api.load_plan(root / "kept.yaml", ["seeds=5"])
    results = api.run_plan(plan, jobs=2, out=root / "results")
    assert len(results.runs) == 60
    code, stdout, _ = run("status", kept, "--format", "json", cwd=root)
    assert code == 0
    assert json.loads(stdout)[0]["ok"] == 60
