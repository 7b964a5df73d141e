"""What theory says of runs: every number is worked out by hand."""

import math

import numpy as np
import pandas as pd

from initlab.report.bands import (
    band,
    first_known,
    inside_band,
    predicted_gradient_ratio,
    predicted_std,
    ratio_band,
)

NAN, INF = math.nan, math.inf


def runs(**columns):
    """Runs without predictions; columns are lists, or the same for all."""
    known = dict.fromkeys(
        ["predicted_std", "predicted_std_p10", "predicted_std_p50", "predicted_std_p90",
         "predicted_nan_onset", "nan_onset"], NAN
    )  # fmt: skip
    return pd.DataFrame(known | {"status": "ok", "dtype": "float32"} | columns)


def test_a_band_has_no_upper_end_where_it_overflows():
    table = runs(predicted_std_p10=[1.0, 1e35, 1e35, NAN], predicted_std_p90=[2, NAN, NAN, NAN],
                 dtype=["float32", "float32", "float16", "float32"])  # fmt: skip
    low, high = band(table)
    np.testing.assert_array_equal(low, [1, 1e35, INF, NAN])
    np.testing.assert_array_equal(high, [2, INF, INF, NAN])


def test_a_run_that_turned_nan_lies_beyond_a_finite_band_and_within_one_without_end():
    table = runs(std_last=[1.5, NAN, NAN, 3, NAN], nan_onset=[NAN, 3, 3, NAN, NAN],
                 predicted_std_p10=[1.0] * 4 + [NAN], predicted_std_p90=[2, 2, NAN, 2, NAN],
                 status=["ok"] * 4 + ["failed"])  # fmt: skip
    inside, known = inside_band(table)
    assert (inside & known).tolist() == [True, False, True, False, False]
    assert known.tolist() == [True, True, True, True, False]


def test_predicted_is_the_simulated_median_before_infinite_width():
    table = runs(predicted_std=[3.0, 3, 3, 3, NAN], predicted_std_p10=[1.0, 1, NAN, NAN, NAN],
                 predicted_std_p50=[2.0, NAN, NAN, NAN, NAN],
                 predicted_nan_onset=[9.0, NAN, NAN, 9, NAN])  # fmt: skip
    np.testing.assert_array_equal(predicted_std(table), [2, INF, 3, INF, NAN])


def test_a_gradients_ratio_is_compared_with_the_median_network_where_a_spec_asked_for_bands():
    asked = runs(predicted_grad_std=[0.5, 0.5], predicted_grad_std_p10=[0.1, NAN],
                 predicted_grad_std_p50=[0.3, NAN], predicted_grad_std_p90=[0.7, NAN])  # fmt: skip
    np.testing.assert_array_equal(predicted_gradient_ratio(asked), [0.3, 0.5])
    np.testing.assert_array_equal(ratio_band(asked), [[0.1, NAN], [0.7, NAN]])
    never = runs(predicted_grad_std=[0.5])
    np.testing.assert_array_equal(predicted_gradient_ratio(never), [0.5])
    assert np.isnan(ratio_band(never)).all()


def test_theory_is_of_the_first_run_that_has_it():
    values = np.array([[NAN, NAN, NAN], [1.0, NAN, NAN], [2.0, 3.0, NAN]])
    np.testing.assert_array_equal(first_known(values), [1, 3, NAN])
