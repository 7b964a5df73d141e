"""Which run stands in which row of a block, and what the rows have in common.

Rows of one seed stand together, as they share their weights; within a seed those of one activation,
which is applied to all of them at once.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from initlab.catalog import Fans
from initlab.spec.run import Choice, Run
from initlab.theory.gains import scale_of

K = TypeVar("K")


class Affine(NamedTuple):
    """W = scale U + shift of every row, U a unit draw; shape (R, 1, 1), a shift of 0 is None."""

    scale_R11: Tensor
    shift_R11: Tensor | None


class Rows:
    """Runs side by side.

    `numbers` are what the caller knows the runs by.
    """

    def __init__(self, numbered: Sequence[tuple[int, Run]]) -> None:
        self.numbers = [number for number, _ in numbered]
        self.runs = [run for _, run in numbered]
        self._scales: dict[tuple[Fans, str], list[tuple[float, float]]] = {}
        self._affine: dict[tuple[Fans, str], Affine] = {}

    @classmethod
    def ordered(cls, numbered: Sequence[tuple[int, Run]]) -> "Rows":
        """Rows in the order that this module promises."""
        return cls(sorted(numbered, key=lambda pair: (pair[1].seed, repr(pair[1].activation))))

    def __len__(self) -> int:
        return len(self.runs)

    def only(self, at: Sequence[int]) -> "Rows":
        """Some of the rows."""
        return Rows([(self.numbers[row], self.runs[row]) for row in at])

    @cached_property
    def by_seed(self) -> list[tuple[int, slice]]:
        """Rows that share their draws."""
        return list(self._adjacent(lambda run: run.seed))

    @cached_property
    def by_activation(self) -> list[tuple[Choice, slice]]:
        """Rows that one call of an activation serves."""
        return list(self._adjacent(lambda run: run.activation))

    def _adjacent(self, key: Callable[[Run], K]) -> Iterator[tuple[K, slice]]:
        start = 0
        for value, group in groupby(self.runs, key=key):
            end = start + len(list(group))
            yield value, slice(start, end)
            start = end

    def affine(self, fans: Fans, part: str) -> Affine:
        """Scale and shift of every row's weights ("init") or biases ("bias"), as drawn."""
        if (fans, part) not in self._affine:
            dtype = getattr(torch, self.runs[0].draw_dtype)
            scale, shift = (
                torch.tensor(column, dtype=dtype).reshape(-1, 1, 1)
                for column in zip(*self.scales(fans, part), strict=True)
            )
            self._affine[fans, part] = Affine(scale, shift if shift.any() else None)
        return self._affine[fans, part]

    def scales(self, fans: Fans, part: str) -> list[tuple[float, float]]:
        """(scale, shift) of every row's weights ("init") or biases ("bias")."""
        if (fans, part) not in self._scales:
            self._scales[fans, part] = [
                scale_of(getattr(run, part), fans, run.activation) for run in self.runs
            ]
        return self._scales[fans, part]
