"""Predicted against measured: a dot for every run, where both can stand on a log axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from initlab.report.bands import (
    band,
    predicted_gradient_ratio,
    predicted_std,
    ratio_band,
)
from initlab.report.page.curves import DIGITS
from initlab.report.page.points import Points
from initlab.report.statistics import counted, gradient_ratio

MOST_DOTS = 2_000


@dataclass(frozen=True)
class Agreement:
    """The dots of one chart, column by column, and what must be said of it.

    `dots` has point, run, predicted, measured and, where bands are known, from and to.
    """

    title: str
    dots: dict[str, list[Any]]
    notes: list[str]


def agreements(points: Points) -> list[Agreement]:
    """The signal at the last layer, and the gradient's way down to layer 0."""
    runs = points.runs
    ends, of_ratio = (
        pd.DataFrame({"from": low, "to": high}, index=runs.index)
        for low, high in (band(runs), ratio_band(runs))
    )
    return [
        _agreement(
            "std at the last layer", runs, predicted_std(runs), counted(runs, "std_last"),
            ends,
        ),
        _agreement(
            "gradient, layer 0 / last layer", runs,
            predicted_gradient_ratio(runs), gradient_ratio(runs), of_ratio,
        ),
    ]  # fmt: skip


def _agreement(
    title: str,
    all_runs: pd.DataFrame,
    predicted: np.ndarray,
    measured: np.ndarray,
    ends: pd.DataFrame,
) -> Agreement:
    table = all_runs[["point", "run"]].assign(predicted=predicted, measured=measured)
    numbers = table[["predicted", "measured"]].astype(float)
    kept = table[(np.isfinite(numbers) & (numbers > 0)).all(axis=1)]
    if ends.notna().any(axis=None):
        kept = kept.join(ends.where(np.isfinite(ends) & (ends > 0)))
    notes, lost = [], len(table) - len(kept)
    if lost:
        runs = "run" if len(table) == 1 else "runs"
        notes.append(
            f"Not drawn, of {len(table):,} {runs}: {lost:,} at 0, not finite, not measured or"
            " not predicted."
        )
    if len(kept) > MOST_DOTS:
        notes.append(f"Of {len(kept):,} runs {MOST_DOTS:,} are drawn, at equal distances.")
        kept = kept.iloc[np.linspace(0, len(kept) - 1, MOST_DOTS).round().astype(int)]
    return Agreement(title, {name: _column(kept[name].tolist()) for name in map(str, kept)}, notes)


def _column(values: Sequence[Any]) -> list[Any]:
    return [_short(value) if isinstance(value, float) else value for value in values]


def _short(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
