"""Many curves as their quantiles, with a few of them highlighted."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from initlab.report.figure import Array, Band, Line
from initlab.report.figures.curves import Curve, seed_count
from initlab.report.remarks import SURPRISING

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
        low, middle, high = _quantiles([_ranked(curve, runs) for curve in members])
        lines.append(Line(name, members[0].layers, middle))
        bands.append(Band(name, members[0].layers, low, high))
    for curve in _highlighted(curves, runs):
        lines.append(Line(names.iloc[curve.runs[0]], curve.layers, curve.middle, faint=True))
    return lines, bands


def crowd_note(curves: Sequence[Curve]) -> str:
    """What a picture of many curves shows of them."""
    seeds = seed_count(curves)
    of = f", each the median over {seeds}" if seeds else ""
    return (
        f"Instead of {len(curves):,} lines{of}: the median of those of a colour, and"
        " 10 to 90 % of them; what has turned nan counts as infinite. Thin: those that end"
        " highest and lowest, and that surprise most."
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


def _ranked(curve: Curve, runs: pd.DataFrame) -> Array:
    """A curve for quantiles: one that has turned nan counts as infinite, above all the others.

    Else the median would sink where the largest leave it.
    """
    finite = np.flatnonzero(np.isfinite(curve.middle))
    died = runs["nan_onset"].iloc[list(curve.runs)].notna().any()
    if not died or not len(finite):
        return curve.middle
    return np.where(np.arange(len(curve.middle)) > finite[-1], np.inf, curve.middle)


def _quantiles(values: Sequence[Array]) -> Array:
    """10, 50 and 90 %: values that some curve has, as nothing lies between one and infinity."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing was measured there
        found = np.nanquantile(np.array(values), (0.1, 0.5, 0.9), axis=0, method="nearest")
    return np.asarray(found)
