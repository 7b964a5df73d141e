"""A plan: every run of a spec in its order, grouped into shares, or cut into parts. Torch-free."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from initlab.catalog import FIELDS
from initlab.errors import InputError
from initlab.spec.model import Head
from initlab.spec.run import FIELD_ORDER, LATER, Run
from initlab.spec.shares import Share, run_bytes, shares_of

TOGETHER_BYTES = 256 << 20  # activations of the runs that are computed side by side
MOST_TOGETHER = 64
OVERRIDES = ["first", "layers", "last"]  # first parts of their columns, in order


@dataclass(frozen=True)
class Plan:
    """Every run of a spec, in the spec's order.

    `data` is the spec with every default filled in, `source` the file that it came from. A part of
    a plan has some of its runs only, and `numbered` tells which. `hints` are what the user may have
    meant otherwise.
    """

    head: Head
    runs: tuple[Run, ...]
    product: str = ""
    data: dict[str, Any] = dataclasses.field(default_factory=dict)
    source: str = ""
    numbered: tuple[int, ...] | None = None
    part: "Part | None" = None
    hints: tuple[str, ...] = ()

    @property
    def numbers(self) -> Sequence[int]:
        """Each run's number in the spec: the column `run`."""
        return range(len(self.runs)) if self.numbered is None else self.numbered

    @cached_property
    def cells(self) -> list[dict[str, Any]]:
        """Each run's fields as flat columns; every run has every column."""
        rows = [run.cells() for run in self.runs]
        by_field: dict[str, dict[str, None]] = {}
        for row in rows:
            for name in row:
                by_field.setdefault(name.partition(".")[0], {})[name] = None
        unused = {
            field for field, value in LATER.items() if all(r.get(field) == value for r in rows)
        }
        order = ["depth", "width", "shape"]
        for field in FIELD_ORDER:
            order += OVERRIDES if field == "overrides" else [field]
        names = [n for field in order if field not in unused for n in by_field.get(field, ())]
        return [{name: row.get(name, _unsaid(row, name)) for name in names} for row in rows]

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
        """Runs, all or those of some indices, grouped by what can be computed side by side.

        Large groups are cut so that memory is bounded and every job has work. How they are cut does
        not change any number.
        """
        chosen = range(len(self.runs)) if indices is None else indices
        groups: dict[tuple[Any, ...], list[tuple[int, Run]]] = {}
        for index in chosen:
            groups.setdefault(self.runs[index].block_key, []).append((index, self.runs[index]))
        fair = math.ceil(len(chosen) / jobs)
        shares: list[Share] = []
        for group in groups.values():
            fits = max(1, TOGETHER_BYTES // run_bytes(group[0][1]))
            shares += shares_of(group, min(MOST_TOGETHER, fair, fits))
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


def _unsaid(row: Mapping[str, Any], column: str) -> Any:
    """What a parameter that came later is where its record has it and nobody sets it."""
    owner, _, parameter = column.rpartition(".")
    table = FIELDS.get(owner.rpartition(".")[2])
    name = row.get(owner)
    if table is None or name is None or name not in table:
        return None
    return table[name].later.get(parameter)


@dataclass(frozen=True)
class Part:
    """Which part of which plan a plan is."""

    number: int
    parts: int
    whole: Plan
