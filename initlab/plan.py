"""Runs, and shares: runs that use the same random numbers. Torch-free.

A run is one network with one seed. Runs of a share differ only in scale, activation, loss or bias
scale, so that one set of draws serves them all and they are computed side by side, layer by layer.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from initlab.catalog import SCHEMES
from initlab.errors import InputError
from initlab.spec import Head

ITEM_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
KEEP_BYTES = 512 << 20  # draws of one share kept in memory; beyond it they are drawn again
TOGETHER_BYTES = 256 << 20  # activations of the runs that are computed side by side
MOST_TOGETHER = 64

T = TypeVar("T")


@dataclass(frozen=True)
class Choice:
    """A record of the catalog with its parameters, all single values now."""

    name: str
    items: tuple[tuple[str, Any], ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """Values by name, in a dictionary of the caller's own."""
        return dict(self.items)


@dataclass(frozen=True)
class Run:
    """One network and one seed: everything that determines its numbers.

    `shape` is the input's width, then each layer's; a uniform shape came from depth and width.
    """

    shape: tuple[int, ...]
    activation: Choice
    init: Choice
    bias: Choice | None
    loss: Choice
    reduction: str
    batch: int
    input: Choice
    dtype: str
    draws: str
    record: str
    seed: int

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.shape) - 1

    @property
    def draw_dtype(self) -> str:
        """Low precision networks are rounded from float32 draws, and so pair with float32 ones."""
        return "float64" if self.dtype == "float64" else "float32"

    @cached_property
    def draw_key(self) -> tuple[Any, ...]:
        """Equal for runs that use the same random numbers and can be computed side by side."""
        return (
            self.seed,
            self.shape,
            self.batch,
            self.input,
            self.dtype,
            self.record,
            self.draws,
            self._draw(self.init),
            self.bias and self._draw(self.bias),
        )

    def _draw(self, choice: Choice) -> tuple[Any, ...]:
        """A unit draw, and whether a script's constructors have made it already."""
        scheme = SCHEMES[choice.name]
        return scheme.draw(choice.parameters), self.draws == "script" and scheme.in_constructor

    def cells(self) -> dict[str, Any]:
        """The run as flat columns, nested parameters dotted; None where a field does not apply."""
        uniform = len(set(self.shape)) == 1
        cells: dict[str, Any] = {
            "depth": self.depth,
            "width": self.shape[0] if uniform else None,
            "shape": None if uniform else "x".join(map(str, self.shape)),
        }
        for field in ("activation", "init", "bias", "loss", "reduction", "batch", "input"):
            value = getattr(self, field)
            if isinstance(value, Choice):
                cells[field] = value.name
                cells.update({f"{field}.{key}": item for key, item in value.items})
            else:
                cells[field] = value
        return cells | {"dtype": self.dtype, "draws": self.draws, "record": self.record}


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
        return sum(a * b + b for a, b in pairs) * ITEM_BYTES[self.first.draw_dtype]

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


@dataclass(frozen=True)
class Plan:
    """Every run of a spec, in the spec's order.

    `data` is the spec with every default filled in, `source` the file that it came from. A part of
    a plan has some of its runs only, and `numbered` tells which.
    """

    head: Head
    runs: tuple[Run, ...]
    product: str = ""
    data: dict[str, Any] = dataclasses.field(default_factory=dict)
    source: str = ""
    numbered: tuple[int, ...] | None = None
    part: "Part | None" = None

    @property
    def numbers(self) -> Sequence[int]:
        """Each run's number in the spec: the column `run`."""
        return range(len(self.runs)) if self.numbered is None else self.numbered

    @cached_property
    def cells(self) -> list[dict[str, Any]]:
        """Each run's fields as flat columns; every run has every column."""
        rows = [run.cells() for run in self.runs]
        names: dict[str, None] = {}
        for field_ in rows[0]:
            if "." not in field_:
                prefix = f"{field_}."
                names |= dict.fromkeys(
                    [field_, *(k for r in rows for k in r if k.startswith(prefix))]
                )
        return [{name: row.get(name) for name in names} for row in rows]

    @property
    def fields(self) -> list[str]:
        """Names of the spec's fields as columns."""
        return list(self.cells[0])

    @cached_property
    def axes(self) -> list[str]:
        """Columns in which the runs differ, the seed apart."""
        return [name for name in self.cells[0] if len({row[name] for row in self.cells}) > 1]

    def where(self, index: int) -> str:
        """A run in words: "xavier_tanh run 3 (activation=tanh, seed=1)"."""
        point = [f"{axis}={self.cells[index][axis]}" for axis in self.axes]
        point.append(f"seed={self.runs[index].seed}")
        return f"{self.head.name} run {self.numbers[index]} ({', '.join(point)})"

    def shares(self, jobs: int = 1, indices: Sequence[int] | None = None) -> list[Share]:
        """Runs, all or those of some indices, grouped by their draws.

        Large groups are cut so that memory is bounded and every job has work. How they are cut does
        not change any number.
        """
        chosen = range(len(self.runs)) if indices is None else indices
        groups: dict[tuple[Any, ...], list[tuple[int, Run]]] = {}
        for index in chosen:
            groups.setdefault(self.runs[index].draw_key, []).append((index, self.runs[index]))
        fair = math.ceil(len(chosen) / jobs)
        shares = []
        for group in groups.values():
            fits = max(1, TOGETHER_BYTES // run_bytes(group[0][1]))
            size = min(MOST_TOGETHER, fair, fits)
            shares += [Share(tuple(part)) for part in batched(group, size)]
        return shares

    def cut(self, number: int, parts: int) -> "Plan":
        """Part 1, 2, ... of so many: some of the shares, under a name of its own.

        Raises:
            InputError: there are fewer shares than parts.
        """
        shares = self.shares(parts)
        if parts > len(shares):
            raise InputError(
                f"--part {number}/{parts}: {self.head.name} has {len(shares)} shares, and so can be"
                f" cut into {len(shares)} parts at most",
                f"--part K/{len(shares)} in every job of the array",
            )
        indices = sorted(i for share in shares[number - 1 :: parts] for i, _ in share.runs)
        name = f"{self.head.name}.part-{number}-of-{parts}"
        return replace(
            self,
            head=self.head.model_copy(update={"name": name}),
            runs=tuple(self.runs[index] for index in indices),
            product=f"{self.product}, {len(indices):,} of them in part {number} of {parts}",
            numbered=tuple(indices),
            part=Part(number, parts, self),
        )


@dataclass(frozen=True)
class Part:
    """Which part of which plan a plan is."""

    number: int
    parts: int
    whole: Plan


def run_bytes(run: Run) -> int:
    """What one run of a share needs beside the weights.

    Blocks to work in, eight of a layer in float64; and for the backward pass each layer's input and
    slope phi'(z).
    """
    blocks = 8 * 8 * run.batch * max(run.shape)
    kept = 2 * run.batch * sum(run.shape) * ITEM_BYTES[run.dtype]
    return blocks + (kept if run.record == "both" else 0)


def batched(group: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Parts of at most `size`, in order."""
    return (group[start : start + size] for start in range(0, len(group), size))
