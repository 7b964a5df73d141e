"""Tasks in flight: how many at a time, and what becomes of them when a worker dies."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass

from initlab.errors import Interrupted, WorkersLost
from initlab.store.outcome import Outcome
from initlab.store.work import Done, Measure, Task
from initlab.sweep.engines.engine import Engine
from initlab.sweep.tasks import Tick

AHEAD = 2  # tasks in flight for each that is being done: few, so that a stop is heard at once
BEAT = 0.1  # seconds between two looks at whether to stop
ATTEMPTS = 3  # workers that a task may kill


@dataclass(eq=False)
class _Errand:
    """A task on its way: how many workers died of it, and whether it went alone."""

    task: Task
    deaths: int = 0
    alone: bool = False


class Flight:
    """Tasks in flight, a few for each job, and those that wait.

    When a worker dies, everything that it held is suspect. Suspects go last and one at a time, and
    a share that is guilty network by network, so that no other run is failed.
    """

    def __init__(self, engine: Engine, tick: Tick, tasks: Sequence[Task]) -> None:
        self.engine = engine
        self.tick = tick
        self.queue = deque(map(_Errand, tasks))
        self.suspects: deque[_Errand] = deque()
        self.pending: dict[Future[Done], _Errand] = {}
        self.broken: Exception | None = None  # to be raised once what has landed is safe

    def fill(self, *, more: bool) -> bool:
        """Start what may be started, or take back what was not yet; whether anything is pending."""
        if not more:
            recalled = [future for future in self.pending if self.engine.recall(future)]
            for future in recalled:
                del self.pending[future]
            return bool(self.pending)
        most = AHEAD * max(1, self.engine.jobs)  # asked every time: it tells whether all have gone
        while self.queue and len(self.pending) < most:
            self._send(self.queue.popleft())
        if self.suspects and not self.pending:
            suspect = self.suspects.popleft()
            suspect.alone = True
            self.engine.warm_up()
            self._send(suspect)
        return bool(self.pending)

    def _send(self, errand: _Errand) -> None:
        self.pending[self.engine.submit(errand.task, self.tick)] = errand

    def landed(self) -> list[Done]:
        """What is done by now; waits a moment if nothing is."""
        done, _ = wait(self.pending, BEAT, FIRST_COMPLETED)
        in_order = [future for future in self.pending if future in done]
        found = [self._result(future, self.pending.pop(future)) for future in in_order]
        return [result for result in found if result is not None]

    def _result(self, future: Future[Done], errand: _Errand) -> Done | None:
        try:
            return future.result()
        except Interrupted:
            return None
        except CancelledError:
            self.broken = WorkersLost(
                "the scheduler of the workers has gone", "the same command continues, with another"
            )
        except Exception as error:
            deaths = self.engine.deaths(error)
            if deaths:
                return self._died(errand, deaths)
            self.broken = error
        return None

    def _died(self, errand: _Errand, deaths: int) -> Done | None:
        errand.deaths += deaths
        parts = errand.task.alone()
        if errand.alone and len(parts) > 1:
            self.suspects += [_Errand(task, errand.deaths) for task in parts]
            return None
        if not errand.alone or errand.deaths < ATTEMPTS:
            self.suspects.append(errand)
            return None
        reason = f"its worker died, {errand.deaths} times"
        if isinstance(errand.task, Measure):
            ((index, _),) = errand.task.share.runs
            return Done(errand.task, outcomes={index: Outcome("failed", reason=reason)})
        return Done(errand.task, found=(f"no prediction or band: {reason}",))
