"""Finite-width bands: what the default costs the grid, and a simulated network."""

from benchmarks.contenders import JOBS, initlab_of, our_name
from benchmarks.sweeping import computed
from benchmarks.table import Row
from benchmarks.timing import Contender, side_by_side
from benchmarks.workloads import GRID, Sweep, mode
from initlab.store.work import SimulateTask, plan_work
from initlab.sweep.tasks import run_task
from initlab.theory.finite_width import BandPoint

BAND = 400  # the default
WANTED = 2.5  # times as long as without bands
REPLICATES = 40  # networks of each point that are simulated beside those that are built
BUILT = Sweep(sigmas=(0.8, 1.0, 1.2, 1.4))


def rows(rounds: int) -> list[Row]:
    """The grid with bands and without; then a simulated network against one that is built."""
    with_and_without = [_default(min(rounds, 2), gradients) for gradients in (False, True)]
    return [*(row for found in with_and_without for row in found), _simulated(rounds)]


def _default(rounds: int, gradients: bool) -> list[Row]:
    banded = initlab_of(GRID, gradients=gradients, band=BAND)
    bare = initlab_of(GRID, gradients=gradients)
    seconds = side_by_side(
        {
            **{f"band: {BAND}: {name}": contender for name, contender in banded.items()},
            **{f"band: 0: {name}": contender for name, contender in bare.items()},
        },
        rounds,
        warm_up=False,
    )
    found = []
    for jobs in JOBS:
        name = our_name(jobs)
        totals = [
            [len(GRID.networks) * s for s in seconds[f"band: {b}: {name}"]] for b in (BAND, 0)
        ]
        longer = [a / b for a, b in zip(*totals, strict=True)]
        what = f"grid with band: {BAND}, {mode(gradients)}: {name}"
        found.append(Row(what, totals[0], "s", longer, "time with band: 0", at_most=WANTED))
    return found


def _simulated(rounds: int) -> Row:
    plan = BUILT.plan(gradients=False)
    points = tuple(p for p in plan_work(plan).bands if isinstance(p, BandPoint))
    task = SimulateTask(points, REPLICATES)
    seconds = side_by_side(
        {
            "simulated": Contender(lambda: run_task(task), len(points) * REPLICATES),
            "built": Contender(lambda: computed(plan, 1), len(plan.runs)),
        },
        rounds,
    )
    faster = [b / s for s, b in zip(seconds["simulated"], seconds["built"], strict=True)]
    simulated = [1e3 * s for s in seconds["simulated"]]
    against = "speed of building and measuring one, forward"
    return Row("a simulated network, one thread", simulated, "ms a network", faster, against)
