"""Files written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from initlab.errors import DiskError
from initlab.store.pictures import write_bytes


def test_a_file_is_written_and_replaced(tmp_path):
    for content in (b"first", b"second"):
        write_bytes(tmp_path / "std.png", content)
        assert (tmp_path / "std.png").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["std.png"]


def test_a_link_stays_one(tmp_path):
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to("real.png")
    write_bytes(tmp_path / "link.png", b"new")
    assert (tmp_path / "real.png").read_bytes() == b"new"
    assert (tmp_path / "link.png").is_symlink()


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "std.png").write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match="cannot be written: No space left on device"):
        write_bytes(tmp_path / "std.png", b"new")
    assert (tmp_path / "std.png").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["std.png"]


def test_a_folder_that_may_not_be_written_is_the_users_to_mend(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", ".std.png.1.tmp")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(PermissionError) as raised:
        write_bytes(tmp_path / "std.png", b"new")
    assert str(raised.value) == f"[Errno 13] Permission denied: '{tmp_path / 'std.png'}'"
