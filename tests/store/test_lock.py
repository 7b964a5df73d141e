"""Who holds a folder: what is written of it is nobody else's, and what is read may be anything."""

import json

import pytest

from initlab.store.folder import Folder
from initlab.store.lock import hold, read_holder, release

HELD = {"command": ["initlab"], "host": "x", "pid": 1, "started": "2026-01-01T00:00:00+00:00"}


def test_a_holder_that_is_a_link_changes_no_other_file(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "s").mkdir()
    (tmp_path / "s/.holder").symlink_to(tmp_path / "mine.txt")
    release(tmp_path / "s", hold(tmp_path / "s"))
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not list((tmp_path / "s").iterdir())


@pytest.mark.parametrize(
    "forged",
    [
        {**HELD, "born": 1.0, "pid": -1},
        {**HELD, "born": 1.0, "pid": "x"},
        {**HELD, "born": 1.0, "pid": 1e300},
        {**HELD, "born": 1.0, "started": "x"},
        {**HELD, "born": 1.0, "command": 3},
        HELD,
        [],
        3,
    ],
)
def test_a_forged_holder_is_nobody(tmp_path, forged):
    (tmp_path / ".holder").write_text(json.dumps(forged))
    assert read_holder(tmp_path) is None
    assert Folder(tmp_path).written_by() == ""


def test_a_holder_nested_without_end_is_nobody(tmp_path):
    (tmp_path / ".holder").write_text("[" * 100_000)
    assert read_holder(tmp_path) is None
