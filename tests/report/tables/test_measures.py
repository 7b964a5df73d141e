"""The cells of a point: three digits, ranges, verdicts, and which stds are in their band."""

import math

import numpy as np
import pandas as pd
import pytest

from initlab.report.tables.measures import (
    INSIDE,
    MEASURES,
    NAMES,
    OUTSIDE,
    band,
    measured,
    median,
    predicted,
    predicted_ratio,
    predicted_ratio_range,
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
    known |= {"backward_verdict": "", "grad_std_first": NAN, "grad_std_last": NAN}
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
    assert median(np.array([3.0, NAN, 1.0, 2.0])) == "2"
    assert median(np.array([NAN, NAN])) == "-"


def test_a_range_is_of_80_per_cent():
    # of 0, 1, ... 10 the quantiles at 0.1 and 0.9 are 1 and 9
    assert spread(np.arange(11.0)) == "1 - 9"
    assert spread(np.array([0.64])) == ""


@pytest.mark.parametrize("series", [[math.inf, 1.0], [math.inf] * 3, [0.0, 0.0], [1e308, 1e308]])
def test_extremes_are_said_without_a_warning(series):
    assert spread(np.array(series))
    assert median(np.array(series))


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
    assert predicted(runs(NAN, predicted_nan_onset=31.0)).strip() == "nan at 31"
    assert measured(runs(NAN, nan_onset=31.0), "std_last") == "nan"
    assert measured(runs(NAN, status="failed"), "std_last") == "-"


def test_most_seeds_that_turned_nan_are_a_median_that_is_nan():
    # the median of 1, 2, 3, inf is 2.5; quantiles of 3 steps: 0.3 of the first, 2.7: nearest is inf
    some = runs(1, 2, 3, NAN, nan_onset=[NAN, NAN, NAN, 7])
    assert measured(some, "std_last") == "2.5"
    assert spread(some["std_last"].fillna(math.inf).to_numpy()) == "1.3 - nan"
    five = runs(1, 2, 3, *[NAN] * 4, nan_onset=[NAN] * 3 + [7, 8, 9, 9])
    assert measured(five, "std_last") == "nan"


BEYOND = {"predicted_std": 1e40, "predicted_std_p10": 1e35, "predicted_std_p50": 1e37}


def test_a_band_whose_upper_end_overflows_has_no_upper_end():
    # 1e34 lies below it; 1e36 and the run that turned nan lie in it
    part = runs(1e34, 1e36, NAN, nan_onset=[NAN, NAN, 7], predicted_nan_onset=93.0, **BEYOND)
    assert band(part) == "1e35 - inf, 2/3"
    assert predicted(part) == f"1e37 {INSIDE}"  # although infinite width's turns nan


def test_a_run_that_turned_nan_is_beyond_a_finite_band():
    part = runs(0.3, NAN, NAN, nan_onset=[NAN, 7, 8], **BAND)
    assert band(part) == "0.0184 - 0.595, 1/3"
    assert predicted(part) == f"0.104 {OUTSIDE}"


def test_a_band_beyond_the_dtype_is_nan():
    # 1e35 is no number of float16, whose largest is 65504
    part = runs(NAN, nan_onset=10, dtype="float16", predicted_nan_onset=10.0, **BEYOND)
    assert predicted(part) == f"nan at 10 {INSIDE}"
    assert band(part) == "inf, 1/1"


def test_a_prediction_is_of_the_first_seed_that_has_one():
    failed = {name: [NAN, number] for name, number in BAND.items()}
    part = runs(NAN, 0.2, status=["failed", "ok"], predicted_grad_std=[NAN, 0.5], **failed)
    assert predicted(part) == f"0.104 {INSIDE}"
    assert band(part) == "0.0184 - 0.595, 1/1"
    assert predicted_ratio(part) == "0.5"


def test_a_gradient_that_overflows_on_its_way_is_nan():
    part = runs(1, 1, 1, grad_std_first=[NAN, NAN, 4], grad_std_last=[1e30, 1e30, 2],
                backward_verdict=["nan", "nan", "steady"])  # fmt: skip
    (ratio,) = (measure.cell(part) for measure in MEASURES if measure.name == "ratio")
    assert ratio == "nan"


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
    assert verdict("backward_verdict", part) == "failed 1/2"
    assert verdict("status", runs(1, 1)) == "ok"


def test_a_word_that_nobody_knows_comes_last():
    words = ["steady", "odd", "odd"]
    assert verdict("forward_verdict", runs(1, 1, 1, forward_verdict=words)) == "steady 1/3"
    assert verdict("forward_verdict", runs(1, forward_verdict=["odd"])) == "odd"


def test_names_are_those_of_the_headings():
    assert [name.replace("_", " ") for name in NAMES[:-2]] == [m.name for m in MEASURES]


RATIO_BAND = {"predicted_grad_std": 0.4, "predicted_grad_std_p10": 1.5}
RATIO_BAND |= {"predicted_grad_std_p50": 2.5, "predicted_grad_std_p90": 3.5}


def test_a_gradient_with_a_band_is_compared_with_the_median_network():
    # ratios 2 and 4: their median is 3, within 1.5 to 3.5
    gradients = {"grad_std_first": [2.0, 4.0], "grad_std_last": 1.0}
    part = runs(1, 1, **gradients, **RATIO_BAND)
    assert predicted_ratio(part) == f"2.5 {INSIDE}"
    assert predicted_ratio_range(part) == "1.5 - 3.5"
    off = runs(1, 1, **gradients | {"grad_std_last": 0.1}, **RATIO_BAND)
    assert predicted_ratio(off) == f"2.5 {OUTSIDE}"


def test_without_one_it_is_infinite_width_and_has_no_mark():
    part = runs(1, grad_std_first=2.0, grad_std_last=1.0, predicted_grad_std=0.4)
    assert predicted_ratio(part) == "0.4"
    assert predicted_ratio_range(part) == ""
    unknown = RATIO_BAND | dict.fromkeys([*RATIO_BAND][1:], NAN)  # of a point without a band
    assert predicted_ratio(runs(1, grad_std_first=2.0, grad_std_last=1.0, **unknown)) == "0.4"
