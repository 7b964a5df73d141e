"""Everything in turn: what slows the machine for a while slows all that is compared."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """Something to be timed, and how many networks (or calls) it does at a time."""

    run: Callable[[], object]
    count: int = 1

    def time(self) -> float:
        """Seconds a network."""
        gc.collect()  # what others have left behind is not this one's
        start = time.perf_counter()
        self.run()
        return (time.perf_counter() - start) / self.count


def side_by_side(
    contenders: Mapping[str, Contender], rounds: int, *, warm_up: bool = True
) -> dict[str, list[float]]:
    """Seconds a network of each contender in each round.

    A round times all of them, every other one in reverse order. With `warm_up`, a first round is
    thrown away.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(-1 if warm_up else 0, rounds):
        names = list(contenders)[:: 1 if number % 2 == 0 else -1]
        for name in names:
            taken = contenders[name].time()
            if number >= 0:
                seconds[name].append(taken)
    return seconds
