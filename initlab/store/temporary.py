"""Temporary folders that go with their process: what a killed one left, the next one removes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "initlab-"
LOCK = ".initlab-temporary"  # no results folder has one


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for as long as the block lasts.

    Raises:
        OSError: none can be made.
    """
    _remove_left(Path(tempfile.gettempdir()))
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name,
        FileLock(Path(name) / LOCK),  # a process's number may be another's on another machine
    ):
        yield Path(name)


def _remove_left(root: Path) -> None:
    """Remove folders of ours that nobody holds any more."""
    for folder in root.glob(f"{PREFIX}*"):
        with suppress(OSError, Timeout):
            ours = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
            if ours and (folder / LOCK).exists():
                with FileLock(folder / LOCK).acquire(blocking=False):
                    shutil.rmtree(folder, ignore_errors=True)
