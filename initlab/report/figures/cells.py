"""Runs of a sweep as the cells of a grid."""

import numpy as np
import pandas as pd

from initlab.report.figure import Array
from initlab.report.figures.labels import text_of


def places(values: pd.Series) -> Array:
    """Every value of a field once: numbers in rising order, or names as they come."""
    if pd.api.types.is_numeric_dtype(values) and not values.isna().any():
        numbers: Array = np.unique(values.to_numpy(float))
        return numbers
    return np.array(list(dict.fromkeys(values.map(text_of))))


class Cells:
    """Which runs belong to which cell of a grid."""

    def __init__(self, runs: pd.DataFrame, x: str, y: str, xs: Array, ys: Array) -> None:
        self.runs, self.xs, self.ys = runs, xs, ys
        self.at = [_keys(runs[y], ys), _keys(runs[x], xs)]

    def median(self, numbers: pd.Series) -> Array:
        """Of those of the runs that have a number; nan where none has, or there is no run."""
        return self._spread(numbers[self.runs.index].groupby(self.at).median(), np.nan)

    def marks(self, numbers: pd.Series) -> Array:
        """Why a cell may have no number: "nan" as its signal became, "fail", "-": not measured."""
        lacking = numbers[self.runs.index].isna()
        words = pd.Series("-", index=self.runs.index)
        words[self.runs["status"] != "ok"] = "fail"
        words[self.runs["nan_onset"].notna()] = "nan"
        return self._spread(words.where(lacking, "").groupby(self.at).max(), "")

    def _spread(self, found: pd.Series, nothing: object) -> Array:
        grid = np.full((len(self.ys), len(self.xs)), nothing, dtype=object)
        for (row, column), value in found.items():
            grid[self.ys == row, self.xs == column] = value
        return grid.astype(float) if nothing is np.nan else grid


def _keys(values: pd.Series, known: Array) -> pd.Series:
    return values.map(text_of) if known.dtype.kind == "U" else values.astype(float)
