"""Shares: runs that are computed side by side, layer by layer.

Runs of a share differ only in seed, scale, activation, loss or bias scale. One set of draws serves
all those of a seed. Torch-free.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from initlab.catalog import SCHEMES
from initlab.catalog.dtypes import DTYPES
from initlab.spec.run import Run

KEEP_BYTES = 512 << 20  # draws of one share kept in memory; beyond it they are drawn again
#: draws of the seeds of one share: what several of them save is work a layer, which such draws hide
SEEDS_BYTES = 128 << 20

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """Runs of one `block_key`, by their index in the plan."""

    runs: tuple[tuple[int, Run], ...]

    @property
    def first(self) -> Run:
        """A run that speaks for all where they agree."""
        return self.runs[0][1]

    @property
    def draw_bytes(self) -> int:
        """Size of all unit draws of its networks."""
        return len({run.seed for _, run in self.runs}) * draw_bytes(self.first)

    @property
    def keeps_draws(self) -> bool:
        """Whether draws stay in memory for the backward pass, or are drawn again."""
        return self.first.backward and self.draw_bytes <= KEEP_BYTES

    @property
    def is_small(self) -> bool:
        """Whether a layer is mostly calls of Python, so that two threads hinder each other."""
        run, runs, seeds = self.first, len(self.runs), len({run.seed for _, run in self.runs})
        width = max(run.shape)
        # measured, in seconds a layer: a draw, a multiplication and addition, an element's passes
        arithmetic = seeds * width**2 * 3e-9 + runs * run.batch * width * (2e-11 * width + 3e-9)
        return arithmetic < 200e-6 + seeds * 25e-6  # calls for the block, and for each seed

    @property
    def memory_bytes(self) -> int:
        """An estimate of the largest memory in use while the share runs, without the libraries."""
        run, n = self.first, len(self.runs)
        matrix = max(a * b for a, b, _ in run.linears)
        draws_ = {SCHEMES[x.init.name].draw(x.init.parameters)[0] for x in run.layers}
        factors = 4 if "orthogonal" in draws_ else 0
        draws = self.draw_bytes if self.keeps_draws else 0
        weights = matrix * (2 * 8 + 8 * factors)
        return draws + weights + n * run_bytes(run)


def run_bytes(run: Run) -> int:
    """What one run of a share needs beside the weights.

    Blocks to work in, eight of a layer in float64, three more where neurons or quantiles are
    recorded; and for the backward pass each layer's input and slope phi'(z), and about as much for
    whatever stands around it.
    """
    count = 11 if run.extras & {"neurons", "quantiles"} else 8
    blocks = count * 8 * run.batch * max(run.shape)
    around = sum((run.residual is not None, run.norm is not None, run.dropout > 0))
    kept = (2 + around) * run.batch * sum(run.shape) * DTYPES[run.dtype].bytes
    return blocks + (kept if run.backward else 0)


def draw_bytes(run: Run) -> int:
    """Size of all unit draws of one network."""
    return sum(a * b + b for a, b, _ in run.linears) * DTYPES[run.draw_dtype].bytes


def shares_of(group: Iterable[tuple[int, Run]], most: int) -> Iterator[Share]:
    """Shares of at most so many runs of one `block_key`: of several seeds, or of a part of one."""
    by_seed: dict[int, list[tuple[int, Run]]] = {}
    for index, run in group:
        by_seed.setdefault(run.seed, []).append((index, run))
    together: list[tuple[int, Run]] = []
    seeds = 0
    for runs in by_seed.values():
        size = draw_bytes(runs[0][1])
        if together and (len(together) + len(runs) > most or (seeds + 1) * size > SEEDS_BYTES):
            yield Share(tuple(together))
            together, seeds = [], 0
        if len(runs) > most:
            yield from (Share(tuple(part)) for part in batched(runs, most))
        else:
            together, seeds = together + runs, seeds + 1
    if together:
        yield Share(tuple(together))


def batched(group: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Parts of at most `size`, in order."""
    return (group[start : start + size] for start in range(0, len(group), size))
