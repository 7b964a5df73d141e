"""Workers of a Dask cluster, on this machine or any others.

Only this module, `local_cluster` and `scheduler_address` know Dask.
"""

import logging
import math
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

from initlab.errors import InitlabError, InputError, Interrupted, WorkersLost, in_short
from initlab.store.provenance import environment
from initlab.store.work import Task, TaskResult
from initlab.sweep.engines.local_cluster import local_cluster
from initlab.sweep.engines.scheduler_address import (
    CONNECT_SECONDS,
    LOCAL,
    address_of,
    unanswered,
)
from initlab.sweep.signals import Stop
from initlab.sweep.tasks import Tick, run_task

NOISY = ("distributed", "tornado", "asyncio")  # that log tracebacks when a connection ends
JOBS_CACHE_SECONDS = 1.0  # for which the number of workers is believed
QUIET_SECONDS = 10.0  # without an answer, after which we say so
LOST_SECONDS = 120.0  # without an answer, after which a scheduler is given up
POLL_SECONDS = 0.1  # between two looks at whether to stop

T = TypeVar("T")


class Cluster:
    """Tasks on the workers of a Dask scheduler. They return rows; nobody but us writes any.

    Args:
        scheduler: `tcp://host:port`, a scheduler file (`*.json`), or `local` for `jobs` worker
            processes on this machine.
        jobs: how many local ones.
        notify: told what is waited for.
        stop: ends the waiting.

    Raises:
        InputError: Dask is not installed, no scheduler answers, or workers have other versions.
        Interrupted: on Ctrl-C, before there was a worker.
        WorkersLost: the scheduler went, or fell silent for LOST_SECONDS, meanwhile.
    """

    def __init__(
        self, scheduler: str, jobs: int, notify: Callable[[str], None], stop: Stop
    ) -> None:
        address = address_of(scheduler)
        import dask
        import distributed

        self._killed = distributed.KilledWorker
        self._scheduler, self._notify, self._stop = scheduler, notify, stop
        self._jobs, self._asked = 0, -math.inf
        for name in (*logging.root.manager.loggerDict, "asyncio", "tornado.application"):
            if name.startswith(NOISY):  # what matters of it, we say
                logging.getLogger(name).setLevel(logging.CRITICAL)
        self._stack = ExitStack()
        # tasks carry rows of samples, which are meant to travel; it warns from 10 MB on
        unlimited = {"distributed.admin.large-graph-warning-threshold": sys.maxsize}
        self._stack.enter_context(dask.config.set(unlimited))
        try:
            self._client = self._stack.enter_context(self._connected(address, jobs))
            self._wait_for_a_worker()
            self._check_workers()
        except BaseException:
            self._stack.close()
            raise
        self._executor = self._client.get_executor(pure=False)

    def _connected(self, address: str, jobs: int) -> Any:
        from distributed import Client

        if address == LOCAL:
            cluster = self._stack.enter_context(local_cluster(jobs))
            return Client(cluster, set_as_default=False)
        try:
            return self._answer(
                lambda: Client(address, timeout=CONNECT_SECONDS, set_as_default=False),
                2 * CONNECT_SECONDS,
            )
        except InitlabError:
            raise
        except Exception as error:  # of many kinds
            raise unanswered(self._scheduler, in_short(error)) from None

    def _answer(self, question: Callable[[], T], most_seconds: float | None = None) -> T:
        """What comes of a question that Dask may wait for for ever; we hear Ctrl-C meanwhile.

        Raises:
            TimeoutError: nothing, within `most_seconds`, or LOST_SECONDS, of which we give notice.
            Interrupted: on Ctrl-C.
            Exception: whatever the question raises.
        """
        answer: Future[T] = Future()

        def ask() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:  # belongs to who asked
                answer.set_exception(error)

        threading.Thread(target=ask, name="initlab-asks", daemon=True).start()
        start, said = time.monotonic(), False
        seconds = LOST_SECONDS if most_seconds is None else most_seconds
        while not wait([answer], POLL_SECONDS).done:
            self._check_stop()
            silent = time.monotonic() - start
            if silent > seconds:
                raise TimeoutError(f"no answer for {seconds:g} s")
            if silent > QUIET_SECONDS and most_seconds is None and not said:
                said = True
                self._notify(
                    f"the scheduler {self._scheduler} has not answered for {QUIET_SECONDS:g} s;"
                    f" waiting for up to {seconds:g} s"
                )
        return answer.result()

    def _check_stop(self) -> None:
        if self._stop.asked:
            raise Interrupted(self._stop.reason, exit_code=128 + self._stop.signal)

    def _wait_for_a_worker(self) -> None:
        said = False
        while not self._threads():
            if not said:
                said = True
                self._notify(f"waiting for a worker at {self._scheduler}")
            self._check_stop()
            time.sleep(2 * POLL_SECONDS)

    def _check_workers(self) -> None:
        """All workers must compute with what this process would compute with."""
        ours = environment()
        try:
            found = self._answer(lambda: self._client.run(environment))
        except Interrupted:
            raise
        except TimeoutError as error:
            raise self._workers_lost(error) from None
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

    def _threads(self) -> int:
        """Threads of all workers, now."""
        try:
            return sum(self._answer(self._client.nthreads).values())
        except Interrupted:
            raise
        except Exception as error:
            raise self._workers_lost(error) from None

    @property
    def jobs(self) -> int:
        """Threads of all workers, as of a second ago.

        Raises:
            WorkersLost: the scheduler does not answer any more.
        """
        if time.monotonic() > self._asked + JOBS_CACHE_SECONDS:
            try:
                self._jobs = self._threads()
            except Interrupted:  # who asks for more will see it, too
                return self._jobs
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
        # who dies meanwhile is not missed
        with suppress(OSError, RuntimeError, Interrupted):
            self._answer(lambda: self._client.run(_import_all, on_error="ignore"))

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
