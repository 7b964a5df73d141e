"""From a plan to tasks, and how each of them is done, in any thread of any process."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any

from initlab.catalog import ACTIVATIONS
from initlab.errors import Interrupted, in_short
from initlab.spec.plan import Plan
from initlab.spec.run import Run
from initlab.spec.shares import Share, batched
from initlab.store.outcome import Outcome
from initlab.store.provenance import environment
from initlab.store.work import (
    SIMULATED_PER_BUILT,
    MeasureTask,
    PredictTask,
    SimulateTask,
    Task,
    TaskResult,
    Work,
)
from initlab.theory.expectation import PredictedNumbers, asks_more
from initlab.theory.finite_width import Band, BandPoint, bands
from initlab.theory.initial_loss import initial_loss
from initlab.theory.prediction import predict
from initlab.theory.random_point import RandomPoint

PREDICTED_AT_ONCE = 2000  # points of one task
BANDS_AT_ONCE = 16  # simulations of one task: their draws, shared, cost little any more

Tick = Callable[[int], None]

_SMALL = threading.Lock()  # networks whose layers are calls of Python, one share at a time
_FIRST = threading.Lock()  # `cache` by itself lets two threads in


def tasks_of(plan: Plan, remaining: Work, jobs: int) -> list[Task]:
    """What is missing, as tasks. How it is divided changes no number."""
    by_activation = sorted(remaining.points, key=lambda run: repr(run.activation))
    return [
        *(MeasureTask(share) for share in plan.shares(jobs, remaining.runs)),
        *(PredictTask(tuple(part)) for part in batched(by_activation, PREDICTED_AT_ONCE)),
        *_simulations(remaining.bands, plan.head.band.networks, jobs),
    ]


def _simulations(
    points: Sequence[BandPoint | RandomPoint], networks: int, jobs: int
) -> Iterator[SimulateTask]:
    """In groups that share their draws, cut so that every job has work.

    Points that share a simulation stay together.
    """
    groups: dict[object, dict[Any, list[Any]]] = {}
    for point in points:
        groups.setdefault(point.draws, {}).setdefault(point.simulated, []).append(point)
    fair = max(1, math.ceil(sum(map(len, groups.values())) / jobs))
    for group in groups.values():
        for part in batched(list(group.values()), min(fair, BANDS_AT_ONCE)):
            yield SimulateTask(tuple(point for alike in part for point in alike), networks)


def run_task(task: Task, tick: Tick = lambda _: None) -> TaskResult:
    """Do a task, in any thread of any process.

    Args:
        task: what to do.
        tick: called before every layer with the number of networks advanced; it may raise.

    Raises:
        Interrupted: `tick` did.
    """
    import torch

    torch.set_num_threads(1)  # parallelism is over tasks
    with _FIRST:
        _prepare()
    if isinstance(task, MeasureTask):
        return TaskResult(task, outcomes=_measured(task.share, tick), environment=environment())
    from initlab.network.scratch import scratch_of_thread

    scratch_of_thread(None)  # nothing is measured here for a while: let go of what was kept for it
    return TaskResult(task, found=tuple(_found(task, tick)))


def _found(task: PredictTask | SimulateTask, tick: Tick) -> Sequence[PredictedNumbers | Band | str]:
    """What theory says of each point. An exception is about its own point, and no other."""
    try:
        if isinstance(task, PredictTask):
            return _predicted(task.points, lambda: tick(0))
        return _bands(task, tick)
    except Interrupted:
        raise
    except Exception as error:
        if len(task.points) > 1:
            return [found for alone in task.split() for found in _found(alone, tick)]
        what = "prediction" if isinstance(task, PredictTask) else "band"
        return [f"no {what}: {in_short(error)}"]


def _bands(task: SimulateTask, tick: Tick) -> list[Band]:
    """The bands of points that are all of one kind."""
    simulated = [point for point in task.points if isinstance(point, BandPoint)]
    if simulated:
        return bands(simulated, task.networks, lambda count: tick(count // SIMULATED_PER_BUILT))
    from initlab.network.random_networks import random_band

    drawn = [point for point in task.points if isinstance(point, RandomPoint)]
    return [random_band(point, point.networks(task.networks), tick) for point in drawn]


def _predicted(points: Sequence[Run], tick: Callable[[], None]) -> list[PredictedNumbers]:
    """What theory says of each point, and of some more than of others."""
    asking = [point for point in points if asks_more(point)]
    others = [point for point in points if not asks_more(point)]
    found: dict[Run, PredictedNumbers] = {}
    for point, prediction in zip(asking, predict(asking, more=True, tick=tick), strict=True):
        tick()
        last, loss = prediction.last, None
        if last is not None and prediction.limits.nan_onset is None:
            loss = initial_loss(point, last).value
        found[point] = PredictedNumbers.of(prediction, loss)
    for point, prediction in zip(others, predict(others, tick=tick), strict=True):
        found[point] = PredictedNumbers.of(prediction)
    return [found[point] for point in points]


def _measured(share: Share, tick: Tick) -> dict[int, Outcome]:
    """Outcomes of one share. An exception fails the run it belongs to, and no other."""
    from initlab.network.propagate import measure

    try:
        with _SMALL if share.is_small else nullcontext():
            start = time.perf_counter()
            measured = measure(share, tick)
    except Interrupted:
        raise
    except Exception as error:  # whatever torch raises belongs to these networks, not to the sweep
        if len(share.runs) > 1:
            alone = [_measured(Share((pair,)), tick) for pair in share.runs]
            return {index: outcome for part in alone for index, outcome in part.items()}
        return {share.runs[0][0]: Outcome("failed", reason=in_short(error))}
    seconds = (time.perf_counter() - start) / len(share.runs)
    return {index: Outcome("ok", m, seconds=seconds) for index, m in measured.items()}


@cache
def _prepare() -> None:
    """What a process does once, before any of its threads computes."""
    import torch

    # glibc gives freed blocks back to the system until it has seen one this large freed; without it
    # every layer would fault its memory in anew (measured: 1.3 times the time of a forward sweep)
    torch.empty(31 << 20, dtype=torch.uint8)
    # Some of torch's functions are a vector library's. Where two threads make its first call at
    # once, one may be answered by a version for other accuracy or another processor (measured:
    # tanh of float32 off by 2e-5, in 4 of 19,500 processes; in none of 18,000 after a first call)
    for dtype in (torch.float32, torch.float64):
        z = torch.ones(64, dtype=dtype)
        for activation in ACTIVATIONS.values():
            activation.bind(activation.defaults)(z)
            if (into := activation.bind_into(activation.defaults)) is not None:
                into(z, torch.empty_like(z), torch.empty_like(z))
        for function in (torch.exp, torch.log, torch.log1p, torch.sqrt, torch.erf, torch.sin):
            function(z)
