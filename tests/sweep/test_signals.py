"""Ctrl-C and SIGTERM: the first lets what is under way be finished, the second ends at once."""

import json
import signal
import subprocess
import sys

import psutil
import pytest
from commands import LONG, initlab, ok_of, rows
from processes import Command


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_finishes_publishes_and_a_second_ends_at_once(root, signum, code):
    spec, path = root / "long.yaml", root / "results/long"
    spec.write_text(LONG)
    command = Command("sweep", spec, "--jobs", 2, cwd=root)
    assert command.until(lambda: ok_of(path) > 5)
    command.send(signum)
    assert command.wait(30) == code
    assert f"stopped by {'Ctrl-C' if code == 130 else 'SIGTERM'}: " in command.stderr()
    assert "fix: the same command continues" in command.stderr()
    open_published = rows((path / "runs.csv").read_text())
    assert initlab("verify", path).exit_code == 0
    done = [row["status"] for row in open_published].count("ok")
    assert 5 < done < 480
    # one network that takes long: the first signal waits for it, the second does not
    spec.write_text(LONG.replace("depth: 300", "depth: 3000").replace("width: 20", "width: 900"))
    before = (path / "runs.csv").read_bytes()
    command = Command("sweep", spec, "--jobs", 1, "--set", "seeds=1", "--set", "band=0", cwd=root)
    assert command.until(lambda: " = 12 runs" in command.stderr())
    assert command.until(lambda: psutil.Process(command.pid).cpu_times().user > 3)
    command.send(signum)
    command.until(lambda: False, timeout=0.3)
    assert command.process.is_alive()
    command.send(signum)
    assert command.wait(30) == code
    assert "ended at once: what was finished is in the journal" in command.stderr()
    assert (path / "runs.csv").read_bytes() == before  # nothing was published
    (row,) = json.loads(initlab("status", path, "--format", "json").stdout)
    assert (row["last_ended"], row["writer"]) == ("broke off", None)


def test_a_signal_that_was_ignored_stays_so(root):
    # as in a job that a shell put into the background: Ctrl-C is not for it
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "from initlab.sweep.signals import listening\n"
        "with listening() as stop:\n"
        "    signal.raise_signal(signal.SIGINT); assert not stop.asked\n"
        "    signal.raise_signal(signal.SIGTERM); assert stop.signal == 15\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
