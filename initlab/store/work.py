"""What a sweep consists of: tasks that need nothing but themselves, wherever they are done.

A share of networks is measured, points are predicted, finite-width bands are simulated.
"""

from dataclasses import dataclass, field
from typing import Any

from initlab.spec.plan import Plan
from initlab.spec.run import Run
from initlab.spec.shares import Share
from initlab.store.outcome import Outcome
from initlab.theory.expectation import PredictedNumbers, band_point
from initlab.theory.finite_width import Band, BandPoint
from initlab.theory.random_point import RandomPoint

SIMULATED_PER_BUILT = 7  # networks simulated in about the time in which one passes forward


@dataclass(frozen=True)
class MeasureTask:
    """Build and measure the networks of a share."""

    share: Share

    @property
    def layers(self) -> int:
        """Layers to be passed, forward and backward."""
        return sum(r.depth * (2 if r.backward else 1) for _, r in self.share.runs)

    def split(self) -> "list[MeasureTask]":
        """The same networks, each by itself."""
        return [MeasureTask(Share((pair,))) for pair in self.share.runs]


@dataclass(frozen=True)
class PredictTask:
    """Say what theory expects of some points: runs with seed 0."""

    points: tuple[Run, ...]
    layers = 0

    def split(self) -> "list[PredictTask]":
        """The same points, each by itself."""
        return [PredictTask((point,)) for point in self.points]


@dataclass(frozen=True)
class SimulateTask:
    """Simulate the finite-width bands of points that share their draws; `networks` are asked for.

    A point whose networks are drawn whole is alone.
    """

    points: "tuple[BandPoint, ...] | tuple[RandomPoint]"
    networks: int

    @property
    def layers(self) -> int:
        """Layers to be simulated; some count as one layer of a network that is built."""
        simulated = {point.simulated for point in self.points}
        drawn = sum(p.layers(self.networks) for p in simulated if isinstance(p, RandomPoint))
        layers = sum(len(p.variances) for p in simulated if isinstance(p, BandPoint))
        return drawn + layers * self.networks // SIMULATED_PER_BUILT

    def split(self) -> "list[SimulateTask]":
        """The same points, each by itself."""
        return [SimulateTask((point,), self.networks) for point in self.points]  # type: ignore[arg-type]


Task = MeasureTask | PredictTask | SimulateTask


@dataclass(frozen=True)
class TaskResult:
    """What came of a task: an outcome for every run's index, or what was found for every point.

    Where a point has a text, it says why nothing was found. That costs nobody a measurement.
    """

    task: Task
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    found: "tuple[PredictedNumbers | Band | str, ...]" = ()
    environment: dict[str, Any] = field(default_factory=dict)


@dataclass
class Work:
    """What a sweep still has to do: indices of runs, points to predict, bands to simulate."""

    runs: list[int]
    points: list[Run]
    bands: list[BandPoint | RandomPoint]

    def __bool__(self) -> bool:
        return bool(self.runs or self.points or self.bands)


def plan_work(plan: Plan) -> Work:
    """All that a plan asks for, each once. Bands of all parts of a plan are shared out evenly."""
    points = list(dict.fromkeys(run.point for run in plan.runs))
    wanted: list[BandPoint | RandomPoint] = []
    if plan.head.band.networks:
        runs = points if plan.part is None else plan.part.whole.runs
        found = (band_point(run, plan.head.band.gradient) for run in runs)
        wanted = list(dict.fromkeys(point for point in found if point is not None))
    if plan.part is not None:
        wanted = wanted[plan.part.number - 1 :: plan.part.parts]
    return Work(list(range(len(plan.runs))), points, wanted)
