"""Runs of a sweep as the cells of a grid."""

import numpy as np
import pandas as pd

from initlab.report.figure import Array


class Places:
    """Where runs lie along an axis of a grid: a number each, or a name.

    Args:
        values: of a field, for every run: numbers, or names.
        down: whether the first name comes last, as on an axis that goes up.
    """

    def __init__(self, values: pd.Series, *, down: bool = False) -> None:
        numeric = pd.api.types.is_numeric_dtype(values)
        self.of_run = values.astype(float) if numeric else values
        once = self.of_run.unique()
        #: each of them once: numbers in rising order, or names as they come
        self.all: Array = np.sort(once.astype(float)) if numeric else np.array([*once])
        if not numeric and down:
            self.all = self.all[::-1]
        self.named = not numeric

    @property
    def log(self) -> bool:
        """Whether they lie more evenly on a log axis."""
        if self.named or len(self.all) < 3 or self.all[0] <= 0:
            return False
        steps, ratios = np.diff(self.all), np.diff(np.log(self.all))
        return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


class Cells:
    """Which of some runs belong to which cell of a grid."""

    def __init__(self, runs: pd.DataFrame, x: Places, y: Places) -> None:
        self.runs, self.x, self.y = runs, x, y
        self.at = [y.of_run[runs.index], x.of_run[runs.index]]

    def median(self, numbers: pd.Series) -> Array:
        """Of those of the runs that have a number; nan where none has, or there is no run."""
        return self._spread(numbers[self.runs.index].groupby(self.at).median()).to_numpy(float)

    def marks(self, numbers: pd.Series) -> Array:
        """Why a cell may have no number: "nan" as its signal became, "fail", "-": not measured."""
        words = pd.Series("-", index=self.runs.index)
        words[self.runs["status"] != "ok"] = "fail"
        words[self.runs["nan_onset"].notna()] = "nan"
        lacking = words.where(numbers[self.runs.index].isna(), "")
        found = self._spread(lacking.groupby(self.at).max()).astype(object)
        return found.where(found.notna(), "").to_numpy(object)

    def _spread(self, found: pd.Series) -> pd.DataFrame:
        """What was found for each cell as rows and columns; nan for cells without runs."""
        return found.unstack().reindex(index=self.y.all, columns=self.x.all)
