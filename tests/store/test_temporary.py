"""Temporary folders: held, removed at the end, and after a kill by the next process."""

import os
import signal
import tempfile

import pytest
from processes import Command

from initlab.store.temporary import LOCK, PREFIX, temporary_folder


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def names(root):
    return {path.name for path in root.iterdir()}


def test_it_goes_with_the_block(root):
    with temporary_folder() as folder:
        (folder / "sub").mkdir()
        (folder / "sub/file").write_text("")
        assert names(root) == {folder.name}
    assert names(root) == set()


def test_what_is_held_is_left_alone_and_what_is_not_is_removed(root):
    for name in ("dead", "made-just-now"):
        (root / f"{PREFIX}{name}").mkdir()
    (root / f"{PREFIX}dead" / LOCK).write_text("")
    (root / f"{PREFIX}results").mkdir()  # of a sweep of that name, which was killed
    for name in (".lock", "journal.sqlite"):
        (root / f"{PREFIX}results" / name).write_text("")
    (root / "other").mkdir()
    (root / "other" / LOCK).write_text("")
    (root / f"{PREFIX}link").symlink_to("other")
    with temporary_folder() as one, temporary_folder() as two:
        kept = {f"{PREFIX}results", "other", f"{PREFIX}link", f"{PREFIX}made-just-now"}
        assert names(root) == {*kept, one.name, two.name}
    assert names(root / "other") == {LOCK}


def test_a_killed_sweep_leaves_nothing_once_another_has_run(tmp_path):
    (tmp_path / "tmp").mkdir()
    (tmp_path / "s.yaml").write_text(
        "name: s\ndepth: 20\nwidth: 16\nactivation: tanh\ninit: he\nseeds: 200\nband: 0\n"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    command = Command("sweep", "s.yaml", "--no-save", cwd=tmp_path, env=env)
    assert command.until(lambda: [*(tmp_path / "tmp").glob(f"{PREFIX}*/s/journal.sqlite-wal")])
    command.send(signal.SIGKILL)
    command.wait()
    assert len(names(tmp_path / "tmp")) == 1
    again = Command("sweep", "s.yaml", "--no-save", "--set", "seeds=1", cwd=tmp_path, env=env)
    assert again.wait() == 0
    assert names(tmp_path / "tmp") == set()
