"""How time grows with depth, width and the number of runs, and the exponents that fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks import equality
from benchmarks.contenders import loop, our_name
from benchmarks.references import script
from benchmarks.sweeping import computed
from benchmarks.table import Row, milliseconds, times_as_fast
from benchmarks.timing import Contender, side_by_side
from benchmarks.workloads import Sweep

BASE = Sweep(("tanh", "relu"), (0.8, 1.0, 1.2, 1.4, 1.6), seeds=2, depth=50, width=128)
SAMPLE = 2  # networks of the script, of each size and round
OURS, SCRIPT = our_name(1), "(a) script, 1 thread"


@dataclass(frozen=True)
class Axis:
    """One size of BASE, varied; `compared` says whether the script is run as well.

    (A script takes as long for each network as for the first.)
    """

    name: str
    sizes: tuple[int, ...]
    sweep: Callable[[int], Sweep]
    compared: bool = True


AXES = (
    Axis("depth", (25, 50, 100, 200, 400), lambda depth: replace(BASE, depth=depth)),
    Axis("width", (32, 64, 128, 256, 512), lambda width: replace(BASE, width=width)),
    Axis(
        "scales",
        (2, 4, 8, 16, 32),
        lambda n: replace(BASE, sigmas=tuple(0.8 + 0.8 * i / n for i in range(n))),
        compared=False,
    ),
    Axis("seeds", (1, 2, 4, 8, 16), lambda seeds: replace(BASE, seeds=seeds), compared=False),
)


def rows(rounds: int) -> list[Row]:
    """With gradients: times of each size, and exponents over all sizes and over the last two."""
    equality.check(BASE)
    return [row for axis in AXES for row in _rows(axis, min(rounds, 3))]


def _rows(axis: Axis, rounds: int) -> list[Row]:
    ours = {f"{axis.name} {size}: {OURS}": _initlab(axis.sweep(size)) for size in axis.sizes}
    theirs = {f"{axis.name} {size}: {SCRIPT}": _script(axis.sweep(size)) for size in axis.sizes}
    seconds = side_by_side({**ours, **(theirs if axis.compared else {})}, rounds)
    found = []
    for our, their in zip(ours, theirs, strict=True):
        if axis.compared:
            found.append(times_as_fast(our, seconds[our], seconds[their], SCRIPT))
        else:
            found.append(Row(our, milliseconds(seconds[our]), "ms a network"))
    for name, group in ((OURS, ours), (SCRIPT, theirs)):
        if name == OURS or axis.compared:
            sweeps = [axis.sweep(size) for size in axis.sizes]
            counts = [len(sweep.networks) if name == OURS else 1 for sweep in sweeps]
            times = [[c * s for s in seconds[n]] for c, n in zip(counts, group, strict=True)]
            found += _exponents(f"{axis.name}: {name}", axis.sizes, times)
    return found


def _initlab(sweep: Sweep) -> Contender:
    plan = sweep.plan(gradients=True)
    return Contender(lambda: computed(plan, 1), len(plan.runs))


def _script(sweep: Sweep) -> Contender:
    return loop(script, sweep.sample(SAMPLE), gradients=True)


def _exponents(what: str, sizes: Sequence[int], times: Sequence[Sequence[float]]) -> list[Row]:
    """Over all sizes, and over the last two; `times` has a list of rounds for each size."""
    return [
        Row(f"{what}, {ends[0]} to {ends[-1]}", _fit(ends, times[-len(ends) :]), "exponent")
        for ends in (sizes, sizes[-2:])
    ]


def _fit(sizes: Sequence[int], times: Sequence[Sequence[float]]) -> list[float]:
    """The p of t = c size^p by least squares, the slope of ln t over ln size; one a round."""
    return [
        float(np.polyfit(np.log(sizes), np.log(taken), 1)[0]) for taken in zip(*times, strict=True)
    ]
