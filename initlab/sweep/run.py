"""Runs the tasks of a plan: hands them to an engine, and their results to a sink."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from initlab.errors import WorkersLost
from initlab.spec.plan import Plan
from initlab.store.outcome import Outcome
from initlab.store.work import TaskResult, Work, plan_work
from initlab.sweep.dispatch import Dispatcher
from initlab.sweep.engines.engine import Engine
from initlab.sweep.signals import Stop
from initlab.sweep.tasks import Tick, tasks_of

COMMIT_SECONDS = 0.2  # between two commits; so much work a kill may cost


class ResultSink(Protocol):
    """What results are handed to; what was committed is safe. `store.recorder` has one."""

    def remaining(self) -> Work:
        """What is still to be done."""

    def commit(self, done: Sequence[TaskResult]) -> None:
        """Keep what came of some tasks, all of it or nothing."""


def total_layers(plan: Plan, remaining: Work | None = None) -> int:
    """Layers to be passed, forward and backward; some simulated ones count as one."""
    remaining = plan_work(plan) if remaining is None else remaining
    return sum(task.layers for task in tasks_of(plan, remaining, 1))


def run_tasks(
    plan: Plan,
    sink: ResultSink,
    engine: Engine,
    stop: Stop,
    *,
    max_failures: int | None = None,
    on_layer: Tick = lambda _: None,
    on_failure: Callable[[int, Outcome], None] = lambda _, __: None,
) -> None:
    """Run what is still to be done of a plan: measure every network, predict what it should be.

    Args:
        plan: what to run.
        sink: says what remains, and is given the results as they come.
        engine: does the tasks.
        stop: ends the sweep early when it is asked to. What is under way has its grace.
        max_failures: stop after so many failed runs.
        on_layer: called from any thread as layers are done, with the number of networks advanced;
            `total_layers` is their sum.
        on_failure: called with the index of a run that failed, and its outcome.

    Raises:
        WorkersLost: the engine's workers have gone; what was committed stays.
    """

    def tick(networks: int) -> None:
        stop.check()
        on_layer(networks)

    dispatcher = Dispatcher(engine, tick, tasks_of(plan, sink.remaining(), engine.jobs))
    commits = _Commits(sink)
    failed = 0
    try:
        while dispatcher.submit(more=not stop.asked) and not stop.overdue:
            commits.waiting += dispatcher.completed()
            if not (commits.due or dispatcher.idle or dispatcher.error or stop.asked):
                continue
            for index, outcome in commits.flush():
                if outcome.status == "failed":
                    failed += 1
                    on_failure(index, outcome)
            if dispatcher.error is not None:
                raise dispatcher.error
            if max_failures is not None and failed >= max_failures:
                stop.ask(f"stopped after {max_failures} failed run{'s' * (max_failures > 1)}")
        commits.flush()
    except (KeyboardInterrupt, WorkersLost):
        stop.abandon()
        commits.flush()
        raise
    except BaseException:
        stop.abandon()  # nobody will take what still runs
        raise


class _Commits:
    """Results that are committed together: a commit costs milliseconds, and a tiny task less."""

    def __init__(self, sink: ResultSink) -> None:
        self.waiting: list[TaskResult] = []
        self._sink = sink
        self._last = -math.inf

    @property
    def due(self) -> bool:
        """Whether the last commit was long enough ago, or a run failed, which is told at once."""
        failed = any(o.status == "failed" for part in self.waiting for o in part.outcomes.values())
        return failed or time.monotonic() >= self._last + COMMIT_SECONDS

    def flush(self) -> list[tuple[int, Outcome]]:
        """Commit what waits; what became of its runs."""
        done = self.waiting
        self._sink.commit(done)
        self.waiting = []
        self._last = time.monotonic()
        return [pair for part in done for pair in sorted(part.outcomes.items())]
