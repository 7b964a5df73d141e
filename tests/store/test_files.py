"""Which files of a results folder are initlab's own."""

import pytest

from initlab.store.files import damaged_journal, is_ours

OURS = [
    "runs.csv", "layers.csv", "runs.parquet", "layers.parquet", "spec.yaml", "provenance.json",
    "journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "journal.sqlite-journal",
    "journal.damaged-1.sqlite", "journal.damaged-12.sqlite-wal",
]  # fmt: skip
FOREIGN = [
    "runs.csv.bak", "my_runs.csv", "runs_csv", "layers.json", "specXyaml", "notes.txt",
    "journal.damaged-.sqlite", "journal.damaged-1.sqlite-old", "journal-sqlite",
]  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_what_initlab_writes_is_its_own(name):
    assert is_ours(name)


@pytest.mark.parametrize("name", FOREIGN)
def test_what_others_write_is_not(name):
    assert not is_ours(name)


def test_a_damaged_journal_is_ours_and_numbered():
    assert damaged_journal(3) == "journal.damaged-3.sqlite"
