"""Runs a plan: hands tasks to an engine and what came of them to a ledger."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from typing import Protocol

from initlab.catalog.columns import columns
from initlab.engines.engine import Engine
from initlab.errors import InputError, Interrupted, WorkersLost
from initlab.plan import Plan
from initlab.stopping import Stop
from initlab.tasks import Done, Measure, Missing, Task, Tick, everything, tasks_of
from initlab.theory.prediction import AT_ONCE
from initlab.verdicts import Outcome

LIBRARIES_BYTES = 400 << 20  # torch and pandas, loaded
PREDICTED_BYTES = 1024  # a layer, while its prediction is made
COLUMNS = len(columns("layers", "forward", "backward")) + 4  # numbers kept of a layer
AHEAD = 2  # tasks in flight for each that is being done: few, so that a stop is heard at once
BEAT = 0.1  # seconds between two looks at whether to stop
ATTEMPTS = 3  # workers that a task may kill


class Ledger(Protocol):
    """Where results go. What was committed is safe."""

    def missing(self) -> Missing:
        """What is still to be done."""

    def commit(self, done: Sequence[Done]) -> None:
        """Keep what came of some tasks, all of it or nothing."""


def default_jobs() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes(plan: Plan, jobs: int) -> int:
    """An estimate of the most memory a sweep uses: its largest shares, at once and as results."""
    shares = sorted((share.memory_bytes for share in plan.shares(jobs)), reverse=True)
    layers = min(sum(run.depth for run in plan.runs), AT_ONCE)
    return LIBRARIES_BYTES + sum(shares[:jobs]) + layers * (PREDICTED_BYTES + COLUMNS * 8)


def check_memory(plan: Plan, jobs: int) -> None:
    """Refuse a sweep that cannot fit, before anything is computed.

    Raises:
        InputError: with the estimate, and what there is.
    """
    import psutil

    needed, available = memory_bytes(plan, jobs), psutil.virtual_memory().available
    if needed > available:
        smaller = "a smaller width, depth or batch, or record: forward"
        fix = "--jobs 1" if jobs > 1 and memory_bytes(plan, 1) <= available else smaller
        raise InputError(
            f"{plan.head.name}: needs about {needed / 2**30:.1f} GiB of memory with"
            f" --jobs {jobs}, {available / 2**30:.1f} GiB are free",
            fix,
        )


def work(plan: Plan, missing: Missing | None = None) -> int:
    """Layers to be passed, forward and backward; some simulated ones count as one."""
    missing = everything(plan) if missing is None else missing
    return sum(task.work for task in tasks_of(plan, missing, 1))


def run(
    plan: Plan,
    ledger: Ledger,
    engine: Engine,
    stop: Stop,
    *,
    max_failures: int | None = None,
    on_layer: Tick = lambda _: None,
    on_failure: Callable[[int, Outcome], None] = lambda _, __: None,
) -> None:
    """Do what a ledger misses of a plan: measure every network, forecast what it should be.

    Args:
        plan: what to run.
        ledger: is given the results as they come.
        engine: does the tasks.
        stop: ends the sweep early when it is asked to. What is under way has its grace.
        max_failures: stop after so many failed runs.
        on_layer: called from any thread as layers are done, with the number of networks advanced;
            `work` is their sum.
        on_failure: called with the index of a run that failed, and its outcome.

    Raises:
        WorkersLost: the engine's workers have gone; what was committed stays.
    """

    def tick(networks: int) -> None:
        stop.check()
        on_layer(networks)

    flight = _Flight(engine, tick, tasks_of(plan, ledger.missing(), engine.jobs))
    failed = 0
    try:
        while flight.fill(more=not stop.asked) and not stop.overdue:
            done = flight.landed()
            ledger.commit(done)
            if flight.broken is not None:
                raise flight.broken
            for index, outcome in (pair for d in done for pair in sorted(d.outcomes.items())):
                if outcome.status == "failed":
                    failed += 1
                    on_failure(index, outcome)
            if max_failures is not None and failed >= max_failures:
                stop.ask(f"stopped after {max_failures} failed run{'s' * (max_failures > 1)}")
    except BaseException:
        stop.abandon()  # nobody will take what is under way
        raise


@dataclass(eq=False)
class _Errand:
    """A task on its way: how many workers died of it, and whether it went alone."""

    task: Task
    deaths: int = 0
    alone: bool = False


class _Flight:
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
