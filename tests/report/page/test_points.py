"""Points: runs that differ in their seeds alone, and what became of them."""

import numpy as np
import pytest

from initlab.report.page.points import UNFINISHED, points_of
from initlab.report.statistics import counted

pytestmark = pytest.mark.xdist_group("page")  # the sweep is made once


def test_runs_that_differ_in_their_seeds_are_one_point(swept):
    points = points_of(swept.source.runs)
    assert points.names == [
        "tanh, std 0.1", "tanh, std 3", "relu, std 0.1", "relu, std 3",
        "relu_squared, std 0.1", "relu_squared, std 3",
    ]  # fmt: skip
    assert points.runs["point"].tolist() == [p for p in range(6) for _ in range(3)]


def test_a_sweep_of_one_point_is_named_by_its_network(swept_of):
    points = points_of(swept_of("single").source.runs)
    assert points.names == ["tanh, xavier_normal"]


def test_the_quantiles_of_a_point_are_of_its_own_runs(swept):
    points = points_of(swept.source.runs)
    own = [float(row["std_last"]) for row in swept.runs[:3]]
    found = points.quantiles(counted(points.runs, "std_last"))[:, 0]
    assert found == pytest.approx(np.quantile(own, [0.1, 0.5, 0.9]))


def test_verdicts_are_those_of_the_runs_and_told_apart_where_they_differ(swept):
    runs = swept.source.runs.copy()
    runs.loc[[0, 1, 2], "forward_verdict"] = ["steady", "steady", "nan"]
    runs.loc[[3, 4], "status"] = "interrupted"
    runs.loc[5, "forward_verdict"] = "vanishing"
    runs.loc[[6, 7, 8], "status"] = "interrupted"
    runs.loc[[9, 10, 11], "status"] = "failed"
    found = points_of(runs).forward
    assert found[:4] == ["2 steady, 1 nan", "vanishing", UNFINISHED, "failed"]


def test_reasons_are_in_the_words_of_what_was_measured(swept):
    runs = swept.source.runs.copy()
    runs.loc[0:2, ["std_first", "std_last"]] = [[1.0, 0.5], [1.0, 0.25], [1.0, 0.75]]
    runs.loc[0:2, ["grad_std_first", "grad_std_last"]] = [2e3, 1.0]
    runs.loc[3:5, "nan_onset"] = [4, 5, 4]
    runs.loc[6, ["status", "reason"]] = ["failed", "no room"]
    runs.loc[9:11, "status"] = "interrupted"
    runs.loc[9:11, ["std_first", "std_last", "grad_std_first", "grad_std_last"]] = np.nan
    found = points_of(runs).reasons()
    # the medians of 0.5, 0.25, 0.75 and of three times 2000
    assert found[0] == "std x 0.5 over 12 layers; gradient x 2e3 down to layer 0"
    assert found[1].startswith("not finite from layers 4 to 5 on")
    assert found[2].startswith("failed: no room; ")
    assert found[3] == "not run yet"


def test_where_only_some_seeds_turn_nan_it_is_said_how_many(swept):
    runs = swept.source.runs.copy()
    runs["nan_onset"] = runs["nan_onset"].astype(float)
    runs.loc[0, "nan_onset"] = 7
    assert points_of(runs).reasons()[0].startswith("not finite from layer 7 on in 1 of 3")


def test_a_signal_of_zeros_is_not_one_that_was_not_run(swept):
    runs = swept.source.runs.copy()
    runs.loc[0:2, ["std_first", "std_last", "grad_std_first", "grad_std_last"]] = [0, 0, np.nan, 0]
    runs.loc[3:5, ["std_first", "std_last", "grad_std_first", "grad_std_last"]] = [0, 0, 4, 2]
    runs.loc[6:8, ["std_first", "std_last"]] = [0, 0.25]
    runs.loc[0:2, "backward_verdict"] = ""
    runs.loc[0:8, "nan_onset"] = np.nan
    found = points_of(runs).reasons()
    assert found[0] == "std 0 after 12 layers"
    assert found[1] == "std 0 after 12 layers; gradient x 2 down to layer 0"
    assert found[2].startswith("std 0.25 after 12 layers")


def test_gradients_that_nobody_measured_have_no_verdict(swept):
    runs = swept.source.runs.copy()
    runs["backward_verdict"] = ""
    runs.loc[0, "status"] = "failed"
    assert points_of(runs).backward == [""] * 6
