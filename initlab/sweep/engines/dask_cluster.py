"""Workers of a Dask cluster, on this machine or any others. Only this module knows Dask."""

import json
import logging
import math
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from initlab.errors import InputError, Interrupted, WorkersLost, in_short
from initlab.store.provenance import environment
from initlab.store.work import Task, TaskResult
from initlab.sweep.signals import Stop
from initlab.sweep.tasks import Tick, run_task

NOISY = ("distributed", "tornado", "asyncio")  # that log tracebacks when a connection ends
JOBS_CACHE_SECONDS = 1.0  # for which the number of workers is believed
CONNECT_SECONDS = 10.0  # for a scheduler to answer
INSTALL = "pip install distributed"


class Cluster:
    """Tasks on the workers of a Dask scheduler. They return rows; nobody but us writes any.

    Args:
        scheduler: `tcp://host:port`, a scheduler file (`*.json`), or `local` for `jobs` worker
            processes on this machine.
        jobs: how many local ones.
        notify: told what is waited for.
        stop: ends the waiting.

    Raises:
        InputError: Dask is not installed, nobody answers, or workers have other versions.
        Interrupted: on Ctrl-C, before there was a worker.
    """

    def __init__(
        self, scheduler: str, jobs: int, notify: Callable[[str], None], stop: Stop
    ) -> None:
        try:
            import distributed
        except ImportError:
            raise InputError("--engine dask needs the package distributed", INSTALL) from None
        self._killed = distributed.KilledWorker
        self._scheduler, self._notify, self._stop = scheduler, notify, stop
        self._jobs, self._asked = 0, -math.inf
        for name in (*logging.root.manager.loggerDict, "asyncio", "tornado.application"):
            if name.startswith(NOISY):  # what matters of it, we say
                logging.getLogger(name).setLevel(logging.CRITICAL)
        self._stack = ExitStack()
        try:
            self._client = self._stack.enter_context(self._connected(scheduler, jobs))
            self._wait_for_a_worker()
            self._check_workers()
        except BaseException:
            self._stack.close()
            raise
        self._executor = self._client.get_executor(pure=False)

    def _connected(self, scheduler: str, jobs: int) -> Any:
        from distributed import Client

        if scheduler == "local":
            with _sigint_blocked():
                cluster = self._stack.enter_context(self._local(jobs))
                self._stack.callback(_kill_workers, cluster)
                return Client(cluster, set_as_default=False)
        address = address_of(scheduler)
        try:
            return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except Exception as error:  # of many kinds, for addresses of many kinds
            raise InputError(
                f"--scheduler {scheduler}: nobody answers: {in_short(error)}", "dask scheduler"
            ) from None

    def _local(self, jobs: int) -> Any:
        """Worker processes on this machine, restarted when they die."""
        import dask
        from distributed import LocalCluster

        self._stack.enter_context(
            dask.config.set(
                {
                    "distributed.scheduler.allowed-failures": 0,  # who is guilty, we find out
                    "distributed.comm.timeouts.connect": "3s",  # a worker that has died is dead
                    "distributed.worker.preload": ["initlab.sweep.engines.worker"],
                    "distributed.worker.memory.terminate": False,  # check_memory has looked
                    "distributed.worker.memory.pause": False,
                }
            )
        )
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="initlab-"))
        return LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            dashboard_address=":0",
            local_directory=folder,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        )

    def _wait_for_a_worker(self) -> None:
        if not self._client.nthreads():
            self._notify(f"waiting for a worker at {self._scheduler}")
        while not self._client.nthreads():
            if self._stop.asked:
                raise Interrupted(self._stop.reason, exit_code=128 + self._stop.signal)
            time.sleep(0.2)

    def _check_workers(self) -> None:
        """All workers must compute with what this process would compute with."""
        ours = environment()
        try:
            found = self._client.run(environment)
        except Exception as error:  # whatever a worker without initlab raises
            raise InputError(
                f"a worker of {self._scheduler} cannot run initlab: {in_short(error)}",
                "install initlab and what it needs on every machine",
            ) from None
        for address, theirs in found.items():
            for name in ("initlab", "torch", "numpy"):
                if theirs[name] != ours[name]:
                    raise InputError(
                        f"the worker {address} has {name} {theirs[name]}, this process"
                        f" {ours[name]}: their numbers would differ",
                        f"pip install {name}=={ours[name].partition('+')[0]}",
                    )

    @property
    def jobs(self) -> int:
        """Threads of all workers, as of a second ago.

        Raises:
            WorkersLost: the scheduler does not answer any more.
        """
        if time.monotonic() > self._asked + JOBS_CACHE_SECONDS:
            try:
                self._jobs = sum(self._client.nthreads().values())
            except Exception as error:
                raise self._workers_lost(error) from None
            self._asked = time.monotonic()
            if not self._jobs:
                self._notify(f"no worker is left at {self._scheduler}; waiting for one")
                self._asked += CONNECT_SECONDS
        return self._jobs

    def submit(self, task: Task, tick: Tick) -> Future[TaskResult]:
        """Hand in a task.

        Raises:
            WorkersLost: the scheduler does not answer any more.
        """

        def done(_: Future[TaskResult]) -> None:
            with suppress(Interrupted):
                tick(task.layers)

        try:
            future: Future[TaskResult] = self._executor.submit(run_task, task)
        except Exception as error:
            raise self._workers_lost(error) from None
        future.add_done_callback(done)
        return future

    def _workers_lost(self, error: Exception) -> WorkersLost:
        """What to say of a scheduler that does not answer; Dask has many kinds of errors for it."""
        return WorkersLost(
            f"the scheduler {self._scheduler} has gone: {in_short(error)}",
            "the same command continues, with a scheduler",
        )

    def warm_up(self) -> None:
        """Have all workers import what they need; it takes a new one longer than many a share."""
        with suppress(OSError, RuntimeError):  # who dies meanwhile is not missed
            self._client.run(_import_all, on_error="ignore")

    def recall(self, future: Future[TaskResult]) -> bool:
        """Always False: whether a worker has started cannot be known in time."""
        return False

    def deaths(self, error: BaseException) -> int:
        """How many workers died of a task."""
        return 1 + error.allowed_failures if isinstance(error, self._killed) else 0

    def close(self) -> None:
        """Leave the cluster; a local one ends."""
        self._stack.close()


def _import_all() -> None:
    import initlab.sweep.engines.worker  # noqa: F401


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


def address_of(scheduler: str) -> str:
    """The address of a scheduler, given as such or as the file that it wrote.

    Raises:
        InputError: it is neither.
    """
    if "://" in scheduler:
        return scheduler
    try:
        return str(json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"--scheduler {scheduler}: needs tcp://host:port, local, or the file of a scheduler:"
            f" {in_short(error)}",
            "dask scheduler --scheduler-file scheduler.json",
        ) from None
