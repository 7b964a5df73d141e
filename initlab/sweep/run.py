"""Runs a plan: hands tasks to an engine and what came of them to a ledger."""

from collections.abc import Callable, Sequence
from typing import Protocol

from initlab.spec.plan import Plan
from initlab.store.outcome import Outcome
from initlab.store.work import Done, Missing, everything
from initlab.sweep.dispatch import Flight
from initlab.sweep.engines.engine import Engine
from initlab.sweep.signals import Stop
from initlab.sweep.tasks import Tick, tasks_of


class Ledger(Protocol):
    """Where results go. What was committed is safe."""

    def missing(self) -> Missing:
        """What is still to be done."""

    def commit(self, done: Sequence[Done]) -> None:
        """Keep what came of some tasks, all of it or nothing."""


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

    flight = Flight(engine, tick, tasks_of(plan, ledger.missing(), engine.jobs))
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
