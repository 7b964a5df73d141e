"""What is asked of a disk: to make names last, and whether it alone keeps us from a file."""

import os
from pathlib import Path

from initlab.errors import DISK_ERRNOS, DiskError


def sync_folder(folder: Path) -> None:
    """Make what was made, renamed and removed in a folder last through a loss of power.

    Where a folder cannot be synced at all (it may not be opened, or its file system cannot do it),
    names last as that file system has it.

    Raises:
        DiskError: the disk is full or broken. The names are there, but may be gone after a loss of
            power.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in DISK_ERRNOS:
            message = f"{folder}: cannot be written: {error.strerror}; what was finished is kept"
            raise DiskError(message, "make room, then the same command again") from None


def may_be_opened(*files: Path) -> bool:
    """Whether nothing but the disk keeps us from opening some files of a folder, or making them."""
    return os.access(files[0].parent, os.W_OK | os.X_OK) and all(
        file.is_file() and os.access(file, os.R_OK | os.W_OK) for file in files if file.exists()
    )
