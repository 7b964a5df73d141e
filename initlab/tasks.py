"""What a sweep consists of: tasks that need nothing but themselves, wherever they are done.

A share of networks is measured, points are predicted, finite-width bands are simulated.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from initlab.errors import Interrupted
from initlab.provenance import environment
from initlab.spec.plan import Plan
from initlab.spec.run import Run, seedless
from initlab.spec.shares import Share, batched
from initlab.theory.expectation import Expected, expected, simulated
from initlab.theory.finite_width import Band, Simulated, bands
from initlab.theory.prediction import predict
from initlab.verdicts import Outcome

PREDICTED_AT_ONCE = 2000  # points of one task
BANDS_AT_ONCE = 16  # points of one task: their draws, shared, cost little any more
SIMULATED = 7  # networks simulated in about the time in which one passes forward

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Measure:
    """Build and measure the networks of a share."""

    share: Share

    @property
    def work(self) -> int:
        """Layers to be passed, forward and backward."""
        return sum(r.depth * (2 if r.record == "both" else 1) for _, r in self.share.runs)

    def alone(self) -> "list[Measure]":
        """The same networks, each by itself."""
        return [Measure(Share((pair,))) for pair in self.share.runs]


@dataclass(frozen=True)
class Predict:
    """Say what theory expects of some points: runs with seed 0."""

    points: tuple[Run, ...]
    work = 0

    def alone(self) -> "list[Predict]":
        """The same points, each by itself."""
        return [Predict((point,)) for point in self.points]


@dataclass(frozen=True)
class Simulate:
    """Simulate the finite-width bands of points that share their draws."""

    points: tuple[Simulated, ...]
    networks: int

    @property
    def work(self) -> int:
        """Layers to be simulated; some count as one layer of a network that is built."""
        return sum(len(point.laws) for point in self.points) * self.networks // SIMULATED

    def alone(self) -> "list[Simulate]":
        """The same points, each by itself."""
        return [Simulate((point,), self.networks) for point in self.points]


Task = Measure | Predict | Simulate


@dataclass(frozen=True)
class Done:
    """What came of a task: an outcome for every run's index, or what was found for every point.

    Where a point has a text, it says why nothing was found. That costs nobody a measurement.
    """

    task: Task
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    found: "tuple[Expected | Band | str, ...]" = ()
    environment: dict[str, Any] = field(default_factory=dict)


@dataclass
class Missing:
    """What a sweep still has to do: indices of runs, points to predict, bands to simulate."""

    runs: list[int]
    points: list[Run]
    bands: list[Simulated]

    def __bool__(self) -> bool:
        return bool(self.runs or self.points or self.bands)


def everything(plan: Plan) -> Missing:
    """All that a plan asks for, each once. Bands of all parts of a plan are shared out evenly."""
    points = list(dict.fromkeys(map(seedless, plan.runs)))
    wanted: list[Simulated] = []
    if plan.head.band:
        runs = points if plan.part is None else plan.part.whole.runs
        wanted = list(dict.fromkeys(s for run in runs if (s := simulated(run)) is not None))
    if plan.part is not None:
        wanted = wanted[plan.part.number - 1 :: plan.part.parts]
    return Missing(list(range(len(plan.runs))), points, wanted)


def tasks_of(plan: Plan, missing: Missing, jobs: int) -> list[Task]:
    """What is missing, as tasks. How it is divided changes no number."""
    by_activation = sorted(missing.points, key=lambda run: repr(run.activation))
    return [
        *(Measure(share) for share in plan.shares(jobs, missing.runs)),
        *(Predict(tuple(part)) for part in batched(by_activation, PREDICTED_AT_ONCE)),
        *_simulations(missing.bands, plan.head.band, jobs),
    ]


def _simulations(points: Sequence[Simulated], networks: int, jobs: int) -> Iterator[Simulate]:
    """In groups that share their draws, cut so that every job has work."""
    groups: dict[object, list[Simulated]] = {}
    for point in points:
        groups.setdefault(point.draws, []).append(point)
    fair = max(1, math.ceil(len(points) / jobs))
    for group in groups.values():
        for part in batched(group, min(fair, BANDS_AT_ONCE)):
            yield Simulate(tuple(part), networks)


def perform(task: Task, tick: Tick = lambda _: None) -> Done:
    """Do a task, in any thread of any process.

    Args:
        task: what to do.
        tick: called before every layer with the number of networks advanced; it may raise.

    Raises:
        Interrupted: `tick` did.
    """
    import torch

    torch.set_num_threads(1)  # parallelism is over tasks
    _keep_freed_memory()
    if isinstance(task, Measure):
        return Done(task, outcomes=_measured(task.share, tick), environment=environment())
    return Done(task, found=tuple(_found(task, tick)))


def _found(task: Predict | Simulate, tick: Tick) -> Sequence[Expected | Band | str]:
    """What theory says of each point. An exception is about its own point, and no other."""
    try:
        if isinstance(task, Predict):
            return [expected(p) for p in predict(task.points, tick=lambda: tick(0))]
        return bands(task.points, task.networks, lambda count: tick(count // SIMULATED))
    except Interrupted:
        raise
    except Exception as error:
        if len(task.points) > 1:
            return [found for alone in task.alone() for found in _found(alone, tick)]
        what = "prediction" if isinstance(task, Predict) else "band"
        return [f"no {what}: {in_short(error)}"]


def _measured(share: Share, tick: Tick) -> dict[int, Outcome]:
    """Outcomes of one share. An exception fails the run it belongs to, and no other."""
    from initlab.network.propagate import measure

    start = time.perf_counter()
    try:
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


def in_short(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


@cache
def _keep_freed_memory() -> None:
    """Let the C library keep freed blocks for the next layer.

    glibc gives them back to the system until it has seen one this large freed; without it every
    layer would fault its memory in anew (measured: 1.3 times the time of a forward sweep).
    """
    import torch

    torch.empty(31 << 20, dtype=torch.uint8)
