"""From measurements to words."""

import math

import numpy as np
import pytest

from initlab.catalog.columns import columns
from initlab.cli.fail_on import CHECKS, failing, parse_checks
from initlab.errors import InputError
from initlab.network.propagate import BACKWARD, FORWARD, Measurement
from initlab.spec.thresholds import Thresholds, verdict
from initlab.store.outcome import Outcome, result_cells

THRESHOLDS = Thresholds()  # vanishing below 1e-3, exploding above 1e3
INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("start", "end", "word"),
    [
        (1, 1, "steady"),
        (1, 1e-3, "steady"),  # the bound itself is steady, on both sides
        (1, 1e3, "steady"),
        (1, 0.999e-3, "vanishing"),
        (1, 1.001e3, "exploding"),
        (2e300, 1e300, "steady"),
        (1e-300, 2e-300, "steady"),
        (1e-200, 1e200, "exploding"),  # the ratio overflows
        (1e200, 1e-200, "vanishing"),  # the ratio underflows
        (1, 0, "vanishing"),
        (0, 0, "vanishing"),
        (0, 1, "exploding"),
        (1, INF, "nan"),
        (1, NAN, "nan"),
        (NAN, 1, "nan"),
        (NAN, 0, "nan"),
    ],
)
def test_verdict(start, end, word):
    assert verdict(start, end, THRESHOLDS) == word


def test_thresholds_are_the_spec_s():
    narrow = Thresholds(vanishing=0.5, exploding=2)
    words = [verdict(1, end, narrow) for end in (0.4, 0.5, 2, 2.5)]
    assert words == ["vanishing", "steady", "steady", "exploding"]


def measurement(stds, grad_stds=None, **fields):
    forward = np.full((len(stds), len(FORWARD)), 7.0)
    forward[:, FORWARD.index("std")] = stds
    backward = None
    if grad_stds is not None:
        backward = np.full((len(grad_stds), len(BACKWARD)), 7.0)
        backward[:, BACKWARD.index("grad_std")] = grad_stds
    return Measurement(forward, backward, **fields)


def test_cells_of_a_measured_run():
    # forward 1 -> 1e-4; the gradient starts at the last layer: 2 -> 8000
    m = measurement([1, 0.1, 1e-4], [8000, 3, 2], loss_value=0.5)
    assert result_cells(Outcome("ok", m, seconds=1.5), THRESHOLDS) == {
        "status": "ok",
        "reason": "",
        "nan_onset": None,
        "forward_verdict": "vanishing",
        "backward_verdict": "exploding",
        "std_first": 1,
        "std_last": 1e-4,
        "grad_std_first": 8000,
        "grad_std_last": 2,
        "loss_value": 0.5,
        "seconds": 1.5,
        **dict.fromkeys(columns("runs", "predicted")),  # nobody made a forecast
    }


def test_cells_of_a_run_that_turned_nan():
    m = measurement([1, NAN], nan_onset=1, reason="layer 1: half of it is not finite")
    cells = result_cells(Outcome("ok", m), THRESHOLDS)
    assert cells["status"] == "ok"  # nan is a finding, not a failure
    assert cells["forward_verdict"] == "nan"
    assert cells["nan_onset"] == 1
    assert math.isnan(cells["std_last"])
    assert cells["reason"] == m.reason
    assert cells["backward_verdict"] is cells["grad_std_first"] is cells["loss_value"] is None


def test_nan_without_an_onset():
    # a single neuron and sample has std nan without holding a value that is not finite
    cells = result_cells(Outcome("ok", measurement([NAN])), THRESHOLDS)
    assert (cells["nan_onset"], cells["forward_verdict"]) == (None, "nan")


@pytest.mark.parametrize("grad_stds", [[NAN, 1], [INF, 1], [0, NAN]], ids=str)
def test_a_gradient_that_is_not_finite(grad_stds):
    cells = result_cells(Outcome("ok", measurement([1, 1], grad_stds)), THRESHOLDS)
    assert cells["backward_verdict"] == "nan"
    assert cells["forward_verdict"] == "steady"


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_cells_of_a_run_without_measurements(status):
    cells = result_cells(Outcome(status, reason="because"), THRESHOLDS)
    filled = {name: value for name, value in cells.items() if value is not None}
    assert filled == {"status": status, "reason": "because"}


# --fail-on --------------------------------------------------------------------------------------


def test_checks_are_verdicts_with_or_without_a_way():
    words = ["nan", "exploding", "vanishing"]
    ways = [f"{way}.{word}" for way in ("forward", "backward") for word in words]
    assert words + ways == CHECKS


def test_parse_checks():
    assert parse_checks("nan, forward.vanishing,") == ["nan", "forward.vanishing"]
    assert parse_checks("") == []


@pytest.mark.parametrize(("text", "fix"), [("nann", "nan"), ("nan,forward.explode", "exploding")])
def test_an_unknown_check_names_the_nearest(text, fix):
    with pytest.raises(InputError) as error:
        parse_checks(text)
    assert error.value.fix.startswith("--fail-on ")
    assert fix in error.value.fix


@pytest.mark.parametrize(
    ("forward", "backward", "met"),
    [
        ("steady", "steady", []),
        ("nan", None, ["nan", "forward.nan"]),
        ("steady", "vanishing", ["vanishing", "backward.vanishing"]),
        ("exploding", "exploding", ["exploding", "forward.exploding", "backward.exploding"]),
        (None, None, []),  # failed: that is exit code 1 by itself
    ],
)
def test_checks_that_a_run_meets(forward, backward, met):
    cells = {"forward_verdict": forward, "backward_verdict": backward}
    assert failing(cells, CHECKS) == met
    assert failing(cells, []) == []
    assert failing(cells, ["backward.vanishing"]) == [c for c in met if c == "backward.vanishing"]
