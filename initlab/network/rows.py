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
from initlab.theory.gains import scale_of, weight_scale

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
        self._overridden = any(run.differs for run in self.runs)
        self._scales: dict[tuple[int, Fans, str], list[tuple[float, float]]] = {}
        self._affine: dict[tuple[int, Fans, str], Affine] = {}
        self._activations: dict[int, list[tuple[Choice, slice]]] = {}

    @classmethod
    def ordered(cls, numbered: Sequence[tuple[int, Run]]) -> "Rows":
        """Rows in the order that this module promises."""

        def key(pair: tuple[int, Run]) -> tuple[int, str, str]:
            run = pair[1]
            others = [layer.activation for layer in run.layers] if run.differs else ""
            return run.seed, repr(run.activation), repr(others)

        return cls(sorted(numbered, key=key))

    def __len__(self) -> int:
        return len(self.runs)

    def only(self, at: Sequence[int]) -> "Rows":
        """Some of the rows."""
        return Rows([(self.numbers[row], self.runs[row]) for row in at])

    @cached_property
    def by_seed(self) -> list[tuple[int, slice]]:
        """Rows that share their draws."""
        return list(self._adjacent(lambda run: run.seed))

    def by_activation(self, index: int) -> list[tuple[Choice, slice]]:
        """Rows that one call of a layer's activation serves."""
        kind = self._kind(index)
        if kind not in self._activations:
            self._activations[kind] = list(self._adjacent(lambda run: run.layers[index].activation))
        return self._activations[kind]

    def _kind(self, index: int) -> int:
        """What is cached of a layer is found under it: equal for layers that are alike."""
        return index if self._overridden else -1

    def _adjacent(self, key: Callable[[Run], K]) -> Iterator[tuple[K, slice]]:
        start = 0
        for value, group in groupby(self.runs, key=key):
            end = start + len(list(group))
            yield value, slice(start, end)
            start = end

    def affine(self, index: int, fans: Fans, part: str) -> Affine:
        """Scale and shift of a layer's weights ("init") or biases ("bias") in every row."""
        key = self._kind(index), fans, part
        if key not in self._affine:
            dtype = getattr(torch, self.runs[0].draw_dtype)
            scale, shift = (
                torch.tensor(column, dtype=dtype).reshape(-1, 1, 1)
                for column in zip(*self.scales(index, fans, part), strict=True)
            )
            self._affine[key] = Affine(scale, shift if shift.any() else None)
        return self._affine[key]

    def scales(self, index: int, fans: Fans, part: str) -> list[tuple[float, float]]:
        """(scale, shift) of every row's weights ("init") or biases ("bias") of a layer."""
        key = self._kind(index), fans, part
        if key not in self._scales:
            layers = [run.linears[index][2] for run in self.runs]
            self._scales[key] = [
                weight_scale(layer, fans)
                if part == "init"
                else scale_of(getattr(layer, part), fans, layer.activation)
                for layer in layers
            ]
        return self._scales[key]
