"""A number of every run for a heat map: as it was measured, and as it counts among seeds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from initlab.catalog.columns import WORDS, columns
from initlab.errors import UnknownName
from initlab.report.selection import not_recorded
from initlab.report.statistics import counted, forward_ratio, gradient_ratio, is_ok, turned_nan

#: ratios of two columns of runs.csv, along the way of the signal and of the gradient
RATIOS = {
    "forward_ratio": ("std_last", "std_first"),
    "backward_ratio": ("grad_std_first", "grad_std_last"),
}
COUNTED = {"forward_ratio": forward_ratio, "backward_ratio": gradient_ratio}


@dataclass(frozen=True, eq=False)
class Numbers:
    """A number of every run.

    Args:
        runs: runs.csv, whose index the others have.
        measured: nan where there is none.
        counted: the same, infinite where there is none because the run turned nan.
    """

    runs: pd.DataFrame
    measured: pd.Series
    counted: pd.Series

    @property
    def turned_nan(self) -> pd.Series:
        """Which runs count as infinite, though nothing infinite was measured."""
        return (self.counted == np.inf) & self.measured.isna()

    @cached_property
    def reasons(self) -> list[tuple[str, str, pd.Series]]:
        """Why runs have no number: a mark, what it means, and which runs; the gravest first."""
        lacking = self.measured.isna()
        signal = lacking & turned_nan(self.runs)
        gradient = self.turned_nan & ~signal
        failed = lacking & ~is_ok(self.runs) & ~signal
        return [
            ("nan", "the signal turned non-finite", signal),
            ("nan", "the gradient turned non-finite", gradient),
            ("fail", "not computed", failed),
            ("-", f"there is no {self.measured.name}", lacking & ~signal & ~gradient & ~failed),
        ]


def numbers_of(runs: pd.DataFrame, value: str) -> Numbers:
    """A column of runs.csv, or one of RATIOS.

    Raises:
        UnknownName: it is neither.
        InputError: no run has recorded it.
    """
    named = columns("runs", "result", "predicted", "extra", "gradient_band")
    known = [*RATIOS, *(n for n in named if n not in WORDS)]
    if value in known and value not in (*RATIOS, *runs) and (problem := not_recorded(value)):
        raise problem
    if value not in known:
        fix = "initlab list statistics"
        raise UnknownName("column of runs.csv with numbers", value, known, fix)
    if value in RATIOS:
        above, below = (runs[name].astype(float) for name in RATIOS[value])
        measured, counts = above / below, COUNTED[value](runs)
    else:
        measured, counts = runs[value].astype(float), counted(runs, value)
    return Numbers(runs, measured.rename(value), pd.Series(counts, index=runs.index))
