"""Submits tasks to an engine, a few at a time, and retries those whose worker died."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass

from initlab.errors import Interrupted, WorkersLost
from initlab.store.outcome import Outcome
from initlab.store.work import MeasureTask, Task, TaskResult
from initlab.sweep.engines.engine import Engine
from initlab.sweep.tasks import Tick

TASKS_PER_JOB = 2  # submitted for each that runs: few, so that a stop is heard at once
POLL_SECONDS = 0.1  # between two looks at whether to stop
ATTEMPTS = 3  # workers that a task may kill


@dataclass(eq=False)
class _QueuedTask:
    """A task that waits or runs: how many workers died of it, and whether it runs alone."""

    task: Task
    deaths: int = 0
    alone: bool = False


class Dispatcher:
    """Tasks that an engine runs, a few for each job, and those that wait.

    When a worker dies, any task that it held may have killed it. Those are run again last, one at a
    time; a share that kills again is run network by network, so that no other run is failed.
    """

    def __init__(self, engine: Engine, tick: Tick, tasks: Sequence[Task]) -> None:
        self.engine = engine
        self.tick = tick
        self.queue = deque(map(_QueuedTask, tasks))
        self.suspects: deque[_QueuedTask] = deque()
        self.pending: dict[Future[TaskResult], _QueuedTask] = {}
        self.error: Exception | None = None  # to be raised once completed results are kept

    def submit(self, *, more: bool) -> bool:
        """Submit what may be submitted, or cancel what has not started; whether any is pending."""
        if not more:
            recalled = [future for future in self.pending if self.engine.recall(future)]
            for future in recalled:
                del self.pending[future]
            return bool(self.pending)
        # asked every time: it raises when all workers are lost
        most = TASKS_PER_JOB * max(1, self.engine.jobs)
        while self.queue and len(self.pending) < most:
            self._send(self.queue.popleft())
        if self.suspects and not self.pending:
            suspect = self.suspects.popleft()
            suspect.alone = True
            self.engine.warm_up()
            self._send(suspect)
        return bool(self.pending)

    @property
    def idle(self) -> bool:
        """Whether nothing is pending, and nothing waits."""
        return not (self.pending or self.queue or self.suspects)

    def _send(self, queued: _QueuedTask) -> None:
        self.pending[self.engine.submit(queued.task, self.tick)] = queued

    def completed(self) -> list[TaskResult]:
        """Results that have come in; waits up to POLL_SECONDS for the first."""
        done, _ = wait(self.pending, POLL_SECONDS, FIRST_COMPLETED)
        in_order = [future for future in self.pending if future in done]
        found = [self._result(future, self.pending.pop(future)) for future in in_order]
        return [result for result in found if result is not None]

    def _result(self, future: Future[TaskResult], queued: _QueuedTask) -> TaskResult | None:
        try:
            return future.result()
        except Interrupted:
            return None
        except CancelledError:
            self.error = WorkersLost(
                "the scheduler of the workers has gone", "the same command continues, with another"
            )
        except Exception as error:
            deaths = self.engine.deaths(error)
            if deaths:
                return self._died(queued, deaths)
            self.error = error
        return None

    def _died(self, queued: _QueuedTask, deaths: int) -> TaskResult | None:
        queued.deaths += deaths
        parts = queued.task.split()
        if queued.alone and len(parts) > 1:
            self.suspects += [_QueuedTask(task, queued.deaths) for task in parts]
            return None
        if not queued.alone or queued.deaths < ATTEMPTS:
            self.suspects.append(queued)
            return None
        reason = f"its worker died, {queued.deaths} times"
        if isinstance(queued.task, MeasureTask):
            ((index, _),) = queued.task.share.runs
            return TaskResult(queued.task, outcomes={index: Outcome("failed", reason=reason)})
        return TaskResult(queued.task, found=(f"no prediction or band: {reason}",))
