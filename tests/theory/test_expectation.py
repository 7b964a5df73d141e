"""What is expected of a run, as columns: what is filled, what is empty, and what equals what."""

import math

import numpy as np
import pytest
from helpers import in_memory
from typer.testing import CliRunner

from initlab import load_plan, run_plan
from initlab.catalog import SCHEMES
from initlab.catalog.columns import columns
from initlab.cli.app import build
from initlab.theory.expectation import (
    GRADIENT_BAND,
    LAYERS,
    RUNS,
    Expectation,
    PredictedNumbers,
    band_point,
)
from initlab.theory.finite_width import bands
from initlab.theory.prediction import predict

SPEC = {"depth": 6, "width": 32, "activation": "tanh", "init": "lecun_normal", "band": 20}
UNBANDED = ["predicted_pre_std", "predicted_std", "predicted_grad_std", "predicted_cosine"]
BAND = ["predicted_std_p10", "predicted_std_p50", "predicted_std_p90", "surprise"]


def outcome_of(**fields):
    (outcome,), _ = in_memory(load_plan({**SPEC, **fields}))
    return outcome


def cells_of(**fields):
    outcome = outcome_of(**fields)
    return outcome.expectation.cells(outcome.std)


def test_names_are_the_catalog_s():
    assert {*LAYERS, *RUNS} == set(columns("runs", "predicted"))
    assert set(LAYERS) == set(columns("layers", "predicted"))
    assert LAYERS[-1] == "surprise"  # the one that seeds do not share
    assert set(RUNS) == {"predicted_q", "chi_1", "xi_c", "predicted_nan_onset"}


def test_layers_hold_the_prediction_and_the_band():
    plan = load_plan(SPEC)
    (outcome,), _ = in_memory(plan)
    table = outcome.expectation.layers(outcome.std)
    (prediction,), (band,) = predict(plan.runs), bands([band_point(plan.runs[0])], 20)
    expected = {
        "predicted_pre_std": prediction.layers.pre_std,
        "predicted_std": prediction.layers.std,
        "predicted_grad_std": prediction.layers.grad_std,
        "predicted_cosine": prediction.layers.cosine,
        "predicted_std_p10": band.p10,
        "predicted_std_p50": band.p50,
        "predicted_std_p90": band.p90,
        "surprise": (np.log(outcome.std) - band.mean_log) / band.sd_log,
    }
    assert expected.keys() == set(LAYERS)
    for name, values in expected.items():
        np.testing.assert_array_equal(table[:, LAYERS.index(name)], values, err_msg=name)


def test_a_run_holds_where_signal_and_gradient_end():
    outcome = outcome_of()
    table, cells = outcome.expectation.layers(outcome.std), outcome.expectation.cells(outcome.std)
    for name in LAYERS:
        row = 0 if name == "predicted_grad_std" else -1
        assert cells[name] == table[row, LAYERS.index(name)], name
    # tanh at sigma_w = 1: lengths shrink to 0, and gradients keep their size
    assert (cells["predicted_q"], cells["xi_c"]) == (0.0, math.inf)
    assert cells["chi_1"] == pytest.approx(1)
    assert cells["predicted_nan_onset"] is None


@pytest.mark.parametrize(
    ("fields", "empty"),
    [
        ({}, ["predicted_nan_onset"]),
        ({"band": 0}, [*BAND, "predicted_nan_onset"]),
        ({"init": "orthogonal"}, ["predicted_nan_onset"]),
        ({"init": {"scheme": "sparse", "sparsity": 0.1}}, [*BAND, "predicted_nan_onset"]),
        ({"loss": "l1"}, ["predicted_grad_std", "predicted_nan_onset"]),
        ({"batch": 1}, ["predicted_cosine", "predicted_nan_onset"]),
        (
            {"shape": [32, 64, 16], "init": "xavier_normal"},
            ["predicted_q", "chi_1", "xi_c", "predicted_nan_onset"],
        ),
        ({"init": {"scheme": "constant", "value": 0.1}}, [*LAYERS, *RUNS]),
        ({"init": "identity"}, [*LAYERS, *RUNS]),
        # where theory does not hold there still is a band, of networks that are drawn
        ({"init": {"scheme": "normal", "mean": 0.1, "std": 0.1}}, [*UNBANDED, *RUNS]),
        ({"width": 3, "init": "xavier_uniform"}, ["predicted_nan_onset"]),
        ({"width": 15, "init": "xavier_uniform"}, ["predicted_nan_onset"]),
    ],
    ids=str,
)
def test_what_is_empty(fields, empty):
    spec = {**SPEC, **fields}
    if "shape" in fields:
        del spec["depth"], spec["width"]
    (outcome,), _ = in_memory(load_plan(spec))
    cells = outcome.expectation.cells(outcome.std)
    assert {name for name, value in cells.items() if value is None} == set(empty)


@pytest.mark.parametrize(
    "scheme", sorted(set(SCHEMES) - {"zeros"})
)  # whose layers are 0, in theory too
def test_describe_says_what_theory_does(scheme):
    required = [p.name for p in SCHEMES[scheme].parameters if p.required]
    init = {"scheme": scheme, **dict.fromkeys(required, 0.5)}
    if scheme == "uniform":
        init |= {"a": -0.1, "b": 0.1}  # by default it has a mean
    cells = cells_of(init=init)
    said = CliRunner().invoke(build(), ["describe", scheme]).stdout
    word = said.split("  theory: ")[1].splitlines()[0]
    assert word.startswith("none" if cells["predicted_std"] is None else "predictions")
    assert ("and bands" in word) is (cells["predicted_std_p10"] is not None)


def test_a_network_that_overflows():
    outcome = outcome_of(depth=60, width=256, activation="identity", init="normal", band=20)
    cells = outcome.expectation.cells(outcome.std)
    # 16^l times the largest of 16 x 256 normal values, from the article: layer 31
    assert cells["predicted_nan_onset"] == outcome.measurement.nan_onset == 31
    assert cells["surprise"] is None
    assert len(outcome.expectation.layers(outcome.std)) == 32


def test_a_run_that_was_not_measured_has_a_forecast_without_a_surprise():
    plan = load_plan(SPEC)
    expectation = Expectation(
        PredictedNumbers.of(predict(plan.runs)[0]), bands([band_point(plan.runs[0])], 20)[0]
    )
    cells = expectation.cells(None)
    assert {name for name, value in cells.items() if value is None} == {
        "surprise",
        "predicted_nan_onset",
    }


def test_a_network_that_is_not_the_one_specified_is_a_surprise():
    # weights of twice the std: 2 layers in, the signal is far off the band of the spec
    asked = {**SPEC, "width": 256, "activation": "identity", "band": 100}
    (band,) = bands([band_point(load_plan(asked).runs[0])], 100)
    built = {**asked, "init": {"scheme": "lecun_normal", "gain": 2.0}, "band": 0}
    for spec, low, high in ((asked, 0, 4), (built, 10, 1000)):
        (outcome,), _ = in_memory(load_plan(spec))
        assert low <= abs(band.surprise(outcome.std)[-1]) <= high


def test_files_hold_what_the_forecast_does(tmp_path):
    plan = load_plan({**SPEC, "activation": ["tanh", "relu"], "seeds": 2, "name": "f"})
    results = run_plan(plan, jobs=2, out=tmp_path)
    outcomes, _ = in_memory(plan)
    for index, outcome in enumerate(outcomes):
        rows = results.layers[results.layers["run"] == index]
        table = outcome.expectation.layers(outcome.std)
        np.testing.assert_array_equal(rows[LAYERS].to_numpy(), table)
        cells = outcome.expectation.cells(outcome.std)
        row = results.runs.iloc[index]
        assert all(cells[n] == row[n] or cells[n] is None for n in [*LAYERS, *RUNS])


def test_bands_of_gradient_and_cosine_stand_apart():
    plan = load_plan({**SPEC, "band": {"networks": 20, "gradient": True}})
    (outcome,), _ = in_memory(plan)
    expectation = outcome.expectation
    band, table = expectation.band, expectation.asked_layers
    names = [f"predicted_{of}_{q}" for of in ("grad_std", "cosine") for q in ("p10", "p50", "p90")]
    assert names == [*table] == GRADIENT_BAND
    np.testing.assert_array_equal([*table.values()], np.vstack([band.gradient, band.cosine]))
    cells = expectation.asked_run()
    # a signal ends at the last layer, a gradient at layer 0
    assert cells["predicted_grad_std_p50"] == band.gradient[1, 0]
    assert cells["predicted_cosine_p90"] == band.cosine[2, -1]
    (without,), _ = in_memory(load_plan(SPEC))
    assert without.expectation.asked_layers == {}
    assert without.expectation.asked_run() == {}
