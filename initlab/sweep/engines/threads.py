"""Threads of this process: torch releases the interpreter's lock, and they start at once."""

import sys
from concurrent.futures import Future, ThreadPoolExecutor

from initlab.store.work import Task, TaskResult
from initlab.sweep.signals import THREAD_PREFIX
from initlab.sweep.tasks import Tick, run_task

#: after which a thread that waits for the interpreter is given it: between two of torch's functions
#: it needs microseconds, for which it may wait 5 ms by default (measured on 2 threads, 100 x 256:
#: 0.85 times the time forward, 0.95 with gradients)
SWITCH_SECONDS = 1e-4


class Threads:
    """Tasks on so many threads. What is under way ends when its `tick` raises."""

    def __init__(self, jobs: int) -> None:
        import torch

        self.jobs = jobs
        self._torch_threads = torch.get_num_threads()
        self._switch_seconds = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._pool = ThreadPoolExecutor(jobs, THREAD_PREFIX)

    def submit(self, task: Task, tick: Tick) -> Future[TaskResult]:
        """Hand in a task."""
        return self._pool.submit(run_task, task, tick)

    def warm_up(self) -> None:
        """Nothing: this process has done so."""

    def recall(self, future: Future[TaskResult]) -> bool:
        """Take back a task that was not started yet."""
        return future.cancel()

    def deaths(self, error: BaseException) -> int:
        """Always 0: a thread does not die alone."""
        return 0

    def close(self) -> None:
        """Leave torch and the interpreter as they were."""
        import torch

        self._pool.shutdown(wait=False, cancel_futures=True)
        torch.set_num_threads(self._torch_threads)
        sys.setswitchinterval(self._switch_seconds)
