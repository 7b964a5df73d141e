"""Quantiles of many curves."""

import numpy as np
import pandas as pd

from initlab.report.figures.crowd import MOST_GROUPS, crowd
from initlab.report.figures.curves import Curve


def curve(number, middle, label=""):
    """Of one run."""
    middle = np.array(middle, float)
    return Curve(label, "", middle, middle, middle, middle * np.nan, None, (number,))


def runs(count, onset=()):
    """Some of which turn nan."""
    onsets = [dict(onset).get(n, np.nan) for n in range(count)]
    return pd.DataFrame({"nan_onset": onsets, "surprise": np.nan}, index=range(count))


def names(count):
    """Of runs."""
    return pd.Series([f"run {n}" for n in range(count)])


def test_a_run_that_has_turned_nan_does_not_pull_the_median_down():
    curves = [curve(n, [n + 1, n + 1]) for n in range(8)]
    curves += [curve(n, [100, np.inf]) for n in (8, 9, 10)]
    lines, bands = crowd(curves, runs(11, {8: 1, 9: 1, 10: 1}), names(11))
    assert lines[0].y.tolist() == [6, 6]  # without them it would sink to 4 or 5
    assert bands[0].high.tolist() == [100, np.inf]  # above any axis


def test_few_labels_have_a_median_each():
    curves = [curve(n, [n, n], "ab"[n % 2]) for n in range(50)]
    lines, bands = crowd(curves, runs(50), names(50))
    assert [line.label for line in lines if not line.faint] == ["a", "b"]
    assert len(bands) == 2
    many = [curve(n, [n, n], str(n % (MOST_GROUPS + 1))) for n in range(50)]
    assert crowd(many, runs(50), names(50))[0][0].label == "median of 50"


def test_curves_without_a_number_have_no_extremes():
    lines, _ = crowd([curve(n, [np.nan]) for n in range(50)], runs(50), names(50))
    assert [line.label for line in lines] == ["median of 50"]
