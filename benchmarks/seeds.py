"""Seeds only: 16 networks of one point, which share nothing, at widths from 8 to 1024."""

from benchmarks import equality
from benchmarks.contenders import initlab_of, loop
from benchmarks.references import loop64, script
from benchmarks.table import Row, times_as_fast
from benchmarks.timing import side_by_side
from benchmarks.workloads import WIDTHS, mode, seeds_only

SAMPLE = 8  # networks of a reference in each round; 2 of the widest
LOOP64, SCRIPT = "loop with float64 statistics, 1 thread", "(a) script, 1 thread"


def rows(rounds: int) -> list[Row]:
    """Every width, forward and with gradients."""
    for width in WIDTHS:
        equality.check(seeds_only(width))
    return [
        row
        for gradients in (False, True)
        for width in WIDTHS
        for row in _rows(rounds if width < 1024 else min(rounds, 2), width, gradients)
    ]


def _rows(rounds: int, width: int, gradients: bool) -> list[Row]:
    sweep = seeds_only(width)
    sample = sweep.sample(SAMPLE if width < 1024 else 2)
    ours = initlab_of(sweep, gradients=gradients)
    seconds = side_by_side(
        {
            **ours,
            LOOP64: loop(loop64, sample, gradients=gradients),
            SCRIPT: loop(script, sample, gradients=gradients),
        },
        rounds,
        warm_up=width < 1024,
    )
    found = []
    for name, taken in seconds.items():
        wanted = None
        if name in ours:
            wanted = 1.5 if width == 256 and "2 jobs" in name else 1.0
        what = f"width {width}, {mode(gradients)}: {name}"
        found.append(times_as_fast(what, taken, seconds[LOOP64], LOOP64, at_least=wanted))
    return found
