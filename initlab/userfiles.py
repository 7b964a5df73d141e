"""What a user's file or standard input holds: read within a limit, and never waiting for nobody."""

import contextlib
import io
import os
import select
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from initlab.errors import InputError

MIB = 1 << 20
STDIN = "standard input"
CHUNK = 1 << 16
#: how long a named pipe may have no writer: two commands of a script need not start in the right
#: order, but none of them waits for ever
PATIENCE_S = 1.0


class TooLarge(InputError):
    """Something holds more than a limit allows.

    Args:
        where: what, for the message.
        holds: how much it holds, in words.
        most: the limit in bytes.
        needed: how many bytes would do, if that is known.
        option: the option that raises the limit, in MiB, if there is one.
    """

    def __init__(
        self, where: str, holds: str, most: int, *, needed: int | None = None, option: str = ""
    ) -> None:
        enough = -(-(needed or 2 * most) // MIB)
        fix = f"{option} {enough}, if the memory is there" if option else None
        super().__init__(f"{where}: {holds}; the limit is {size(most)}", fix)


def size(count: int) -> str:
    """A number of bytes as people read it: 12 bytes, 1 MiB, 74.5 GiB."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (MIB, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return (
                f"{count / unit:.3g} {name}" if count < 1000 * unit else f"{count // unit} {name}"
            )
    return f"{count} bytes"


def read_file(path: str | Path, most: int, *, where: str = "", option: str = "") -> bytes:
    """The bytes of a file or a named pipe.

    A named pipe needs a writer within a second; then it is read to its end, however slow.

    Args:
        path: of the file; /dev/stdin, /dev/fd/3 and what <(...) makes are files, too.
        most: how many bytes it may hold.
        where: how messages call it; by default its path.
        option: the option that raises `most`, for the message.

    Raises:
        TooLarge: it holds more; no more than `most` + 1 bytes were read.
        InputError: a device, a pipe that nobody writes, or no name of a file.
        OSError: the system refuses it: it is missing, a directory, or may not be read.
    """
    where = where or str(path)
    with open_file(path, where=where) as file:
        status = os.fstat(file.fileno())
        known = status.st_size if stat.S_ISREG(status.st_mode) else 0
        if known > most:
            raise TooLarge(where, f"has {known:,} bytes", most, needed=known, option=option)
        return _read(file, max(known + 1, CHUNK), most, where, option)


def read_stdin(most: int, *, where: str = STDIN, option: str = "") -> bytes:
    """The bytes of standard input; `where` and `option` as in `read_file`.

    Raises:
        TooLarge: there are more than `most`; no more than `most` + 1 were read.
        InputError: it is closed.
    """
    return _read(open_stdin(where=where), CHUNK, most, where, option)


def read_lines(
    file: BinaryIO, most: int, *, where: str = STDIN, option: str = ""
) -> Iterator[bytes]:
    """The lines of an open file, one at a time.

    Raises:
        TooLarge: a line has more than `most` bytes; names it. The lines before it were given.
    """
    number = 0
    while line := file.readline(_held(most)):
        number += 1
        if len(line) > most:
            raise TooLarge(where, f"line {number} is too long", most, option=option)
        yield line


def open_file(path: str | Path, *, where: str = "") -> BinaryIO:
    """A file or a named pipe, to be read. Raises as `read_file` does, some of it on reading."""
    where = where or str(path)
    try:
        mode = Path(path).stat().st_mode
    except ValueError:  # a null byte, or half a character
        raise InputError(f"{where}: is no name of a file") from None
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):  # opening one may already do something
        raise InputError(f"{where}: is a device, not a file", "- for standard input")
    file = _File(path, opener=_at_once)
    file.where = where
    if not stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
        os.set_blocking(file.fileno(), True)
    return io.BufferedReader(file)


def open_stdin(*, where: str = STDIN) -> BinaryIO:
    """Standard input, which stays open. Raises InputError if it is closed."""
    if sys.stdin is None:
        closed = "is closed" if where == STDIN else "standard input is closed"
        raise InputError(f"{where}: {closed}", "give a file, or < FILE")
    stream: BinaryIO = sys.stdin.buffer
    with contextlib.suppress(io.UnsupportedOperation):  # no file of the system
        os.set_blocking(stream.fileno(), True)  # else what comes late would read as the end
    return stream


def _read(file: BinaryIO, chunk: int, most: int, where: str, option: str) -> bytes:
    """All of a file, asked for in pieces: memory is not taken for what may never come."""
    content, left = io.BytesIO(), _held(most)
    while left and (piece := file.read(min(chunk, left))):
        left -= content.write(piece)
    if content.tell() > most:
        raise TooLarge(where, "is too large", most, option=option)
    return content.getvalue()


def _held(most: int) -> int:
    """One byte more than a limit, which shows that it was passed; as much as Python can count."""
    return min(most + 1, sys.maxsize)


def _at_once(path: str, flags: int) -> int:
    """Opens a named pipe whether or not it has a writer; a terminal does not become ours."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


class _File(io.FileIO):
    """A file opened without blocking; if it is a pipe, its writer must come within a second."""

    where = ""

    def readinto(self, buffer: Any) -> int | None:
        """As of any file."""
        if os.get_blocking(self.fileno()):
            return super().readinto(buffer)
        polled = select.poll()
        polled.register(self, select.POLLIN)
        # nothing to read and no writer that has left: there is none, or it is slow
        read = None if polled.poll(1000 * PATIENCE_S) else super().readinto(buffer)
        if read == 0:
            raise InputError(
                f"{self.where}: is a pipe that nobody writes", "start what writes it first"
            )
        os.set_blocking(self.fileno(), True)
        return super().readinto(buffer) if read is None else read
