"""From measurements to the cells of a run."""

import math

import numpy as np
import pytest

from initlab.catalog.columns import columns
from initlab.network.measurement import BACKWARD, FORWARD, Measurement
from initlab.spec.thresholds import Thresholds
from initlab.store.outcome import Outcome, result_cells

THRESHOLDS = Thresholds()  # vanishing below 1e-3, exploding above 1e3
INF, NAN = math.inf, math.nan


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
        **dict.fromkeys(columns("runs", "predicted")),  # nobody made a prediction
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
