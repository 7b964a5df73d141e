"""Files and standard input within a limit: sizes, pipes, devices, and nobody waited for."""

import io
import os
import sys
import threading
import time

import pytest

from initlab.errors import InputError
from initlab.userfiles import (
    CHUNK,
    TooLarge,
    open_file,
    open_stdin,
    read_file,
    read_lines,
    read_stdin,
    size,
)


@pytest.fixture
def stdin(monkeypatch):
    def give(stream):
        monkeypatch.setattr(sys, "stdin", stream and io.TextIOWrapper(stream))

    return give


@pytest.fixture
def pipe(tmp_path):
    """A named pipe, and a function that writes it: bytes, and pauses in seconds, in order."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write(*parts):
        def run():
            with path.open("wb", buffering=0) as file:
                for part in parts:
                    time.sleep(part) if isinstance(part, float) else file.write(part)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    return path, write


# sizes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 9, 10, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_file_is_read_up_to_the_limit_and_not_a_byte_more(tmp_path, stdin, length):
    content = os.urandom(length)
    path = tmp_path / "file"
    path.write_bytes(content)
    assert read_file(path, length) == read_file(str(path), 10**30) == content
    stdin(io.BytesIO(content))
    assert read_stdin(length) == content
    if length:
        with pytest.raises(TooLarge):
            read_file(path, length - 1)
        stdin(io.BytesIO(content))
        with pytest.raises(TooLarge):
            read_stdin(length - 1)


class Endless(io.RawIOBase):
    """Zeros, which counts how many were taken."""

    taken = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        self.taken += len(buffer)
        return len(buffer)


def test_no_more_is_read_than_shows_that_the_limit_was_passed(stdin):
    endless = Endless()
    stdin(io.BufferedReader(endless))
    with pytest.raises(TooLarge):
        read_stdin(10 * CHUNK)
    assert endless.taken <= 10 * CHUNK + io.DEFAULT_BUFFER_SIZE


def test_a_size_that_the_system_does_not_know_is_no_size_of_0():
    assert read_file("/proc/self/status", 10**6).startswith(b"Name:")
    with pytest.raises(TooLarge):
        read_file("/proc/self/status", 100)


def test_what_is_said_of_too_much(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(3 << 20))
    with pytest.raises(TooLarge) as caught:
        read_file(path, 1 << 20, where="--input", option="--max-mib")
    assert caught.value.exit_code == 2
    assert caught.value.message == "--input: has 3,145,728 bytes; the limit is 1 MiB"
    assert caught.value.fix == "--max-mib 3, if the memory is there"
    assert read_file(path, 3 << 20) == path.read_bytes()  # what the fix says works
    with pytest.raises(TooLarge) as caught:
        read_file(path, 1 << 20)
    assert (caught.value.message[: len(str(path))], caught.value.fix) == (str(path), None)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (1 << 20, "1 MiB"), (1 << 30, "1 GiB"),
     (8 * 10**10, "74.5 GiB"), (1023 << 20, "1023 MiB"), (8 * 10**18, "7275957 TiB")],
)  # fmt: skip
def test_sizes(count, text):
    assert size(count) == text


# lines -------------------------------------------------------------------------------------------


def test_lines_come_until_one_is_too_long():
    lines = read_lines(io.BytesIO(b"1\n22\n\n333"), 3)
    assert [next(lines), next(lines), next(lines), next(lines)] == [b"1\n", b"22\n", b"\n", b"333"]
    lines = read_lines(io.BytesIO(b"1\n22\n333\n4\n"), 3, where="--jsonl", option="--max-mib")
    assert [next(lines), next(lines)] == [b"1\n", b"22\n"]
    with pytest.raises(TooLarge, match=r"^--jsonl: line 3 is too long; the limit is 3 bytes"):
        next(lines)
    assert list(read_lines(io.BytesIO(b"12"), sys.maxsize)) == [b"12"]


# what is no file ---------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/full", "/dev/ptmx"])
def test_a_device_is_not_read(device):
    with pytest.raises(InputError, match=f"^{device}: is a device, not a file"):
        read_file(device, 10)


def test_a_terminal_is_not_read():
    master, slave = os.openpty()
    try:
        with pytest.raises(InputError, match="is a device, not a file"):
            read_file(os.ttyname(slave), 10)
    finally:
        os.close(master)
        os.close(slave)


def test_what_the_system_refuses_is_its_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none", 10)
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path, 10)


@pytest.mark.parametrize("name", ["a\0b", "\ud800\0"])
def test_what_cannot_be_a_name_is_refused(name):
    with pytest.raises(InputError, match="is no name of a file"):
        read_file(name, 10)


def test_a_closed_standard_input_is_refused(stdin):
    stdin(None)
    for read in (lambda: read_stdin(10), open_stdin):
        with pytest.raises(InputError, match=r"^standard input: is closed\n"):
            read()
    with pytest.raises(InputError, match=r"^--input: standard input is closed\n"):
        read_stdin(10, where="--input")


# pipes -------------------------------------------------------------------------------------------


def test_a_pipe_that_nobody_writes_is_not_waited_for(pipe):
    path, _ = pipe
    with pytest.raises(InputError, match="is a pipe that nobody writes"):
        read_file(path, 10)


@pytest.mark.parametrize(
    "parts",
    [
        [b"x"],
        [b"x" * 200_000],  # more than a pipe holds
        [],
        [0.05, b"x", 0.05, b"y"],
        [1.2, b"x"],  # slower than a writer is waited for, but there
    ],
    ids=["byte", "large", "nothing", "slow", "late"],
)
def test_a_pipe_is_read_to_its_end(pipe, parts):
    path, write = pipe
    writer = write(*parts)
    expected = b"".join(part for part in parts if isinstance(part, bytes))
    assert read_file(path, 10**6) == expected
    writer.join(timeout=10)


def test_a_writer_that_comes_a_little_later_is_waited_for(pipe):
    path, write = pipe
    threading.Timer(0.2, write, [b"x"]).start()
    assert read_file(path, 10) == b"x"


def test_a_pipe_has_a_limit_and_lines(pipe):
    path, write = pipe
    writer = write(b"1\n2\n")
    with open_file(path) as file:
        assert list(read_lines(file, 10)) == [b"1\n", b"2\n"]
    writer.join(timeout=10)
    write(b"x" * 11)
    with pytest.raises(TooLarge):
        read_file(path, 10)


def test_descriptors_are_files(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    source, sink = os.pipe()
    with (tmp_path / "file").open("rb") as file:
        assert read_file(f"/dev/fd/{file.fileno()}", 10) == b"12345"
    os.write(sink, b"123")
    os.close(sink)
    try:
        assert read_file(f"/dev/fd/{source}", 10) == b"123"
        assert read_file(f"/dev/fd/{source}", 10) == b""  # as <(true) is
    finally:
        os.close(source)


def test_what_comes_late_through_a_pipe_that_does_not_block_is_no_end(stdin):
    source, sink = os.pipe()
    os.set_blocking(source, False)
    stdin(os.fdopen(source, "rb"))
    threading.Timer(0.1, lambda: (os.write(sink, b"late"), os.close(sink))).start()
    assert read_stdin(10) == b"late"
    sys.stdin.close()
