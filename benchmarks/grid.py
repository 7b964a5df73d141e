"""The grid of 200 networks, steady state: initlab, (a), (b), (c), and the share of the limit."""

from collections.abc import Sequence

from benchmarks import equality, machine
from benchmarks.contenders import JOBS, initlab_of, loop, our_name
from benchmarks.limit import Limit, limits
from benchmarks.processes import PROCESSES, end_processes, in_processes
from benchmarks.references import hooked, script
from benchmarks.table import Row, milliseconds, times_as_fast
from benchmarks.timing import Contender, side_by_side
from benchmarks.workloads import GRID, mode

SAMPLE = 20  # networks of a reference in each round
SCRIPT, HOOKS = "(a) script, 1 thread", "(b) hooks, 1 thread"
#: (gradients, jobs) -> times as fast as the script that is wanted
WANTED = {(False, 1): 12, (False, 2): 22, (True, 1): 9, (True, 2): 14}
SHARE = 0.4  # of the limit, wanted


def rows(rounds: int) -> list[Row]:
    """Forward, and with gradients."""
    equality.check(GRID)
    ours = equality.measured(equality.shallow(GRID))
    equality.compare("(c)", ours, in_processes(list(ours), True))
    bounds = limits()
    found = [row for gradients in (False, True) for row in _rows(rounds, bounds, gradients)]
    end_processes()
    return found


def _rows(rounds: int, bounds: dict[int, Limit], gradients: bool) -> list[Row]:
    seconds = side_by_side(_contenders(gradients), rounds)
    what, found = mode(gradients), []
    for name, taken in seconds.items():
        jobs = {our_name(jobs): jobs for jobs in JOBS}.get(name)
        wanted = WANTED[gradients, jobs] if jobs else None
        found.append(
            times_as_fast(f"{what}: {name}", taken, seconds[SCRIPT], SCRIPT, at_least=wanted)
        )
    for jobs in JOBS:
        found.append(_share(what, jobs, bounds[jobs].seconds(GRID, gradients=gradients), seconds))
    return found


def _contenders(gradients: bool) -> dict[str, Contender]:
    sample, cores = GRID.sample(SAMPLE), machine.cores()
    few = sample[::4]  # threads that wait for each other are slow beside anything else
    return {
        **initlab_of(GRID, gradients=gradients),
        SCRIPT: loop(script, sample, gradients=gradients),
        f"(a) script, {cores} threads": loop(script, few, gradients=gradients, threads=cores),
        HOOKS: loop(hooked, sample, gradients=gradients),
        f"(c) hooks, {PROCESSES} processes": Contender(
            lambda: in_processes(sample, gradients), len(sample)
        ),
    }


def _share(what: str, jobs: int, limit: float, seconds: dict[str, list[float]]) -> Row:
    name = our_name(jobs)
    reached: Sequence[float] = [limit / taken for taken in seconds[name]]
    return Row(
        f"{what}: limit, {jobs} core{'s' * (jobs > 1)}",
        milliseconds([limit]),
        "ms a network",
        reached,
        f"reached by {name}",
        at_least=SHARE,
    )
