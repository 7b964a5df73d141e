"""Runs of a sweep as the cells of a grid."""

import numpy as np
import pandas as pd

from initlab.report.figure import Array
from initlab.report.figures.run_numbers import Numbers
from initlab.report.statistics import by_point, nan_beyond, quantiles


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
        self.shape = len(y.all), len(x.all)
        row, column = (
            pd.Index(places.all).get_indexer(pd.Index(places.of_run[runs.index]))
            for places in (y, x)
        )
        self._of_run: Array = row * len(x.all) + column

    def median(self, counted: pd.Series) -> Array:
        """Over the runs of each cell, as they count among seeds; nan where none has a number."""
        own = counted[self.runs.index].to_numpy(float)
        (found,) = quantiles(by_point(own, self._of_run, self.x.all.size * self.y.all.size), (0.5,))
        return np.asarray(found.reshape(self.shape))

    def shown(self, numbers: Numbers) -> tuple[Array, Array]:
        """The median of each cell, and in a word why it has none.

        It has none where it would be infinite because runs turned nan.
        """
        values, marks = self.median(numbers.counted), np.full(self.shape, "", dtype=object)
        infinite = self._any(numbers.measured == np.inf)
        values = np.where(infinite, values, nan_beyond(values))
        for mark, _, whose in reversed(numbers.reasons):
            marks[np.isnan(values) & self._any(whose)] = mark
        return values, marks

    def mixed(self, numbers: Numbers) -> int:
        """In how many cells some runs count and others do not."""
        lacking = numbers.counted.isna()
        return int(np.count_nonzero(self._any(lacking) & self._any(~lacking)))

    def _any(self, whose: pd.Series) -> Array:
        """Which cells have such a run."""
        found = np.zeros(self.shape, dtype=bool)
        found.flat[self._of_run[whose[self.runs.index]]] = True
        return found
