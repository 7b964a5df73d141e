"""Which sites of a trunk are shown, and which are folded into one row."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from initlab.report.tables.probe.medians import RELATIVE, Site

if TYPE_CHECKING:
    from initlab.probe.result import Finding

FEW = 16  # sites of a trunk that is shown whole
LEAST = 3  # sites that are folded
#: largest over smallest of these, from which on a stretch is folded in several rows
TENFOLD, CHANGING = 10.0, ("rms", "signal", RELATIVE)
MOST_PARTS = 8  # of them


@dataclass(frozen=True)
class Fold:
    """Sites in one row, in the order of the trunk."""

    sites: tuple[Site, ...]

    @property
    def name(self) -> str:
        """What they span: "blocks.0 ... blocks.9"."""
        first, last = self.sites[0], self.sites[-1]
        if not first.path or not last.path:
            return f"{first.name} ... {last.name}"
        start, end = first.path.split("."), last.path.split(".")
        apart = 1
        while start[:apart] == end[:apart] and apart < max(len(start), len(end)):
            apart += 1
        ends = dict.fromkeys(".".join(parts[:apart]) for parts in (start, end))
        return " ... ".join(ends)

    def between(self, column: str) -> tuple[float, float] | None:
        """The smallest and the largest number of a column; nan is larger than all. None of none."""
        numbers = [site.numbers[column] for site in self.sites if column in site.numbers]
        if not numbers:
            return None
        ranked = sorted(numbers, key=lambda number: (math.isnan(number), number))
        return ranked[0], ranked[-1]


def folded(sites: Sequence[Site], findings: Iterable["Finding"]) -> list[Site | Fold]:
    """A trunk in few rows: what matters is shown, and what lies between is folded.

    Shown are the first and the last site, those that findings name with their neighbours, and
    the largest jump of s.
    """
    if len(sites) <= FEW:
        return list(sites)
    named = named_in(sites, findings)
    kept = {0, len(sites) - 1, _largest_jump(sites)}
    kept |= {at + step for at in named for step in (-1, 0, 1)}
    rows: list[Site | Fold] = []
    for shown, group in groupby(range(len(sites)), key=kept.__contains__):
        stretch = [sites[at] for at in group]
        rows += stretch if shown or len(stretch) < LEAST else _folds(stretch)
    return rows


def named_in(sites: Sequence[Site], findings: Iterable["Finding"]) -> set[int]:
    """The places of sites that findings name: by their name, or as the ends of a module."""
    found = set()
    for finding in findings:
        name = finding.site or finding.parameter.rpartition(".")[0]
        if not name:
            continue
        exact = [at for at, site in enumerate(sites) if site.name == name]
        within = [at for at, site in enumerate(sites) if _is_within(site, name)]
        found |= {*exact} or {*within[:1], *within[-1:]}
    return found


def _is_within(site: Site, module: str) -> bool:
    return site.path == module or site.path.startswith(f"{module}.")


def _largest_jump(sites: Sequence[Site]) -> int:
    """The place where ln s changes most."""
    jumps = [abs(site.numbers.get("d_ln_s", 0.0)) for site in sites]
    return max(range(len(sites)), key=lambda at: jumps[at] if jumps[at] == jumps[at] else math.inf)


def _folds(stretch: Sequence[Site]) -> Iterator[Fold]:
    """One row, or several of as many sites where the signal changes on the way."""
    whole = Fold(tuple(stretch))
    changes = max(_factor(whole, column) for column in CHANGING)
    parts = 1 if changes <= TENFOLD else min(MOST_PARTS, len(stretch) // LEAST)
    for part in range(parts):
        start, end = (len(stretch) * edge // parts for edge in (part, part + 1))
        yield Fold(tuple(stretch[start:end]))


def _factor(fold: Fold, column: str) -> float:
    low, high = fold.between(column) or (1.0, 1.0)
    if low == high or math.isnan(low):  # nan all over
        return 1.0
    return high / low if low > 0 and math.isfinite(high) else math.inf
