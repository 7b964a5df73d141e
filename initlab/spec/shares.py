"""Shares: runs that use the same random numbers, computed side by side, layer by layer.

Runs of a share differ only in scale, activation, loss or bias scale, so that one set of draws
serves them all. Torch-free.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from initlab.catalog import SCHEMES
from initlab.catalog.dtypes import DTYPES
from initlab.spec.run import Run

KEEP_BYTES = 512 << 20  # draws of one share kept in memory; beyond it they are drawn again


T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """Runs with equal draws, by their index in the plan."""

    runs: tuple[tuple[int, Run], ...]

    @property
    def first(self) -> Run:
        """A run that speaks for all where they agree."""
        return self.runs[0][1]

    @property
    def draw_bytes(self) -> int:
        """Size of all unit draws of the network."""
        pairs = itertools.pairwise(self.first.shape)
        return sum(a * b + b for a, b in pairs) * DTYPES[self.first.draw_dtype].bytes

    @property
    def keeps_draws(self) -> bool:
        """Whether the draws stay in memory, or are drawn again for the backward pass."""
        return self.draw_bytes <= KEEP_BYTES

    @property
    def memory_bytes(self) -> int:
        """An estimate of the largest memory in use while the share runs, without the libraries."""
        run, n = self.first, len(self.runs)
        matrix = max(a * b for a, b in itertools.pairwise(run.shape))
        factors = 4 if SCHEMES[run.init.name].draw(run.init.parameters)[0] == "orthogonal" else 0
        draws = self.draw_bytes if self.keeps_draws else 0
        weights = matrix * (2 * 8 + 8 * factors)
        return draws + weights + n * run_bytes(run)


def run_bytes(run: Run) -> int:
    """What one run of a share needs beside the weights.

    Blocks to work in, eight of a layer in float64; and for the backward pass each layer's input and
    slope phi'(z).
    """
    blocks = 8 * 8 * run.batch * max(run.shape)
    kept = 2 * run.batch * sum(run.shape) * DTYPES[run.dtype].bytes
    return blocks + (kept if run.record == "both" else 0)


def batched(group: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Parts of at most `size`, in order."""
    return (group[start : start + size] for start in range(0, len(group), size))
