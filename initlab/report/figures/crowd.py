"""Many curves as their quantiles, with a few of them highlighted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from initlab.report.figure import Band, Line

if TYPE_CHECKING:
    from initlab.report.figures.depth import Curve

SURPRISING = 5.0  # standard deviations from what simulated networks have
MOST_SURPRISING = 2


def crowd(
    curves: "Sequence[Curve]", runs: pd.DataFrame
) -> tuple[list[Line], list[Band], list[str]]:
    """The 10, 50 and 90 % quantiles of curves, their extremes, and those that surprise most."""
    raise NotImplementedError
