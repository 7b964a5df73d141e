"""`initlab rerun`: one run again, bit for bit, and what is said where it differs."""

import csv
import json
import sqlite3

import pytest
from commands import RUNS, initlab, rows


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


def test_a_target_of_a_file_is_read_again_and_must_be_what_it_was(tmp_path):
    (tmp_path / "labels.csv").write_text("0\n1\n2\n" * 4)
    (tmp_path / "s.yaml").write_text(
        "shape: [4, 6, 3]\nactivation: tanh\ninit: he\nloss: nll\nbatch: 12\nband: 0\n"
        "target: {name: file, path: labels.csv}\n"
    )
    assert initlab("sweep", tmp_path / "s.yaml", "--out", tmp_path).exit_code == 0
    provenance = json.loads((tmp_path / "s/provenance.json").read_text())
    assert list(provenance["inputs"]) == [str(tmp_path / "labels.csv")]
    done = initlab("rerun", tmp_path / "s", 0)
    assert (done.exit_code, rows(done.stdout)[0]["differing"]) == (0, "0")
    (tmp_path / "labels.csv").write_text("1\n1\n2\n" * 4)
    done = initlab("rerun", tmp_path / "s", 0)
    assert done.exit_code == 2
    assert "labels.csv: has changed since run 0 was measured" in done.stderr
    again = initlab("sweep", tmp_path / "s.yaml", "--out", tmp_path)
    assert "known already" not in again.stderr  # other labels are another run
