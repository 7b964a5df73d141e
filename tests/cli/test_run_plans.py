"""Runs that fail: how a sweep says so, when it stops, and how it goes on."""

import sqlite3

import pytest
from commands import initlab, rows
from typer.testing import CliRunner

from initlab.cli.app import build


@pytest.fixture
def no_relu(monkeypatch):
    import torch

    relu = torch.clamp_min

    def fail(*_, **__):
        raise RuntimeError("no relu today")

    monkeypatch.setattr("torch.clamp_min", fail)
    return lambda: monkeypatch.setattr("torch.clamp_min", relu)


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
def test_a_sweep_may_stop_at_failures(monkeypatch, root, no_relu, options, most):
    monkeypatch.setattr("initlab.spec.shares.SEEDS_BYTES", 0)  # each seed a share of its own
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
