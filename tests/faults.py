"""Commands whose system calls fail, or kill them: tests/durability/faults.c says what a call is."""

import ctypes
import errno
import multiprocessing
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import processes

SOURCE = Path(__file__).parent / "durability/faults.c"
SIGKILL = 0  # in place of an errno


@dataclass(frozen=True)
class Fault:
    """The k-th call whose line contains a text fails, or every call from there on.

    Args:
        text: `{root}` in it is the folder in which the command runs.
        error: an errno, or SIGKILL.
    """

    text: str
    error: int
    k: int = 1
    forever: bool = False

    def __str__(self):
        name = errno.errorcode.get(self.error, "SIGKILL")
        return f"{self.text.strip()} {self.k}{' and on' if self.forever else ''}: {name}"


def built(folder):
    """The library, compiled; why there is none, where there cannot be one."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        return None, "system calls can be made to fail on Linux, with a C compiler"
    library = folder / "faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE]
    subprocess.run([*map(str, command), "-ldl"], check=True)
    return library, ""


@contextmanager
def server(library):
    """`run`, by a process with the library in it, which forks: a command starts at once."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        os.environ["LD_PRELOAD"] = str(library)
        try:
            pool.submit(_load).result()
        finally:
            del os.environ["LD_PRELOAD"]
        yield lambda *arguments, **options: pool.submit(run, arguments, **options).result()


def _load():
    processes.CONTEXT = multiprocessing.get_context("fork")
    for name in processes.PRELOAD.split():
        import_module(name)


def run(arguments, cwd, fault=None, log=None, pages=5):
    """Exit code and stderr of a command.

    Args:
        arguments: of the command line.
        cwd: where it runs.
        fault: what is to fail.
        log: a file for the lines of its calls.
        pages: SQLite copies a WAL that is so long; 1,000 where nobody asks for less, which a small
            sweep does not reach.
    """

    def arm():
        _checkpoint_after(pages)
        wanted = fault or Fault("", 0)
        ctypes.CDLL(None).fault_arm(
            wanted.text.format(root=cwd).encode(), ctypes.c_long(wanted.k), wanted.forever,
            wanted.error, str(log or "").encode(),
        )  # fmt: skip

    code, _, stderr = processes.run(*arguments, cwd=cwd, before=arm)
    return code, stderr


def _checkpoint_after(pages):
    from initlab.store.writer import Writer

    ready = Writer._ready

    def ready_with(writer):
        ready(writer)
        writer._db.execute(f"PRAGMA wal_autocheckpoint = {pages}")

    Writer._ready = ready_with
