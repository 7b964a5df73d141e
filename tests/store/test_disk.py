import errno
import os
from pathlib import Path

import pytest

from initlab.errors import DISK_ERRNOS, DiskError
from initlab.store.disk import may_be_opened, sync_folder


def failing(error):
    def fail(*_):
        raise OSError(error, os.strerror(error))

    return fail


@pytest.mark.parametrize("call", ["open", "fsync"])
@pytest.mark.parametrize("error", DISK_ERRNOS)
def test_a_folder_that_the_disk_does_not_sync_is_said(tmp_path, monkeypatch, call, error):
    monkeypatch.setattr(os, call, failing(error))
    with pytest.raises(DiskError, match=f"{tmp_path}: cannot be written: {os.strerror(error)}"):
        sync_folder(tmp_path)


# of a folder of somebody else's; and what file systems say that cannot do it
@pytest.mark.parametrize("call", ["open", "fsync"])
@pytest.mark.parametrize("error", [errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EROFS])
def test_a_folder_that_cannot_be_synced_is_left_as_it_is(tmp_path, monkeypatch, call, error):
    monkeypatch.setattr(os, call, failing(error))
    sync_folder(tmp_path)


def test_a_folder_is_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
    )
    sync_folder(tmp_path)
    assert synced == [str(tmp_path)]


def test_the_disk_is_to_blame_where_everything_may_be_opened_or_made(tmp_path, monkeypatch):
    there, lacking = tmp_path / "there", tmp_path / "lacking"
    there.touch()
    assert may_be_opened(there, lacking)
    (tmp_path / "folder").mkdir()
    assert not may_be_opened(there, tmp_path / "folder")
    for closed in (there, tmp_path):  # root may open everything
        monkeypatch.setattr(os, "access", lambda path, _, closed=closed: path != closed)
        assert not may_be_opened(there, lacking)
