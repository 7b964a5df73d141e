"""Outcomes as CSV: nothing is lost, and what looks alike is told apart."""

import csv
import io
import math

import numpy as np
import pytest
from helpers import csv_texts, in_memory
from hypothesis import given
from hypothesis import strategies as st

from initlab import read_results
from initlab.catalog.columns import columns
from initlab.formatting import csv_line
from initlab.network.measurement import Measurement
from initlab.store.outcome import Outcome

FORWARD, BACKWARD = columns("layers", "forward"), columns("layers", "backward")


def cells(line):
    (row,) = csv.reader(io.StringIO(line))
    return row


def run_rows(plan, outcomes):
    return list(csv.DictReader(io.StringIO(csv_texts(plan, outcomes)[0])))


def layer_rows(plan, outcomes):
    return list(csv.DictReader(io.StringIO(csv_texts(plan, outcomes)[1])))


@pytest.fixture
def measured(plan_of):
    """A plan with a bias in one of its two networks, and its outcomes."""
    plan = plan_of(bias=["none", {"std": 0.5}], depth=2)
    outcomes, _ = in_memory(plan)
    return plan, outcomes


# cells ------------------------------------------------------------------------------------------


@given(st.floats())
def test_a_float_is_read_back_as_it_was(number):
    (text,) = cells(csv_line([number]))
    back = float(text)
    assert back == number or (math.isnan(back) and math.isnan(number))
    assert math.copysign(1, back) == math.copysign(1, number) or math.isnan(number)


def test_nan_inf_and_nothing_are_told_apart():
    line = csv_line([math.nan, math.inf, -math.inf, None, 0.0, -0.0, "", 0, False])
    assert line == "nan,inf,-inf,,0.0,-0.0,,0,False\n"


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"])), min_size=2
    )
)
def test_any_text_is_read_back_as_it_was(texts):
    assert cells(csv_line(texts)) == texts


# tables -----------------------------------------------------------------------------------------


def test_layers_hold_what_was_measured_to_the_last_bit(measured):
    plan, outcomes = measured
    rows = layer_rows(plan, outcomes)
    assert [(row["run"], row["layer"]) for row in rows] == [
        ("0", "0"),
        ("0", "1"),
        ("1", "0"),
        ("1", "1"),
    ]
    for row in rows:
        m = outcomes[int(row["run"])].measurement
        layer = int(row["layer"])
        found = [float(row[name]) for name in FORWARD]
        np.testing.assert_array_equal(found, m.forward[layer])
        backward = dict(zip(BACKWARD, m.backward[layer], strict=True))
        assert float(row["grad_std"]) == backward["grad_std"]
        assert float(row["weight_grad_std"]) == backward["weight_grad_std"]


def test_without_a_bias_its_gradient_was_not_measured(measured):
    plan, outcomes = measured
    rows = layer_rows(plan, outcomes)
    assert [row["bias_grad_std"] == "" for row in rows] == [True, True, False, False]


def test_of_layers_that_differ_only_those_with_a_bias_have_its_gradient(plan_of):
    plan = plan_of(depth=4, width=16, last={"bias": {"std": 0.1}}, layers={1: {"bias": "zeros"}})
    outcomes, _ = in_memory(plan)
    rows = layer_rows(plan, outcomes)
    assert [row["bias_grad_std"] != "" for row in rows] == [False, True, False, True]
    ends = [row["predicted_pre_std"] for row in rows]
    assert all(ends)  # what follows has not moved


def test_fans_are_inputs_and_outputs_of_each_layer(plan_of):
    plan = plan_of(shape=[3, 5, 2])
    outcomes, _ = in_memory(plan)
    rows = layer_rows(plan, outcomes)
    assert [(row["fan_in"], row["fan_out"]) for row in rows] == [("3", "5"), ("5", "2")]


def test_layers_tell_their_axes_and_no_other_field(plan_of):
    plan = plan_of(init={"scheme": "normal", "std": [1, 2]}, depth=1)
    outcomes, _ = in_memory(plan)
    rows = layer_rows(plan, outcomes)
    assert list(rows[0])[:5] == ["run", "seed", "init.std", "layer", "fan_in"]
    assert [row["init.std"] for row in rows] == ["1.0", "2.0"]


def test_every_column_of_the_catalog_is_written_and_no_other(measured):
    plan, outcomes = measured
    runs, layers = (text.splitlines()[0] for text in csv_texts(plan, outcomes))
    assert cells(layers) == [
        "run",
        "seed",
        *plan.axes,
        *columns("layers", "key"),
        *FORWARD,
        *BACKWARD,
        *columns("layers", "predicted"),
    ]
    expected = columns("runs", "result", "predicted")
    assert cells(runs) == ["run", *plan.fields, "seed", *expected]


def test_a_run_that_failed_or_was_not_reached_keeps_its_row(plan_of):
    plan = plan_of(seeds=3)
    ((fine, *_), _) = in_memory(plan)
    outcomes = [
        Outcome("failed", reason='ValueError: a "bad", bad\nday'),
        fine,
        Outcome("interrupted", reason="stopped by Ctrl-C"),
    ]
    runs = run_rows(plan, outcomes)
    assert [row["status"] for row in runs] == ["failed", "ok", "interrupted"]
    assert runs[0]["reason"] == 'ValueError: a "bad", bad\nday'
    assert (runs[0]["std_last"], runs[0]["forward_verdict"], runs[0]["seconds"]) == ("", "", "")
    assert runs[0]["depth"] == "3"
    assert {row["run"] for row in layer_rows(plan, outcomes)} == {"1"}


def measurement(forward, backward, onset=None, reason=""):
    """A measurement with the same value in every column of a layer."""
    rows = np.array([[value] * len(FORWARD) for value in forward])
    back = None if backward is None else np.array([[value] * len(BACKWARD) for value in backward])
    return Measurement(forward=rows, backward=back, nan_onset=onset, loss_value=None, reason=reason)


def test_a_run_that_turned_nan_says_where_and_has_no_gradients(plan_of):
    plan = plan_of(depth=5)
    m = measurement([1.0, math.inf, math.nan], None, onset=2, reason="layer 2: inf")
    outcomes = [Outcome("ok", m, seconds=0.5)]
    (run,) = run_rows(plan, outcomes)
    assert (run["status"], run["nan_onset"], run["forward_verdict"]) == ("ok", "2", "nan")
    assert (run["std_first"], run["std_last"]) == ("1.0", "nan")
    assert (run["grad_std_first"], run["backward_verdict"], run["loss_value"]) == ("", "", "")
    layers = layer_rows(plan, outcomes)
    assert [row["std"] for row in layers] == ["1.0", "inf", "nan"]  # layers 3 and 4 have no row
    assert {row["grad_std"] for row in layers} == {""}


def test_a_gradient_that_is_nan_is_not_an_empty_cell(plan_of):
    plan = plan_of(depth=2)
    outcomes = [Outcome("ok", measurement([1.0, 1.0], [math.nan, 0.5]), seconds=0.1)]
    (run,) = run_rows(plan, outcomes)
    assert (run["grad_std_first"], run["grad_std_last"]) == ("nan", "0.5")
    assert run["backward_verdict"] == "nan"
    assert [row["grad_std"] for row in layer_rows(plan, outcomes)] == ["nan", "0.5"]


def test_pandas_reads_verdicts_of_nan_as_words(plan_of, tmp_path):
    plan = plan_of(depth=2)
    m = measurement([1.0, math.nan], None, onset=1, reason="layer 1: nan")
    for name, text in zip(
        ("runs", "layers"), csv_texts(plan, [Outcome("ok", m, seconds=0.1)]), strict=True
    ):
        (tmp_path / f"{name}.csv").write_text(text)
    results = read_results(tmp_path)
    assert results.runs["forward_verdict"].tolist() == ["nan"]
    assert results.runs["backward_verdict"].tolist() == [""]
    assert math.isnan(results.runs["std_last"][0])
    assert results.layers["std"].tolist()[0] == 1.0
