"""How SQLite is asked to keep a journal."""

from types import SimpleNamespace

import psutil
import pytest
from helpers import swept, timeless

from initlab.store.opening import open_for_writing


@pytest.fixture
def folder(tmp_path):
    opened = open_for_writing(tmp_path, "spec")
    yield opened
    opened.close()


def pragma(writer, name):
    ((value,),) = writer.rows(f"PRAGMA {name}")
    return value


def test_commits_are_synced_and_go_through_a_wal(folder):
    folder.connect()
    assert pragma(folder.writer, "journal_mode") == "wal"
    assert pragma(folder.writer, "synchronous") == 2  # FULL


@pytest.mark.parametrize("kind", ["nfs4", "fuse.glusterfs", "lustre"])
def test_where_a_wal_cannot_be_there_is_a_rollback_journal(plan_of, tmp_path, monkeypatch, kind):
    disks = [SimpleNamespace(mountpoint="/", fstype="ext4")]
    disks.append(SimpleNamespace(mountpoint=str(tmp_path), fstype=kind))
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: disks)
    (tmp_path.parent / kind).symlink_to(tmp_path)
    for way in (tmp_path, tmp_path.parent / kind):
        folder = open_for_writing(way, "spec")
        folder.connect()
        assert pragma(folder.writer, "journal_mode") == "delete"
        folder.close()
    monkeypatch.undo()
    elsewhere = tmp_path.parent / f"{kind}-local"
    assert timeless(swept(plan_of(), tmp_path)) == timeless(swept(plan_of(), elsewhere))
