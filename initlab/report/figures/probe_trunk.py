"""The trunk of a probed model over its seeds, place by place: for its figure and its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from initlab.probe.result import Finding, Probe
from initlab.report.figure import Array
from initlab.report.statistics import quantiles

Row = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Trunk:
    """Rows of the seed whose trunk is the longest, and those of the same site in other seeds.

    Args:
        rows: of that seed, in order.
        seeds: those that have a trunk.
        matched: for each of them its row at each place; None where it has no such site.
        at_output: s there, for each of them.
        beside: how many rows of other seeds are of no site of `rows`.
    """

    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    matched: tuple[tuple[Row | None, ...], ...]
    at_output: tuple[float | None, ...]
    beside: int

    @cached_property
    def places(self) -> Array:
        """The place of each row, 0 at the input."""
        return np.array([row["trunk"] for row in self.rows], float)

    def values(self, column: str) -> Array:
        """A column as (seeds, places): what is nan counts as infinite, what is unknown is nan."""
        found = [[counted(row[column] if row else None) for row in rows] for rows in self.matched]
        return np.array(found, float).reshape(len(self.seeds), len(self.rows))

    @cached_property
    def relative(self) -> Array:
        """s over s at the output of the same seed, (seeds, places); nan where that is no number."""
        at_output = np.array([counted(s) for s in self.at_output])
        known = np.isfinite(at_output) & (at_output > 0)
        with np.errstate(over="ignore"):
            ratio = self.values("sensitivity") / np.where(known, at_output, np.nan)[:, None]
        return np.asarray(ratio, float)

    @cached_property
    def without_scale(self) -> tuple[int, ...]:
        """Seeds whose s at the output is 0, unknown or not finite: nothing is relative to it."""
        pairs = zip(self.seeds, self.at_output, strict=True)
        return tuple(seed for seed, s in pairs if not 0 < counted(s) < float("inf"))

    def turned_nan(self, column: str) -> bool:
        """Whether a value of a column is nan."""
        return any(is_nan(row[column]) for rows in self.matched for row in rows if row)

    def place_of(self, finding: Finding) -> int | None:
        """Which of `rows` a finding is about; None beside the trunk.

        That of the site itself, else the last one of the module or of what is in it.
        """
        wanted = finding.site
        paths = [row["path"] or "" for row in self.rows]
        for matching in (
            [row["site"] == wanted for row in self.rows],
            [path == wanted for path in paths],
            [path.startswith(f"{wanted}.") for path in paths],
        ):
            if wanted and any(matching):
                return len(matching) - 1 - matching[::-1].index(True)
        return None


def trunk_of(probe: Probe) -> Trunk:
    """The trunk of a probe; without a gradient it has no rows."""
    by_seed: dict[int, list[Row]] = {}
    for row in probe.trunk_rows():
        by_seed.setdefault(row["seed"], []).append(row)
    if not by_seed:
        return Trunk((), (), (), (), 0)
    longest = max(by_seed.values(), key=len)
    sites = [row["site"] for row in longest]
    named = [{row["site"]: row for row in rows} for rows in by_seed.values()]
    return Trunk(
        tuple(longest),
        tuple(by_seed),
        tuple(tuple(known.get(site) for site in sites) for known in named),
        tuple(probe.at_output()[seed] for seed in by_seed),
        sum(len(known.keys() - set(sites)) for known in named),
    )


def middle(values: Array) -> Array:
    """Medians over seeds of (seeds, places); infinite where half of them are, nan of nothing."""
    return np.asarray(quantiles(values, (0.5,))[0])


def counted(value: float | None) -> float:
    """A number as it counts among seeds: infinite for nan, nan for None."""
    if value is None:
        return float("nan")
    return float("inf") if is_nan(value) else float(value)


def is_nan(value: float | None) -> bool:
    """Whether it was measured, and is no number."""
    return value is not None and value != value


def of_seeds(seeds: Sequence[int]) -> str:
    """As "seed 0", "seeds 0, 1, 2"."""
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"
