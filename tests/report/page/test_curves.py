"""Curves over depth: what reaches the charts is what the CSV files hold."""

import statistics

import numpy as np
import pandas as pd
import pytest

from initlab.report.page import curves
from initlab.report.page.curves import chosen_points, curves_of
from initlab.report.page.points import points_of

pytestmark = pytest.mark.xdist_group("page")  # the sweep is made once


def made(swept, layers=None):
    points = points_of(swept.source.runs)
    found = curves_of(
        points, swept.source.layers if layers is None else layers, chosen_points(points)
    )
    return {one.quantity.column: one for one in found}


def in_csv(swept, column, point, layer):
    """The finite values of a point's three seeds at a layer, read by csv."""
    runs = {str(3 * point + seed) for seed in range(3)}
    cells = [
        row[column] for row in swept.layers if row["run"] in runs and row["layer"] == str(layer)
    ]
    return [float(cell) for cell in cells if cell not in ("", "nan", "inf")]


def test_a_line_with_a_gap_is_named_with_its_layers(swept):
    layers = swept.source.layers.copy()
    point = layers["run"].isin([0, 1, 2])  # all seeds of the first point
    layers.loc[point & layers["layer"].between(3, 5), "std"] = 0.0
    first = points_of(swept.source.runs).names[0]
    assert (
        f"{first}: 3 values are 0 (layer 3 to 5), which a log axis cannot show"
        in made(swept, layers)["std"].notes
    )


@pytest.mark.parametrize("column", ["std", "grad_std", "cosine"])
def test_a_curve_is_the_median_over_the_seeds_in_the_csv(swept, column):
    compared = 0
    for curve in made(swept)[column].curves:
        for layer, value in enumerate(curve.get("value", [])):
            own = in_csv(swept, column, curve["point"], layer)
            if value is None:
                assert not [x for x in own if x > 0 or column == "cosine"]
            else:
                drawn = [x for x in own if x > 0 or column == "cosine"]
                assert value == pytest.approx(statistics.median(drawn), rel=1e-4)  # 5 digits
                compared += 1
    assert compared > 12 * 3


def test_what_a_log_axis_cannot_show_is_left_out_and_counted(swept):
    layers = swept.source.layers.copy()
    layers.loc[[0, 1, 2], "std"] = [0.0, np.inf, np.nan]
    (before, *_), (after, *_) = made(swept)["std"].notes, made(swept, layers)["std"].notes
    zero, nan = (sum(row["std"] == word for row in swept.layers) for word in ("0.0", "nan"))
    assert before == f"Not drawn, of 195 values: {zero} at 0 or below, {nan} nan or not measured."
    assert after == (
        f"Not drawn, of 195 values: {zero + 1} at 0 or below, 1 infinite, {nan + 1} nan or not"
        " measured."
    )
    for one in made(swept, layers).values():
        for curve in one.curves:
            for name in {"value", "low", "high", "from", "to", "expected"} & set(curve):
                known = [x for x in curve[name] if x is not None]
                assert np.isfinite(known).all()
                assert not one.quantity.log or min(known) > 0


def test_theory_is_given_with_its_band(swept):
    curve = made(swept)["std"].curves[0]
    row = swept.layers[0]
    names = {
        "expected": "predicted_std_p50",
        "from": "predicted_std_p10",
        "to": "predicted_std_p90",
    }
    for name, column in names.items():
        assert curve[name][0] == pytest.approx(float(row[column]), rel=1e-4)


def test_a_gradients_prediction_meets_the_last_layer_as_measured(swept):
    curve = made(swept)["grad_std"].curves[0]
    last = statistics.median(in_csv(swept, "grad_std", 0, 11))
    assert curve["expected"][-1] == pytest.approx(last, rel=1e-4)  # the ratio is 1 there
    ratio = float(swept.layers[0]["predicted_grad_std"])
    assert curve["expected"][0] == pytest.approx(ratio * last, rel=1e-4)


def test_curves_of_which_most_seeds_turn_nan_have_a_cross_before_the_first(swept):
    crosses = {curve["point"]: curve for curve in made(swept)["std"].curves if "stops" in curve}
    onsets = {}
    for row in swept.runs:
        if row["nan_onset"]:
            onsets.setdefault(int(row["run"]) // 3, []).append(int(row["nan_onset"]))
    most = {point: layers for point, layers in onsets.items() if len(layers) >= 2}
    assert most.keys() == crosses.keys() != set()
    for point, layers in most.items():
        assert crosses[point]["stops"] == min(layers) - 1
        assert crosses[point]["turned"] == f"{len(layers)} of 3 turn nan"


def mixed(swept, onsets):
    """The point tanh, std 0.1, three of whose seeds turn nan at these layers, if any; std is 1."""
    runs, layers = swept.source.runs.iloc[:3].copy(), swept.source.layers
    runs["nan_onset"] = onsets
    layers = layers[layers["run"] < 3].assign(std=1.0)
    ended = layers["layer"] > layers["run"].map(dict(enumerate(onsets))).fillna(99)
    at = layers["layer"] == layers["run"].map(dict(enumerate(onsets)))
    layers = layers[~ended].assign(std=layers["std"].where(~at))
    points = points_of(runs)
    return curves_of(points, layers, [0])[0].curves[0]


def test_a_median_ends_where_most_seeds_have_turned_nan(swept):
    one = mixed(swept, [np.nan, np.nan, 5])
    assert "stops" not in one  # a minority
    assert len(one["value"]) == 12
    assert None not in one["value"]
    two = mixed(swept, [np.nan, 8, 5])
    assert two["value"][:8] == [1.0] * 8
    assert not any(two["value"][8:])  # 8 is infinite
    assert (two["stops"], two["turned"]) == (4, "2 of 3 turn nan")


def test_forward_only_has_no_curve_of_gradients(swept_of):
    found = made(swept_of("forward", record="forward"))
    assert found["grad_std"].curves == []
    assert found["grad_std"].notes == ["Not drawn, of 3 values: 3 nan or not measured."]
    assert len(found["std"].curves[0]["value"]) == 3


def test_a_large_sweep_is_thinned_to_what_surprises_and_equal_distances(swept, monkeypatch):
    monkeypatch.setattr(curves, "MOST_CURVES", 3)
    runs = swept.source.runs.copy()
    runs["surprise"] = 0.0
    runs.loc[13, "surprise"] = -9.0  # of point 4
    points = points_of(runs)
    drawn = chosen_points(points)
    assert drawn == [0, 4, 5]  # 4 surprises; of the five others the first and the last
    (std, *_) = curves_of(points, swept.source.layers, drawn)
    assert [curve["point"] for curve in std.curves] == drawn
    everything = [float(row["std"]) for row in swept.layers if row["layer"] == "0"]
    assert std.spread["value"][0] == pytest.approx(np.median(everything), rel=1e-4)


def test_a_deep_curve_keeps_its_ends(swept):
    depth = 1000
    layers = pd.DataFrame({name: np.arange(1.0, depth + 1) for name in curves.COLUMNS})
    layers["layer"], layers["run"] = np.arange(depth), 0
    std = made(swept, layers)["std"]
    (curve,) = std.curves
    assert len(curve["value"]) == len(curve["layer"]) == curves.MOST_LAYERS
    assert (curve["layer"][0], curve["layer"][-1]) == (0, 999)
    assert [v - 1 for v in curve["value"]] == curve["layer"]
    assert std.notes[-1:] == ["Curves of more than 200 layers are drawn at 200 of them."]


def test_a_sweep_of_which_no_network_reaches_its_last_layer_has_its_curve(swept_of):
    dying = swept_of("dying", depth=30, init="{scheme: normal, std: 1.0e+6}", activation="relu")
    onset = int(dying.runs[0]["nan_onset"])
    assert onset < 29
    (std, *_) = curves_of(points_of(dying.source.runs), dying.source.layers, [0])
    (curve,) = std.curves
    assert [value for value in curve["value"] if value is not None] == pytest.approx(
        [float(row["std"]) for row in dying.layers if row["std"] != "nan"], rel=1e-4
    )
    assert std.notes == [f"Not drawn, of {onset + 1} values: 1 nan or not measured."]


def test_the_curves_of_residual_networks_go_along_their_streams(swept):
    # as if blocks of two layers ended at 1, 3, 5, ... of the first point
    layers = swept.source.layers.copy()
    first = layers["run"].isin([0, 1, 2])
    layers["stream_rms"] = np.where(first & (layers["layer"] % 2 == 1), 1.0, np.nan)
    plain, streams = made(swept)["std"], made(swept, layers)["std"]
    own, before = streams.curves[0], plain.curves[0]
    depth = len(before["value"])
    expected = [*range(1, depth, 2)] + ([depth - 1] if depth % 2 else [])
    assert own["layer"] == expected
    assert own["value"] == [before["value"][layer] for layer in expected]
    assert streams.curves[1] == plain.curves[1]
    assert "Of residual networks: what their blocks hand on." in streams.notes
