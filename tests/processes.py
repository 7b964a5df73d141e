"""Commands as processes of their own that start at once, forked where torch is loaded."""

import multiprocessing
import os
import re
import resource
import select
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
PRELOAD = """
processes torch initlab.api initlab.cli.app initlab.sweep.rerun initlab.store.check
initlab.cli.run_plans initlab.cli.progress initlab.cli.fail_on initlab.network.propagate
initlab.report.tables.summary torch.fx.experimental.symbolic_shapes scipy.special
rich.console rich.table rich.style psutil
"""
CONTEXT.set_forkserver_preload(PRELOAD.split())


class Command:
    """`initlab ...` in a session of its own, with what it prints in files.

    Args:
        arguments: of the command line.
        cwd: where it runs, and where its output lies.
        stdout, stderr: files, for what may not be written.
        most_bytes: RLIMIT_FSIZE.
        user: whose rights it has, for a folder that it may not write to.
        measured: say at the end how much memory it had, on stderr.
        stdin: a file to read from; None closes it.
        terminal: where it reads and writes instead.
        env: all of its environment.
        before: called in the process, before anything of ours.
    """

    def __init__(
        self, *arguments, cwd, stdin=os.devnull, stdout=None, stderr=None, most_bytes=None,
        user=None, measured=False, terminal=None, env=None, before=None,
    ):  # fmt: skip
        self.out, self.err = Path(cwd) / f"{id(self)}.out", Path(cwd) / f"{id(self)}.err"
        streams = (stdin, str(stdout or self.out), str(stderr or self.err))
        if terminal is not None:
            streams = (terminal,) * 3
        self.process = CONTEXT.Process(
            target=_main,
            args=(
                [*map(str, arguments)],
                str(cwd),
                streams,
                most_bytes,
                user,
                measured,
                env,
                before,
            ),
        )
        self.process.start()

    @property
    def pid(self):
        return self.process.pid

    def wait(self, timeout=120):
        """The exit code; -9 after a SIGKILL."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, "still running"
        return self.process.exitcode

    def send(self, signum):
        os.kill(self.pid, signum)

    def stderr(self):
        return self.err.read_text() if self.err.exists() else ""

    def stdout(self):
        return self.out.read_text() if self.out.exists() else ""

    def until(self, condition, timeout=60):
        """Wait for a condition while the command runs; whether it came."""
        end = time.monotonic() + timeout
        while time.monotonic() < end and self.process.is_alive():
            if condition():
                return True
            time.sleep(0.002)
        return False


def _main(arguments, cwd, streams, most_bytes, user, measured, env, before):
    os.setsid()
    os.chdir(cwd)
    if env is not None:
        os.environ.clear()
        os.environ.update(env)
    for descriptor, name in enumerate(streams):
        if name is None:
            os.close(descriptor)
            continue
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC if descriptor else os.O_RDONLY
        # (a terminal does not become the controlling one, which would send SIGHUP when it goes)
        opened = os.open(name, flags | os.O_NOCTTY, 0o666)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = None if streams[0] is None else open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python does when it starts
    if user is not None:
        "".encode("utf-8-sig")  # the interpreter's files may lie where others cannot read them
        os.setgid(user)
        os.setuid(user)
    if before is not None:
        before()
    sys.argv = ["initlab", *arguments]
    from initlab.cli.app import main

    try:
        main()
    except SystemExit as end:
        if measured:
            peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]
            sys.stderr.write(f"VmHWM: {peak}\n")
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 0 if end.code is None else 1)
    os._exit(0)


def run(*arguments, **options):
    """Exit code, stdout and stderr of a command."""
    command = Command(*arguments, **options)
    code = command.wait()
    return code, command.stdout(), command.stderr()


@contextmanager
def read_from():
    """A pipe: its name for a command, and what reads a line of it; at the end the reader leaves."""
    reader, writer = os.pipe()

    def line():
        assert select.select([reader], [], [], 60)[0], "nothing is written"
        return file.readline()

    with os.fdopen(reader) as file:
        yield f"/proc/{os.getpid()}/fd/{writer}", line
        os.close(writer)
