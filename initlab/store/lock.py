"""Who may write a results folder: its lock, and what its holder says of itself beside it."""

import json
import os
import shlex
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from initlab.errors import FolderInUse, InitlabError
from initlab.store.files import HOLDER, LOCK
from initlab.store.provenance import process
from initlab.userfiles import read_file

MOST_BYTES = 1 << 20  # of what a holder says of itself: a command line
LOCK_SECONDS = 0.5  # for a lock: `status` looks whether it can be had
ATTEMPTS = 3  # at a folder that is moved aside just then


@dataclass(frozen=True)
class Holder:
    """A process that holds a folder, and since when; `born` is when it was started itself."""

    command: list[str]
    host: str
    pid: int
    started: str
    born: float

    def __str__(self) -> str:
        """As in "process 4711 on ada since 2026-11-26 12:00:00: initlab sweep ..."."""
        since = datetime.fromisoformat(self.started).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        command = shlex.join(["initlab", *self.command[1:]])
        return f"process {self.pid} on {self.host} since {since}: {command}"

    def alive(self) -> bool:
        """Whether it is known to run still, on this machine, and is not this process."""
        here = self.host == socket.gethostname() and self.pid != os.getpid()
        return here and _born(self.pid) == self.born


def _write_holder(folder: Path) -> None:
    """Say that this process holds a folder."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    held = Holder(**process(), started=now, born=_born(os.getpid()) or 0.0)
    (folder / HOLDER).unlink(missing_ok=True)  # it may be somebody's link to another file
    with (folder / HOLDER).open("x", encoding="utf-8") as file:
        json.dump(asdict(held), file)


def read_holder(folder: Path) -> Holder | None:
    """Who held a folder last; None where that is not known."""
    try:
        held = Holder(**json.loads(read_file(folder / HOLDER, MOST_BYTES)))
        if not (isinstance(held.pid, int) and held.pid > 0):
            return None
        str(held)
    except (OSError, InitlabError, ValueError, TypeError, AttributeError, ArithmeticError):
        return None
    except RecursionError:
        return None
    return held


def _born(pid: int) -> float | None:
    """When a process was started; None if there is none, or none that may be looked at."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except (psutil.Error, OverflowError):
        return None


def hold(path: Path) -> FileLock:
    """Lock a folder. The lock lies in it: by whatever name it is reached, it is this one.

    Raises:
        FolderInUse: somebody else holds it.
        OSError: the folder cannot be written.
    """
    lock = FileLock(path / LOCK)
    for _ in range(ATTEMPTS):
        before = path.stat()
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise _in_use(path, read_holder(path)) from None
        # a folder that its holder moved aside meanwhile took the lock with it
        if path.exists() and os.path.samestat(before, path.stat()):
            break
        lock.release()
        path.mkdir(exist_ok=True)
    else:
        raise _in_use(path, None)
    holder = read_holder(path)
    if holder is not None and holder.alive():  # somebody removed its lock
        lock.release()
        raise _in_use(path, holder)
    _write_holder(path)
    return lock


def _in_use(path: Path, holder: Holder | None) -> FolderInUse:
    return FolderInUse(
        f"{path}: is being written by {holder or 'another process'}",
        "wait for it, or sweep with --out another_folder",
    )


def release(path: Path, lock: FileLock) -> None:
    """Let others write a folder; what it was held with is removed, unless it is another's by now.

    (Who waits for a lock that is removed notices, and takes the next one.)
    """
    held = read_holder(path)
    if held is not None and (held.host, held.pid) == (socket.gethostname(), os.getpid()):
        with suppress(OSError):
            (path / HOLDER).unlink()
            (path / LOCK).unlink()
    lock.release()
