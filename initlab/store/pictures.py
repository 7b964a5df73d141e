"""A picture or a page, written whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from initlab.errors import DISK_ERRNOS, DiskError
from initlab.store.disk import sync_folder


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file beside its final name and rename it: whoever reads sees the old or the new one.

    Raises:
        DiskError: the disk is full or broken.
        OSError: there is no such folder, or it may not be written.
    """
    named, path = path, path.resolve()  # what a link points to is replaced, not the link
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno in DISK_ERRNOS:
            message = f"{named}: cannot be written: {error.strerror}"
            raise DiskError(message, "make room, then the same command again") from None
        error.filename = str(named)  # not the one beside it
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
