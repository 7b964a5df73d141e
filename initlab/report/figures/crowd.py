"""Many curves as their quantiles, with a few of them highlighted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from initlab.report.figure import Band, Line
from initlab.report.figures.curves import Curve, seeds_of
from initlab.report.remarks import SURPRISING
from initlab.report.statistics import nan_beyond, quantiles

MOST_GROUPS = 6  # colours that have quantiles of their own; else there are those of all curves
MOST_SURPRISING = 2


def crowd(
    curves: Sequence[Curve], runs: pd.DataFrame, names: pd.Series
) -> tuple[list[Line], list[Band]]:
    """The median of many curves, their 10 to 90 %, and those that end or surprise most.

    Args:
        curves: of one panel; those of one label are taken together if there are few labels.
        runs: those of the curves, by position.
        names: of every run, for those that are highlighted.
    """
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        groups.setdefault(curve.label, []).append(curve)
    if len(groups) > MOST_GROUPS:
        groups = {"": list(curves)}
    lines, bands = [], []
    for label, members in groups.items():
        name = label or f"median of {len(members):,}"
        low, middle, high = quantiles(np.array([curve.middle for curve in members]))
        lines.append(Line(name, members[0].layers, nan_beyond(middle)))
        bands.append(Band(name, members[0].layers, low, high))
    for curve in _highlighted(curves, runs):
        name = names.iloc[curve.runs[0]]
        lines.append(Line(name, curve.layers, nan_beyond(curve.middle), faint=True))
    return lines, bands


def crowd_note(curves: Sequence[Curve]) -> str:
    """What a picture of many curves shows of them."""
    seeds = seeds_of(curves)
    of = f", each the median over {seeds}" if seeds else ""
    return (
        f"Instead of {len(curves):,} lines{of}: the median of those of a colour; what has turned"
        " nan counts as infinite. Beside it those that end highest and lowest, and that surprise"
        " most."
    )


def _highlighted(curves: Sequence[Curve], runs: pd.DataFrame) -> list[Curve]:
    """The curves with the highest and the lowest end, and the most surprising ones."""
    ends = [curve.middle[np.isfinite(curve.middle)][-1:] for curve in curves]
    known = [n for n, end in enumerate(ends) if len(end)]
    if not known:
        return []
    chosen = [max(known, key=lambda n: ends[n][0]), min(known, key=lambda n: ends[n][0])]
    surprise = runs["surprise"].abs().to_numpy(float)
    most = [np.nanmax(np.nan_to_num(surprise[list(curve.runs)])) for curve in curves]
    ranked = sorted(range(len(curves)), key=lambda n: -most[n])
    chosen += [n for n in ranked[:MOST_SURPRISING] if most[n] > SURPRISING]
    return [curves[n] for n in dict.fromkeys(chosen)]
