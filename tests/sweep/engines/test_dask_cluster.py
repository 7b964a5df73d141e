"""Dask workers: the same bytes, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
from distributed import Client
from helpers import swept, timeless
from processes import Command, run
from typer.testing import CliRunner

from initlab import load_plan
from initlab.cli.app import build
from initlab.errors import FolderError, WorkersLost
from initlab.store.folder import Folder
from initlab.store.work import PredictTask
from initlab.sweep.engines import dask_cluster
from initlab.sweep.signals import Stop

SPEC = """\
name: clustered
depth: 12
width: 24
activation: [tanh, relu, hardtanh]
init: [xavier_normal, {scheme: normal, std: 20}]
seeds: 10
band: 20
"""
KILLS = int(os.environ.get("INITLAB_KILLS", "12")) // 4
#: what a worker loads that dies of every network with a hardtanh, as one that runs out of memory
MORTAL = """
import os
import torch.nn.functional as F
from initlab.sweep import tasks
tasks._prepare()  # which calls all of them
F.hardtanh = lambda *_, **__: os._exit(1)
"""


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    root = tmp_path_factory.mktemp("wanted")
    (root / "clustered.yaml").write_text(SPEC)
    return timeless(swept(load_plan(root / "clustered.yaml"), root))


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "clustered.yaml").write_text(SPEC)
    return tmp_path / "clustered.yaml"


class Cluster:
    """A scheduler and workers as processes of their own."""

    def __init__(self, root):
        self.root = root
        self.file = root / "scheduler.json"
        self.processes = []
        self.start("scheduler", "--port", "0", "--no-show", "--no-dashboard")
        end = time.monotonic() + 60
        while not (self.file.exists() and self.file.stat().st_size):
            assert time.monotonic() < end
            time.sleep(0.05)

    def start(self, *arguments):
        environment = {
            **os.environ,
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s",
        }
        command = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        log = (self.root / f"{len(self.processes)}.log").open("w")
        self.processes.append(
            subprocess.Popen(
                [*command, "--scheduler-file", str(self.file)],
                stdout=log,
                stderr=log,
                cwd=self.root,
                env=environment,
                start_new_session=True,
            )
        )
        log.close()

    def worker(self, *options):
        self.start("worker", "--nthreads", "1", "--no-dashboard", *options)

    @property
    def address(self):
        return json.loads(self.file.read_text())["address"]

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


def on(scheduler, spec, *options):
    return Command(
        "sweep", spec, "--engine", "dask", "--scheduler", scheduler, *options, cwd=spec.parent
    )


def test_two_local_workers_give_the_same_bytes_and_leave_nothing(spec, wanted):
    command = on("local", spec, "--jobs", "2", "-q")
    assert command.until(lambda: done(spec.parent / "results/clustered"))
    workers = psutil.Process(command.pid).children(recursive=True)
    listening = [c.laddr for p in [psutil.Process(command.pid), *workers] for c in listens(p)]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert len(listening) == 5  # a scheduler, two workers, a nanny of each; none of HTTP
    assert command.wait() == 0, command.stderr()
    assert timeless(spec.parent / "results/clustered") == wanted
    psutil.wait_procs(workers, timeout=20)
    assert not any(worker.is_running() for worker in workers)
    assert command.stderr() == ""


def listens(process):
    """Connections on which a process waits for others."""
    with suppress(psutil.NoSuchProcess):
        found = process.net_connections(kind="inet")
        return [c for c in found if c.status == psutil.CONN_LISTEN]
    return []


@pytest.mark.slow
def test_a_worker_killed_every_second_changes_no_byte(spec, wanted, cluster):
    path, kills = spec.parent / "results/clustered", 0
    for _ in range(2):
        cluster.worker("--no-nanny")
    # slow enough that several are killed on the way
    spec.write_text(SPEC.replace("seeds: 10", f"seeds: {min(300 * KILLS, 3000)}"))
    command = on(cluster.address, spec, "--jobs", "2")
    assert command.until(lambda: done(path) > 6)
    with Client(cluster.address, set_as_default=False) as client:
        while command.process.is_alive() and kills < KILLS:
            command.until(lambda: False, timeout=1)
            if len(client.nthreads()) > 1:  # else the next one is still starting
                victim = next(p for p in cluster.processes[1:] if p.poll() is None)  # the oldest
                os.killpg(victim.pid, signal.SIGKILL)
                cluster.worker("--no-nanny")
                kills += 1
    assert command.wait() == 0, command.stderr()
    assert kills >= 2
    spec.write_text(SPEC)
    assert run("sweep", spec, "-q", cwd=spec.parent)[0] == 0
    assert timeless(path) == wanted


def done(path):
    try:
        journal = Folder(path).journal()
    except FolderError:  # there is none yet
        return 0
    try:
        return journal.counts()["ok"]
    finally:
        journal.close()


def test_networks_that_kill_every_worker_fail_alone_after_three_attempts(spec, wanted, cluster):
    (cluster.root / "mortal.py").write_text(MORTAL)
    cluster.worker("--preload", str(cluster.root / "mortal.py"))
    spec.write_text(SPEC.replace("seeds: 10", "seeds: 1").replace("xavier_normal, ", ""))
    command = on(str(cluster.file), spec)
    assert command.wait() == 1, command.stderr()
    path = spec.parent / "results/clustered"
    journal = Folder(path).journal()
    assert journal.counts() == {"ok": 2, "failed": 1, "todo": 0}
    assert set(journal.failures().values()) == {"its worker died, 3 times"}
    journal.close()
    assert f"again: initlab rerun {path.relative_to(spec.parent)} " in command.stderr()
    # elsewhere they do not die
    spec.write_text(SPEC)
    assert run("sweep", spec, "-q", "--retry-failed", cwd=spec.parent)[0] == 0
    assert timeless(path) == wanted


def test_a_scheduler_that_goes_away_ends_the_sweep_and_the_same_command_continues(
    spec, wanted, cluster
):
    cluster.worker("--no-nanny")
    spec.write_text(SPEC.replace("seeds: 10", "seeds: 400"))
    path = spec.parent / "results/clustered"
    command = on(cluster.address, spec)
    assert command.until(lambda: done(path) > 6)
    cluster.close()
    assert command.wait() == 1
    assert "Traceback" not in command.stderr()
    assert "has gone" in command.stderr()
    assert (path / "runs.csv").exists()
    spec.write_text(SPEC)
    assert run("sweep", spec, "-q", cwd=spec.parent)[0] == 0
    assert timeless(path) == wanted


def test_one_ctrl_c_keeps_what_is_done_and_leaves_no_process(spec, wanted):
    spec.write_text(SPEC.replace("seeds: 10", "seeds: 400"))
    path = spec.parent / "results/clustered"
    command = on("local", spec, "--jobs", "2")
    assert command.until(lambda: done(path) > 6)
    family = psutil.Process(command.pid).children(recursive=True)
    os.killpg(command.pid, signal.SIGINT)  # to all of them, as a terminal does
    assert command.wait() == 130
    assert "stopped by Ctrl-C" in command.stderr()
    assert "Traceback" not in command.stderr()
    assert not any(process.is_running() for process in psutil.wait_procs(family, timeout=20)[1])
    spec.write_text(SPEC)
    assert run("sweep", spec, "-q", cwd=spec.parent)[0] == 0
    assert timeless(path) == wanted


def test_a_scheduler_that_stops_answering_is_waited_for_with_a_word_and_then_lost(
    cluster, monkeypatch
):
    cluster.worker("--no-nanny")
    said, stop = [], Stop()
    scheduler = cluster.processes[0]
    found = dask_cluster.Cluster(cluster.address, 1, said.append, stop)
    try:
        samples = PredictTask((np.ones(20 << 17),))  # 20 MiB, of which Dask would warn
        assert found.submit(samples, lambda _: None).result(20).found  # no prediction of these
        said.clear()
        monkeypatch.setattr(dask_cluster, "QUIET_SECONDS", 0.2)
        monkeypatch.setattr(dask_cluster, "LOST_SECONDS", 1.5)
        monkeypatch.setattr(dask_cluster, "JOBS_CACHE_SECONDS", 0)
        scheduler.send_signal(signal.SIGSTOP)
        threading.Timer(0.7, scheduler.send_signal, [signal.SIGCONT]).start()
        assert found.jobs == 1  # it wakes up
        assert len(said) == 1
        assert f"the scheduler {cluster.address} has not answered for 0.2 s" in said[0]
        scheduler.send_signal(signal.SIGSTOP)
        with pytest.raises(WorkersLost, match=r"no answer for 1\.5 s"):
            _ = found.jobs
        threading.Timer(0.3, stop.ask, ["Ctrl-C", signal.SIGINT]).start()
        assert found.jobs == 1  # as it was: whoever asks us to stop is heard before it is lost
    finally:
        found.close()  # nor does closing wait for it


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_waiting_for_a_worker_can_be_ended(spec, cluster, signum, code):
    command = Command("sweep", spec, "--scheduler", cluster.address, cwd=spec.parent)
    assert command.until(lambda: f"waiting for a worker at {cluster.address}" in command.stderr())
    command.send(signum)
    assert command.wait(20) == code
    assert "Traceback" not in command.stderr()


def test_ctrl_c_while_local_workers_start_is_no_bug(spec):
    command = on("local", spec, "--jobs", "2")
    assert command.until(lambda: len(psutil.Process(command.pid).children(recursive=True)) >= 1)
    os.killpg(command.pid, signal.SIGINT)
    assert command.wait(60) == 130
    assert "Traceback" not in command.stderr()


@pytest.mark.parametrize("scheduler", ["clustered.yaml", "foo://x", "tcp://127.0.0.1", ""])
def test_a_wrong_scheduler_is_refused_before_anything_is_moved_aside(
    scheduler, spec, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = swept(load_plan(spec, ["seeds=1"]), tmp_path)
    options = ["--out", str(tmp_path), "--fresh", "--engine", "dask", "--scheduler", scheduler]
    assert CliRunner().invoke(build(), ["sweep", str(spec), *options]).exit_code == 2
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == [path.name]


def test_a_scheduler_is_for_dask(spec, tmp_path):
    options = ["--engine", "threads", "--scheduler", "tcp://127.0.0.1:9"]
    found = CliRunner().invoke(build(), ["sweep", str(spec), "--out", str(tmp_path), *options])
    assert found.exit_code == 2
    assert "is for --engine dask" in found.stderr
