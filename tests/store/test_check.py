"""What is found wrong with a results folder: files that are not as in the journal, and numbers."""

import pytest
from commands import change, initlab, rows
from helpers import timeless


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
