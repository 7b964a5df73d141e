"""The cells of a point: three digits, ranges, verdicts, and which stds are in their band."""

import math

import pandas as pd
import pytest

from initlab.report.tables.measures import (
    INSIDE,
    MEASURES,
    NAMES,
    OUTSIDE,
    band,
    last,
    median,
    predicted,
    spread,
    three,
    verdict,
)  # fmt: skip

NAN = math.nan


def runs(*stds, **columns):
    """Runs with these last stds; the other columns are the same for all, or lists."""
    known = {"predicted_std": NAN, "predicted_std_p10": NAN, "predicted_std_p50": NAN}
    known |= {"predicted_std_p90": NAN, "predicted_nan_onset": NAN, "nan_onset": NAN}
    known |= {"status": "ok", "forward_verdict": "steady", "std_last": list(stds)}
    return pd.DataFrame(known | columns, index=range(len(stds)))


def test_numbers_have_three_digits_and_one_kind_of_exponent():
    numbers = [1.3913e22, 5.9e-16, 0.64993, 1041.0, 134.2, 0.000222, 1e-300, 0.0, NAN, math.inf]
    texts = ["1.39e22", "5.9e-16", "0.65", "1.04e3", "134", "2.22e-4", "1e-300", "0", "-", "inf"]
    assert [three(number) for number in numbers] == texts


@pytest.mark.parametrize("power", range(-12, 13))
def test_a_short_number_is_the_number_within_half_a_unit_of_its_third_digit(power):
    number = 1.23456 * 10.0**power
    assert float(three(number)) == pytest.approx(number, rel=5e-3)
    assert len(three(number)) <= 8


def test_a_median_is_of_what_was_measured():
    assert median(pd.Series([3.0, NAN, 1.0, 2.0])) == "2"
    assert median(pd.Series([None, NAN], dtype=float)) == "-"


def test_a_range_is_of_80_per_cent():
    # of 0, 1, ... 10 the quantiles at 0.1 and 0.9 are 1 and 9
    assert spread(pd.Series(range(11))) == "1 - 9"
    assert spread(pd.Series([0.64])) == ""


@pytest.mark.parametrize("series", [[math.inf, 1.0], [math.inf] * 3, [0.0, 0.0], [1e308, 1e308]])
def test_extremes_are_said_without_a_warning(series):
    assert " - " in spread(pd.Series(series))
    assert median(pd.Series(series))


# predictions --------------------------------------------------------------------------------------

BAND = {"predicted_std": 0.826, "predicted_std_p10": 0.0184, "predicted_std_p50": 0.104}
BAND |= {"predicted_std_p90": 0.595}


def test_what_is_predicted_lies_in_its_own_band():
    # the median over seeds of 0.2, 0.3 and 0.7 is 0.3, which lies in the band; 2 of 3 seeds do
    part = runs(0.2, 0.3, 0.7, **BAND)
    assert predicted(part) == f"0.104 {INSIDE}"
    assert band(part) == "0.0184 - 0.595, 2/3"


@pytest.mark.parametrize(("std", "mark"), [(0.6, OUTSIDE), (0.0184, INSIDE), (0.595, INSIDE)])
def test_a_mark_says_whether_the_measured_std_is_in_the_band(std, mark):
    assert predicted(runs(std, **BAND))[-1] == mark


def test_without_a_band_infinite_width_is_shown_without_a_mark():
    assert predicted(runs(0.5, predicted_std=0.826)).strip() == "0.826"
    assert predicted(runs(0.5)).strip() == "-"
    assert band(runs(0.5)) == ""


def test_a_predicted_overflow_is_told_with_its_layer():
    assert predicted(runs(NAN, predicted_nan_onset=31.0)) == "nan at 31"
    assert last(runs(NAN, nan_onset=31.0)) == "nan"
    assert last(runs(NAN)) == "-"  # failed


# verdicts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["steady"] * 3, "steady"),
        (["steady", "exploding", "steady"], "exploding 1/3"),
        (["steady", "vanishing", "vanishing"], "vanishing 2/3"),
        (["", "", ""], "-"),
    ],
)
def test_a_verdict_begins_with_the_worst(words, text):
    assert verdict("forward_verdict", runs(1, 1, 1, forward_verdict=words)) == text


def test_nan_is_told_with_the_layers_where_it_sets_in():
    part = runs(1, NAN, NAN, forward_verdict=["steady", "nan", "nan"], nan_onset=[NAN, 31, 35])
    assert verdict("forward_verdict", part) == "nan 31-35 2/3"
    assert verdict("forward_verdict", part.iloc[[1]]) == "nan at 31"


def test_a_run_that_failed_is_counted_and_not_dropped():
    part = runs(1, NAN, status=["ok", "failed"], forward_verdict=["steady", ""])
    assert verdict("forward_verdict", part) == "failed 1/2"
    assert verdict("status", runs(1, 1)) == "ok"


def test_names_are_those_of_the_headings():
    assert [name.replace("_", " ") for name in NAMES[:-2]] == [m.name for m in MEASURES]
