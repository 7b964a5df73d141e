"""Standard streams of a command: data that cannot be written ends it, words that cannot do not."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from initlab.formatting import visible


class Stdout(io.TextIOWrapper):
    """Standard output that ends the process, with the right exit code, when it cannot be written.

    It shows what its encoding can: text of the user must not end a command where a locale knows
    ASCII only.
    """

    def write(self, text: str) -> int:
        """As a text file does."""
        with _ending():
            return super().write(text)

    def flush(self) -> None:
        """As a text file does."""
        with _ending():
            super().flush()


class Stderr(io.TextIOWrapper):
    """Standard error, whose words may be lost: the disk is full, its terminal or reader has gone.

    What is computed, kept and published is not less for it, and the exit code is the same.
    """

    def write(self, text: str) -> int:
        """As a text file does, but for errors."""
        try:
            return super().write(text)
        except OSError:
            _discard(2)
            return len(text)

    def flush(self) -> None:
        """As a text file does, but for errors."""
        try:
            super().flush()
        except OSError:
            _discard(2)


@contextmanager
def _ending() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _discard(1)
        if error.errno == errno.EPIPE:  # whoever read us has left
            raise SystemExit(141) from None
        raise SystemExit(complain(f"stdout: {error.strerror}", 74)) from None


def _discard(descriptor: int) -> None:
    """Whatever is written there from now on, at shutdown too, goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def complain(message: str, code: int, prefix: str = "initlab: ") -> int:
    """Say why a command ends, and hand back its exit code."""
    sys.stderr.write(visible(f"{prefix}{message}\n"))
    return code


def install() -> None:
    """Take the place of the interpreter's own streams."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, who wants none of it
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    for name, kind, lines in (("stdout", Stdout, sys.stdout.isatty()), ("stderr", Stderr, True)):
        stream = getattr(sys, name)
        encoding, binary = stream.encoding, stream.detach()
        replaced = kind(binary, encoding, errors="backslashreplace", line_buffering=lines)
        setattr(sys, name, replaced)
