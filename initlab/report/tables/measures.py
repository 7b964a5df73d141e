"""The cells of a point: numbers in three digits, and verdicts that begin with what matters."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from initlab.formatting import brief, short
from initlab.report.bands import band as band_ends
from initlab.report.bands import (
    first_known,
    inside_band,
    predicted_gradient_ratio,
    predicted_std,
    ratio_band,
    within,
)
from initlab.report.statistics import counted, gradient_ratio, quantiles

if TYPE_CHECKING:
    import pandas as pd

INSIDE, OUTSIDE = "~", "!"  # of the band, beside a prediction
#: what a mixture of verdicts is called by: the first of these that is among them
WORST_FIRST = ("failed", "interrupted", "nan", "exploding", "vanishing", "steady", "ok")


@dataclass(frozen=True)
class Measure:
    """A column of the summary of sweeps.

    Args:
        name: its heading; `--columns` writes it with underscores.
        rank: how soon it is left out where there is no room.
        cell: what stands there for the runs of a point.
        legend: sentences that say what it means.
        number: whether it is aligned at the right.
    """

    name: str
    rank: int
    cell: Callable[["pd.DataFrame"], str]
    legend: tuple[str, ...] = ()
    number: bool = True


def three(number: float) -> str:
    """A number in three digits, 0.00123 as 1.23e-3 is; "-" where there is none."""
    if np.isnan(number):
        return "-"
    if 1e-4 <= abs(number) < 1e-2:  # where others still write the zeros
        digits, _, power = f"{number:.2e}".partition("e")
        return f"{float(digits):g}e{int(power)}"
    return short(float(number), 3)


def median(values: np.ndarray) -> str:
    """The median over seeds; "-" when nothing was measured."""
    return three(float(quantiles(values, (0.5,))[0]))


def measured(part: "pd.DataFrame", column: str) -> str:
    """The median over seeds of a column of runs.csv; nan where most of them turned nan."""
    text = median(counted(part, column))
    return text if np.isinf(_numbers(part, column)).any() else _nan(text)


def _nan(text: str) -> str:
    """What a run that turned nan is called; among others it counts as infinite."""
    return text.replace("inf", "nan")


def spread(values: np.ndarray) -> str:
    """The range of 80 % of what was measured, "0.644-0.657"; empty for less than two."""
    if np.count_nonzero(~np.isnan(values)) < 2:
        return ""
    low, high = quantiles(values, (0.1, 0.9)).tolist()
    return _nan(_range(low, high))


def _range(low: float, high: float) -> str:
    return "inf" if low == np.inf else f"{brief(low)} - {brief(high)}"


def std_range(part: "pd.DataFrame") -> str:
    """The range of the std at the last layer."""
    return spread(counted(part, "std_last"))


def predicted(part: "pd.DataFrame") -> str:
    """What theory says of the last std, and whether the measured one lies in the band.

    The median of networks this wide; infinite width's where there is no band.
    """
    std = float(first_known(predicted_std(part)))
    onset = first_known(_numbers(part, "predicted_nan_onset"))
    text = f"nan at {onset:.0f}" if np.isinf(std) and not np.isnan(onset) else three(std)
    return f"{text} {_mark(part)}"


def _numbers(part: "pd.DataFrame", column: str) -> np.ndarray:
    return part[column].to_numpy(float)


def predicted_ratio(part: "pd.DataFrame") -> str:
    """What theory says of the gradient's ratio, and whether the measured one lies in the band.

    The median of networks this wide; infinite width's where there is no band.
    """
    text = three(float(first_known(predicted_gradient_ratio(part))))
    low, high = (float(first_known(end)) for end in ratio_band(part))
    (middle,) = quantiles(gradient_ratio(part), (0.5,))
    return f"{text} {_marked(low, float(middle), high)}".rstrip()


def predicted_ratio_range(part: "pd.DataFrame") -> str:
    """The band in which the gradient's ratio lies in 80 % of networks this wide."""
    low, high = (float(first_known(end)) for end in ratio_band(part))
    return "" if np.isnan(low) else _range(low, high)


def _mark(part: "pd.DataFrame") -> str:
    """Whether the median that is shown lies in the band; a blank where there is none."""
    low, high = (float(first_known(end)) for end in band_ends(part))
    (middle,) = quantiles(counted(part, "std_last"), (0.5,))
    return _marked(low, float(middle), high)


def _marked(low: float, middle: float, high: float) -> str:
    if np.isnan(low) or np.isnan(middle):
        return " "
    return INSIDE if within(low, middle, high) else OUTSIDE


def band(part: "pd.DataFrame") -> str:
    """The band in which 80 % of networks this wide lie, and how many of the seeds do."""
    low, high = (float(first_known(end)) for end in band_ends(part))
    if np.isnan(low):
        return ""
    inside, known = inside_band(part)
    of = f", {np.count_nonzero(inside & known)}/{np.count_nonzero(known)}" if known.any() else ""
    return f"{_range(low, high)}{of}"


def verdict(name: str, part: "pd.DataFrame") -> str:
    """What became of the runs of a point, the worst first: "nan 31-35 2/5"."""
    words = part[name].where(part["status"] == "ok", part["status"]).fillna("")
    said = [str(word) for word in words.unique() if word != ""]  # else it was not measured
    if not said:
        return "-"
    worst = min(said, key=_badness)
    count = (words == worst).sum()
    at = _onset(part) if worst == "nan" and name == "forward_verdict" else ""
    return f"{worst}{at}" + (f" {count}/{len(words)}" if count < len(words) else "")


def _badness(word: str) -> int:
    return WORST_FIRST.index(word) if word in WORST_FIRST else len(WORST_FIRST)


def _onset(part: "pd.DataFrame") -> str:
    layers = part["nan_onset"].dropna().astype(int)
    if layers.empty:
        return ""
    low, high = layers.min(), layers.max()
    return f" at {low}" if low == high else f" {low}-{high}"


PREDICTED = "predicted: the median network of this width, or without a mark infinite width's."
MARKS = f"{INSIDE} the measured std is in the band of 80 % of such networks, {OUTSIDE} it is not."
RATIO = "ratio: grad_std at layer 0 / at the last layer."
BAND = "band: 80 % of networks this wide lie there, and so many of the seeds."
PRED_RATIO = (
    "pred ratio: of the median network of this width, or without a mark infinite width's"
    " (band: {gradient: true} simulates it); - where theory does not know how the loss's gradient"
    " begins."
)
RATIO_BAND = "ratio band: 80 % of networks this wide lie there."
RANGE = "range: 80 % of seeds."
MEASURES = (
    Measure("std last", 2, partial(measured, column="std_last")),
    Measure("std range", 10, std_range, (RANGE,), number=False),
    Measure("predicted", 4, predicted, (PREDICTED, MARKS)),
    Measure("band", 11, band, (BAND,), number=False),
    Measure("forward", 1, partial(verdict, "forward_verdict"), number=False),
    Measure("ratio", 6, lambda part: _nan(median(gradient_ratio(part))), (RATIO,)),
    Measure("ratio range", 12, lambda part: spread(gradient_ratio(part)), (RANGE,), number=False),
    Measure("pred ratio", 9, predicted_ratio, (PRED_RATIO, MARKS)),
    Measure("ratio band", 13, predicted_ratio_range, (RATIO_BAND,), number=False),
    Measure("backward", 3, partial(verdict, "backward_verdict"), number=False),
)  # fmt: skip

#: the pictures that follow: rank, the column of layers.csv, whether it starts at the last layer
PICTURES = {"signal": (5, "std", False), "grad": (8, "grad_std", True)}
#: what `--columns` calls all of these
NAMES = tuple(name.replace(" ", "_") for name in (*(m.name for m in MEASURES), *PICTURES))
