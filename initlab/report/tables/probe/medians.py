"""Sites of a probe, each with its medians over the seeds."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from initlab.report.statistics import quantiles
from initlab.report.tables.measures import three

if TYPE_CHECKING:
    from initlab.probe.result import Probe

LEVELS = ("trunk", "modules", "ops")
RELATIVE = "relative"  # s / s(output), which no column of the rows has
#: columns whose medians are shown; nan where most seeds have none that is finite
NUMBERS = (
    "trunk", "order", "rms", "signal", "sensitivity", "d_ln_s", "gain_forward", "gain_backward",
    "predicted_rms", "predicted_grad",
)  # fmt: skip

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Site:
    """A site in all seeds that have it.

    Args:
        name: as rows call it.
        path: of the innermost module.
        shape: of its value, in the first of these seeds.
        numbers: of NUMBERS and RELATIVE those that were measured.
    """

    name: str
    path: str
    shape: str
    numbers: Mapping[str, float]

    def cell(self, column: str) -> str:
        """A number in three digits, "-" where there is none."""
        return digits(self.numbers.get(column))


def sites_of(probe: "Probe", level: str) -> list[Site]:
    """The sites of a level, one of LEVELS, in the order of the trunk, or of the forward pass."""
    last = {seed: s or 0.0 for seed, s in probe.at_output().items()}
    by_name: dict[str, list[Row]] = {}
    for row in rows_of(probe, level):
        by_name.setdefault(str(row["site"]), []).append(row)
    found = [_site(name, group, last) for name, group in by_name.items()]
    return sorted(found, key=lambda site: site.numbers["trunk" if level == "trunk" else "order"])


def rows_of(probe: "Probe", level: str) -> list[dict[str, Any]]:
    """The rows of a level: of the trunk, of calls of modules, or all with the ops."""
    if level == "trunk":
        return probe.trunk_rows()
    kinds = ("input", "module") if level == "modules" else ("input", "module", "op")
    return [row for row in probe.site_rows if row["kind"] in kinds]


def _site(name: str, rows: list[Row], last: Mapping[int, float]) -> Site:
    medians = {column: median(row[column] for row in rows) for column in NUMBERS}
    ends = [last.get(row["seed"], 0.0) for row in rows]
    medians[RELATIVE] = median(
        row["sensitivity"] / end
        for row, end in zip(rows, ends, strict=True)
        if row["sensitivity"] is not None and end
    )
    numbers = {column: value for column, value in medians.items() if value is not None}
    first = rows[0]
    return Site(name, first["path"] or "", first["shape"] or "", {"order": 0.0, **numbers})


def median(values: Iterable[float | None]) -> float | None:
    """The median of what was measured; None of nothing, and nan where it would be no number.

    What is nan counts as infinite: else a median would sink where the largest leave it.
    """
    known = np.array([value for value in values if value is not None], float)
    if not len(known):
        return None
    none = np.isnan(known)
    (middle,) = quantiles(np.where(none, np.inf, known), (0.5,)).tolist()
    return math.nan if math.isinf(middle) and none.any() else float(middle)


def digits(number: float | None) -> str:
    """A number in three digits, "-" where there is none; nan is one that was measured."""
    return "-" if number is None else "nan" if math.isnan(number) else three(number)
