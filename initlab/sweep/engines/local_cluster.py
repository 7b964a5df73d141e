"""A Dask cluster of processes on this machine, which listens to this machine only."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from initlab.errors import InputError, in_short
from initlab.store.temporary import temporary_folder
from initlab.sweep.engines.scheduler_address import first_cause

LOOPBACK = "127.0.0.1"
SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,  # who is guilty, we find out
    "distributed.comm.timeouts.connect": "3s",  # a worker that has died is dead
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.preload": ["initlab.sweep.engines.worker"],
    "distributed.worker.memory.terminate": False,  # check_memory has looked
    "distributed.worker.memory.pause": False,
}


@contextmanager
def local_cluster(jobs: int) -> Iterator[Any]:
    """A scheduler in this process, and worker processes, restarted when they die, while it lasts.

    At the end they are killed, in the middle of a layer if need be.

    Raises:
        InputError: they cannot be started.
    """
    import dask

    with (
        dask.config.set(SETTINGS),
        temporary_folder() as folder,
        ExitStack() as stack,
    ):
        with _sigint_blocked():
            try:
                cluster = stack.enter_context(_started(jobs, str(folder)))
            except Exception as error:  # no ports, files or processes; TLS without certificates
                raise InputError(
                    f"--scheduler local: workers cannot be started: {in_short(first_cause(error))}",
                    "--engine threads",
                ) from None
            stack.callback(_kill_workers, cluster)
        yield cluster


def _started(jobs: int, folder: str) -> Any:
    """All listens on loopback only, and no HTTP server listens at all.

    Dask has one in every process. Ours serve nothing, and are ended: here that of the scheduler,
    which is in this process, in `worker` those of the workers.
    """
    from distributed import LocalCluster

    cluster: Any = LocalCluster(
        n_workers=jobs,
        threads_per_worker=1,
        host=LOOPBACK,
        dashboard_address=f"{LOOPBACK}:0",  # None would be port 8787, with a warning if it is taken
        scheduler_kwargs={"dashboard": False},
        local_directory=folder,
        memory_limit=0,
        silence_logs=logging.CRITICAL,
    )
    cluster.loop.add_callback(cluster.scheduler.http_server.stop)
    return cluster


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Keep Ctrl-C, which a terminal sends to all of us, from processes that are started here.

    They, and those that replace them, inherit that SIGINT is blocked. We hear it at the end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill_workers(cluster: Any) -> None:
    """End workers at once, in the middle of a layer if need be."""
    for worker in cluster.workers.values():
        with suppress(OSError, TypeError, AttributeError):
            os.kill(worker.pid, signal.SIGKILL)
