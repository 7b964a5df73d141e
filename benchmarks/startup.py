"""One small network, 10 x 64 with gradients, as a whole process: what starting costs."""

from benchmarks.sweeping import sweep_process
from benchmarks.table import Row
from benchmarks.timing import Contender, side_by_side
from benchmarks.whole import plain_script, spec_file
from benchmarks.workloads import SMALL

SCRIPT = "(a) python script.py"
WANTED = 1.15  # times as long as the script
TURNS = 2  # for each round: a process is over soon, and a start spreads


def rows(rounds: int) -> list[Row]:
    """With the default bands and without, which the script has not."""
    with (
        spec_file(SMALL, gradients=True) as bare,
        spec_file(SMALL, gradients=True, band=400) as banded,
    ):
        seconds = side_by_side(
            {
                "initlab sweep, band: 0": Contender(lambda: sweep_process(bare, 1)),
                "initlab sweep, band: 400": Contender(lambda: sweep_process(banded, 1)),
                SCRIPT: Contender(lambda: plain_script("--small", gradients=True)),
            },
            TURNS * rounds,
        )
    found = []
    for name, taken in seconds.items():
        longer = [a / b for a, b in zip(taken, seconds[SCRIPT], strict=True)]
        wanted = None if name == SCRIPT else WANTED
        found.append(Row(name, taken, "s", longer, f"time of {SCRIPT}", at_most=wanted))
    return found
