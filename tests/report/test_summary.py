"""The summary that sweep and show print: a row for every point, over its seeds."""

import io
import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import csv_texts, in_memory

from initlab.catalog.columns import columns
from initlab.network.propagate import Measurement
from initlab.report.summary import (
    ASCII_BARS,
    BARS,
    SPARK_WIDTH,
    sparkline,
    spread,
    summarise,
)
from initlab.store.outcome import Outcome
from initlab.store.read import read_table


def summary(plan, outcomes, **options):
    """Through CSV and back, as sweep and show read it."""
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for text in csv_texts(plan, outcomes):
            file = Path(folder) / "table.csv"
            file.write_text(text)
            tables.append(read_table(file))
    return summarise(*tables, **options)


def outcome(stds, grads=None, onset=None):
    """A run whose layers have these stds, and these gradients' stds."""
    width = len(columns("layers", "forward")), len(columns("layers", "backward"))
    forward = np.repeat(np.array(stds)[:, None], width[0], axis=1)
    backward = None if grads is None else np.repeat(np.array(grads)[:, None], width[1], axis=1)
    return Outcome("ok", Measurement(forward, backward, onset), seconds=0.1)


def column(table, name):
    return [row[table.header.index(name)] for row in table.rows]


# numbers ----------------------------------------------------------------------------------------


def test_a_spread_is_the_median_and_the_10_to_90_per_cent_range():
    # of 0, 1, ... 10 the quantiles at 0.1, 0.5 and 0.9 are 1, 5 and 9
    assert spread(pd.Series(range(11))) == "5 [1, 9]"


def test_a_spread_of_one_number_is_that_number():
    assert spread(pd.Series([0.64412])) == "0.6441"
    assert spread(pd.Series([math.nan, 2.0])) == "2"


@pytest.mark.parametrize("nothing", [[], [math.nan], [None, None]])
def test_a_spread_of_nothing_says_so(nothing):
    assert spread(pd.Series(nothing, dtype=float)) == "-"


@pytest.mark.parametrize("series", [[math.inf, 1.0], [math.inf] * 3, [0.0, 0.0], [1e308, 1e308]])
def test_a_spread_of_extremes_is_said_without_a_warning(series):
    assert "[" in spread(pd.Series(series))


# sparklines -------------------------------------------------------------------------------------


def test_a_sparkline_rises_and_falls_with_the_logarithm():
    rising = np.logspace(-8, 8, 12)
    line = sparkline([rising])
    assert line[0] == BARS[0]
    assert line[-1] == BARS[-1]
    assert [BARS.index(bar) for bar in line] == sorted(BARS.index(bar) for bar in line)
    assert sparkline([rising[::-1]]) == line[::-1]


def test_a_steady_signal_looks_flat_although_it_wobbles():
    wobbly = np.array([1.0, 1.1, 0.9, 1.05, 0.95] * 20)
    assert len(set(sparkline([wobbly]))) <= 2


def test_a_sparkline_marks_where_runs_turned_nan():
    died = np.array([1.0, 10.0, math.nan])
    assert sparkline([died]).endswith("x")
    assert sparkline([np.ones(50), np.ones(3)]).endswith("x")  # one run has no more layers
    assert not sparkline([np.ones(50)]).endswith("x")
    assert sparkline([np.array([math.nan])]) == "x"


@pytest.mark.parametrize(
    "stds",
    [
        [np.zeros(5)],
        [np.array([1.0, 0.0, 0.0])],
        [np.array([math.inf, 1.0])],
        [np.array([5e-324, 1e308])],
        [np.ones(1)],
        [np.ones(3), np.array([math.nan])],
    ],
)
def test_extremes_have_a_sparkline_without_a_warning(stds):
    line = sparkline(stds)
    assert 1 <= len(line) <= SPARK_WIDTH


def test_sparklines_have_a_width_and_an_ascii_form():
    long = [np.logspace(0, 300, 5000)]
    assert len(sparkline(long)) == SPARK_WIDTH
    assert set(sparkline(long, unicode=False)) <= set(ASCII_BARS)
    assert len(sparkline([np.ones(3)])) == 3
    assert sparkline([]) == ""


# rows -------------------------------------------------------------------------------------------


def test_a_row_for_every_point_over_its_seeds(plan_of):
    plan = plan_of(activation=["tanh", "relu"], depth=2, seeds=3)
    stds = [0.5, 0.6, 0.7, 2.0, 2.0, 2.0]
    outcomes = [outcome([1.0, std], [1.0, 0.5]) for std in stds]
    table = summary(plan, outcomes)
    assert column(table, "activation") == ["tanh", "relu"]
    # quantiles of 0.5, 0.6, 0.7 at 0.1 and 0.9, by linear interpolation: 0.52 and 0.68
    assert column(table, "std last") == ["0.6 [0.52, 0.68]", "2 [2, 2]"]
    assert column(table, "grad ratio") == ["2 [2, 2]"] * 2
    assert column(table, "forward") == ["steady", "steady"]
    assert "over 3 seeds" in table.caption


def test_points_are_not_mixed_across_an_axis_with_empty_cells(plan_of):
    plan = plan_of(init=["normal", "xavier_normal", {"scheme": "normal", "std": 2}], depth=2)
    table = summary(plan, [outcome([1.0, std]) for std in (3.0, 4.0, 5.0)])
    assert column(table, "std last") == ["3", "4", "5"]
    assert column(table, "init") == ["normal", "xavier_normal", "normal(std=2)"]


def test_verdicts_of_all_seeds_are_counted(plan_of):
    plan = plan_of(depth=3, seeds=4)
    outcomes = [
        outcome([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
        outcome([1.0, 1.0, 1.0], [1e9, 1.0, 1.0]),
        outcome([1.0, math.nan], onset=1),
        outcome([1.0, 1.0, math.nan], onset=2),
    ]
    table = summary(plan, outcomes)
    (forward,), (backward,) = column(table, "forward"), column(table, "backward")
    assert sorted(forward.split(", ")) == ["2 nan at 1-2", "2 steady"]
    assert sorted(backward.split(", ")) == ["1 exploding", "1 steady"]
    assert "nan at: the first layer" in table.caption


def test_failed_and_interrupted_runs_are_counted_and_not_dropped(plan_of):
    plan = plan_of(depth=2, seeds=3)
    outcomes = [outcome([1.0, 1.0]), Outcome("failed", reason="x"), Outcome("interrupted")]
    (forward,) = column(summary(plan, outcomes), "forward")
    assert sorted(forward.split(", ")) == ["1 failed", "1 interrupted", "1 steady"]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_sweep_without_any_measurement_has_a_summary(plan_of, status):
    plan = plan_of(activation=["tanh", "relu"])
    table = summary(plan, [Outcome(status, reason="no")] * 2)
    assert column(table, "forward") == [status] * 2
    assert column(table, "std last") == ["-", "-"]
    assert column(table, "log10 std") == ["", ""]


def test_forward_only_shows_no_gradient(plan_of):
    plan = plan_of(record="forward")
    table = summary(plan, in_memory(plan)[0])
    assert column(table, "grad ratio") == ["-"]
    assert column(table, "backward") == ["-"]


def test_a_sweep_of_one_run_has_one_row_without_axes(plan_of):
    plan = plan_of()
    table = summary(plan, in_memory(plan)[0])
    assert table.header[0] == "std last"
    assert len(table.rows) == 1
    assert "seeds" not in table.caption


@pytest.mark.parametrize(
    ("fields", "header", "labels"),
    [
        ({"init": {"scheme": "normal", "std": [1, 0.25]}}, "std", ["1", "0.25"]),
        ({"shape": [[3, 4], [3, 5]]}, "shape", ["3x4", "3x5"]),
        ({"depth": [2, 3]}, "depth", ["2", "3"]),
        ({"bias": ["none", {"std": 0.5}]}, "bias", ["-", "normal(std=0.5)"]),
        ({"dtype": ["float64", "bfloat16"]}, "dtype", ["float64", "bfloat16"]),
        (
            {"init": {"scheme": "xavier_normal", "gain": ["auto", "tanh", 2]}},
            "gain",
            ["auto", "tanh", "2"],
        ),
    ],
)
def test_points_are_named_by_what_sets_them_apart(plan_of, fields, header, labels):
    plan = plan_of(**fields)
    table = summary(plan, in_memory(plan)[0])
    assert column(table, header) == labels


def test_two_parameters_of_one_name_are_told_apart(plan_of):
    plan = plan_of(init={"scheme": "normal", "std": [1, 2]}, bias={"std": [3, 4]})
    table = summary(plan, in_memory(plan)[0])
    assert len(set(table.header)) == len(table.header)
    assert len({row[:2] for row in table.rows}) == 4


def test_an_ascii_summary_is_ascii(plan_of):
    plan = plan_of(activation=["tanh", "relu"], seeds=2)
    table = summary(plan, in_memory(plan)[0], unicode=False)
    written = io.StringIO()
    print(table, file=written)
    assert written.getvalue().isascii()
