"""Statistics over seeds: every number is worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from initlab.report.statistics import (
    by_layer,
    by_point,
    counted,
    counted_by_layer,
    forward_ratio,
    gradient_ratio,
    quantiles,
    seed_count,
)

NAN, INF = math.nan, math.inf


def runs(**columns):
    """Runs that were measured; columns are lists, or the same for all."""
    known = dict.fromkeys(["nan_onset", "grad_std_first", "grad_std_last"], NAN)
    known |= {"status": "ok", "backward_verdict": "", "depth": 4}
    table = pd.DataFrame(known | columns)
    return table.assign(run=range(len(table)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([4.0, 1.0, 2.0], [1.2, 2, 3.6]),  # 0.2, 1 and 1.8 steps of two
        ([1.0, 2.0, 3.0, INF], [1.3, 2.5, INF]),  # 2.7 steps of three: nearer to infinity
        ([1.0, INF], [1, 1, INF]),  # as near to either: the finite one
        ([1.0, INF, INF], [1, INF, INF]),
        ([0.0, NAN, 2.0], [0.2, 1, 1.8]),  # of two
        ([-INF, 1.0, 2.0], [-INF, 1, 1.8]),
        ([NAN, NAN], [NAN] * 3),
        ([], [NAN] * 3),
    ],
)
def test_between_a_number_and_an_infinity_lies_no_number(values, expected):
    np.testing.assert_allclose(quantiles(np.array(values)), expected)


def test_quantiles_of_what_is_finite_are_those_of_numpy():
    values = np.random.default_rng(0).normal(size=(7, 5, 3))
    values[:3, 1] = NAN
    expected = np.nanquantile(values, (0.1, 0.5, 0.9), axis=0)
    np.testing.assert_allclose(quantiles(values), expected, rtol=1e-12)


def test_runs_are_seeds_of_their_points():
    table = by_point(np.array([1.0, 2, 3, 4]), np.array([0, 1, 0, 0]), 2)
    np.testing.assert_array_equal(table, [[1, 2], [3, NAN], [4, NAN]])


def test_a_run_that_turned_nan_counts_as_infinite_and_one_that_failed_not_at_all():
    table = runs(std_last=[1.0, NAN, NAN, 5.0], nan_onset=[NAN, 3, NAN, NAN],
                 status=["ok", "ok", "failed", "interrupted"])  # fmt: skip
    np.testing.assert_array_equal(counted(table, "std_last"), [1, INF, NAN, NAN])


def test_the_gradient_of_a_run_that_turned_nan_was_not_measured():
    table = runs(grad_std_first=[6.0, NAN, NAN], grad_std_last=[2.0, 1.0, NAN],
                 backward_verdict=["steady", "nan", ""], nan_onset=[NAN, NAN, 3])  # fmt: skip
    np.testing.assert_array_equal(gradient_ratio(table), [3, INF, NAN])
    np.testing.assert_array_equal(counted(table, "grad_std_first"), [6, INF, NAN])


def test_a_signal_that_turned_nan_has_grown_without_end_even_from_the_first_layer():
    table = runs(std_first=[2.0, 2.0, NAN, 0.0, 2.0], std_last=[6.0, NAN, NAN, 0.0, 6.0],
                 nan_onset=[NAN, 3, 0, NAN, NAN], status=[*["ok"] * 4, "failed"])  # fmt: skip
    np.testing.assert_array_equal(forward_ratio(table), [3, INF, INF, NAN, NAN])


def test_layers_from_the_onset_on_are_infinite_as_deep_as_the_network_is():
    table = runs(nan_onset=[NAN, 2, 1], depth=[4, 4, 3])
    layers = pd.DataFrame(
        {"run": [0] * 4 + [1] * 3 + [2, 2], "layer": [0, 1, 2, 3, 0, 1, 2, 0, 1],
         "std": [1.0, 2, 3, 4, 5, 6, NAN, 7, NAN], "cosine": [NAN] * 9}
    )  # fmt: skip
    found = counted_by_layer(by_layer(layers, table, "std"), table, "std")
    expected = [[1, 2, 3, 4], [5, 6, INF, INF], [7, INF, INF, NAN]]
    np.testing.assert_array_equal(found, expected)
    cosine = counted_by_layer(by_layer(layers, table, "cosine"), table, "cosine")
    assert np.isnan(cosine[1, :2]).all()  # of samples that are all zero there is none


def test_a_gradient_is_infinite_where_it_was_measured_and_is_no_number():
    table = runs(backward_verdict=["nan", ""], nan_onset=[NAN, 3])
    values = np.array([[NAN, NAN, 1e30, 1.0], [NAN] * 4])
    found = counted_by_layer(values, table, "grad_std")
    np.testing.assert_array_equal(found, [[INF, INF, 1e30, 1], [NAN] * 4])
    unmeasured = counted_by_layer(values * NAN, table, "bias_grad_std")
    assert np.isnan(unmeasured).all()  # without biases


def test_a_table_without_layers_has_none_but_those_that_are_asked_for():
    empty = pd.DataFrame({"run": [], "layer": [], "std": []}, dtype=object)
    assert by_layer(empty, runs(nan_onset=[NAN, NAN]), "std").shape == (2, 0)
    np.testing.assert_array_equal(
        by_layer(empty, runs(nan_onset=[NAN, NAN]), "std", least=1), [[NAN], [NAN]]
    )
    one = pd.DataFrame({"run": [1], "layer": [2], "std": [5.0]})
    found = by_layer(one, runs(nan_onset=[NAN, NAN]), "std", least=2)
    np.testing.assert_array_equal(found, [[NAN] * 3, [NAN, NAN, 5]])


@pytest.mark.parametrize(
    ("counts", "text"),
    [([6, 6], "6 seeds"), ([1, 6, 0], "1 to 6 seeds"), ([1, 1], ""), ([0], ""), ([], "")],
)
def test_seeds_are_counted_where_there_are_several(counts, text):
    assert seed_count(counts) == text


# columns that specs ask for ----------------------------------------------------------------------


def test_what_a_run_did_not_record_is_no_infinity():
    # all turned nan at layer 1; the second never measured the column
    table = runs(nan_onset=[1.0, 1.0], record=["both+neurons", "both"], depth=[3, 3])
    values = np.array([[0.5, NAN, NAN], [NAN, NAN, NAN]])
    for column in ("neuron_std", "dead_fraction"):
        found = counted_by_layer(values, table, column)
        np.testing.assert_array_equal(found, [[0.5, INF, INF], [NAN] * 3])
    np.testing.assert_array_equal(counted_by_layer(values, table, "q50"), values)


def test_a_recorded_gradient_counts_as_the_gradient_does():
    table = runs(backward_verdict=["nan", ""], record=["both+gradients"] * 2, depth=[2, 2])
    values = np.array([[NAN, 2.0], [NAN, NAN]])
    found = counted_by_layer(values, table, "grad_norm")
    np.testing.assert_array_equal(found, [[INF, 2.0], [NAN, NAN]])
