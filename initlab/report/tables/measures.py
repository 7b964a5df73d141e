"""The cells of a point: numbers in three digits, and verdicts that begin with what matters."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from initlab.formatting import brief, short

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


def median(values: "pd.Series") -> str:
    """The median of what was measured; "-" when nothing was."""
    numbers = values.astype(float).dropna().to_numpy()
    with np.errstate(all="ignore"):  # between an infinity and a number lies no number
        return three(float(np.median(numbers))) if len(numbers) else "-"


def last(part: "pd.DataFrame") -> str:
    """The std at the last layer; nan where every run that was measured turned nan."""
    text = median(part["std_last"])
    return "nan" if text == "-" and part["nan_onset"].notna().any() else text


def spread(values: "pd.Series") -> str:
    """The range of 80 % of what was measured, "0.644-0.657"; empty for less than two."""
    numbers = values.astype(float).dropna().to_numpy()
    if len(numbers) < 2:
        return ""
    with np.errstate(all="ignore"):
        return _range(*np.quantile(numbers, [0.1, 0.9]))


def _range(low: float, high: float) -> str:
    return f"{brief(low)} - {brief(high)}"


def ratio(part: "pd.DataFrame") -> "pd.Series":
    """How much larger the gradient is at layer 0 than at the last."""
    with np.errstate(all="ignore"):
        return part["grad_std_first"].astype(float) / part["grad_std_last"].astype(float)


def predicted(part: "pd.DataFrame") -> str:
    """What theory says of the last std, and whether the measured one lies in the band.

    The median of networks this wide; infinite width's where there is no band.
    """
    run = part.iloc[0]
    if not np.isnan(run["predicted_nan_onset"]):
        return f"nan at {run['predicted_nan_onset']:.0f}"
    known = not np.isnan(run["predicted_std_p50"])
    return f"{three(run['predicted_std_p50' if known else 'predicted_std'])} {_mark(part)}"


def _mark(part: "pd.DataFrame") -> str:
    """Whether the median that is shown lies in the band; a blank where there is none."""
    run, measured = part.iloc[0], part["std_last"].astype(float).dropna()
    if np.isnan(run["predicted_std_p10"]) or measured.empty:
        return " "
    with np.errstate(all="ignore"):
        middle = np.median(measured)
    inside = run["predicted_std_p10"] <= middle <= run["predicted_std_p90"]
    return INSIDE if inside else OUTSIDE


def band(part: "pd.DataFrame") -> str:
    """The band in which 80 % of networks this wide lie, and how many of the seeds do."""
    run, measured = part.iloc[0], part["std_last"].astype(float).dropna()
    ends = run["predicted_std_p10"], run["predicted_std_p90"]
    if np.isnan(ends[0]):
        return ""
    return f"{_range(*ends)}, {measured.between(*ends).sum()}/{len(measured)}"


def verdict(name: str, part: "pd.DataFrame") -> str:
    """What became of the runs of a point, the worst first: "nan 31-35 2/5"."""
    words = part[name].where(part["status"] == "ok", part["status"])
    words = words.where(lambda word: word != "", np.nan).dropna()
    if words.empty:
        return "-"
    worst = min(words.unique(), key=WORST_FIRST.index)
    count = (words == worst).sum()
    at = _onset(part) if worst == "nan" and name == "forward_verdict" else ""
    return f"{worst}{at}" + (f" {count}/{len(words)}" if count < len(words) else "")


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
RANGE = "range: 80 % of seeds."
MEASURES = (
    Measure("std last", 2, last),
    Measure("std range", 10, lambda part: spread(part["std_last"]), (RANGE,), number=False),
    Measure("predicted", 4, predicted, (PREDICTED, MARKS)),
    Measure("band", 11, band, (BAND,), number=False),
    Measure("forward", 1, partial(verdict, "forward_verdict"), number=False),
    Measure("ratio", 6, lambda part: median(ratio(part)), (RATIO,)),
    Measure("ratio range", 12, lambda part: spread(ratio(part)), (RANGE,), number=False),
    Measure("pred ratio", 9, lambda part: three(part["predicted_grad_std"].iloc[0]),
            ("pred ratio: at infinite width.",)),
    Measure("backward", 3, partial(verdict, "backward_verdict"), number=False),
)  # fmt: skip

#: the pictures that follow: rank, the column of layers.csv, whether it starts at the last layer
PICTURES = {"signal": (5, "std", False), "grad": (8, "grad_std", True)}
#: what `--columns` calls all of these
NAMES = tuple(name.replace(" ", "_") for name in (*(m.name for m in MEASURES), *PICTURES))
