"""What is drawn over depth equals layers.csv, aggregated with pandas."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from initlab.errors import UnknownName
from initlab.report.drawing.charts import chart
from initlab.report.figures.curves import columns_needed
from initlab.report.figures.depth import depth_figure
from initlab.report.sweeps import Sweep
from initlab.store.read import read_table


@pytest.fixture(scope="module")
def kept(swept_once):
    """A sweep of 2 activations, 3 initialisers, 2 biases and 4 seeds, as it was published."""
    return swept_once / "results/kept"


def sweep_of(path, y="std", name="kept"):
    """Its tables, with the columns that are needed and no others."""
    layers = read_table(path / "layers.csv", columns_needed(y))
    return Sweep(name, read_table(path / "runs.csv"), layers)


def by_hand(path, y, *fields):
    """Quantiles of `y` over seeds, with pandas alone: (fields, layer) -> 10, 50, 90 %."""
    runs = pd.read_csv(path / "runs.csv")[["run", *fields]]
    layers = pd.read_csv(path / "layers.csv")[["run", "layer", y]]
    joined = layers.merge(runs, on="run")
    grouped = joined.groupby([*fields, "layer"], dropna=False)[y]
    return {q: grouped.quantile(q) for q in (0.1, 0.5, 0.9)}


#: of the sweep's 12 points, which have a panel each and one colour
POINT = ("activation", "init", "init.gain", "bias", "init.std")


@pytest.mark.parametrize("y", ["std", "rms", "weight_grad_std", "cosine", "zero_fraction"])
def test_lines_are_medians_over_seeds(kept, y):
    expected = by_hand(kept, y, *POINT)[0.5].to_numpy()
    figure = depth_figure([sweep_of(kept, y)], y)
    lines = [line for panel in figure.panels for line in panel.lines if not line.dashed]
    assert len(lines) == 12
    found = np.concatenate([line.y for line in lines])
    np.testing.assert_allclose(np.sort(found), np.sort(expected), rtol=1e-12)


def small(seeds=3, **columns):
    """A sweep made by hand: tanh and relu, some seeds, three layers."""
    names = ["tanh"] * seeds + ["relu"] * seeds
    runs = pd.DataFrame(
        {"run": range(2 * seeds), "depth": 3, "activation": names, "seed": [*range(seeds)] * 2}
    )
    runs = runs.assign(status="ok", nan_onset=np.nan, backward_verdict="", surprise=0.0)
    runs = runs.assign(**{k: v for k, v in columns.items() if k in runs})
    layers = pd.DataFrame({"run": np.repeat(range(2 * seeds), 3), "layer": [0, 1, 2] * 2 * seeds})
    values = np.arange(1.0, len(layers) + 1)
    layers = layers.assign(std=values, grad_std=values, cosine=values / 100)
    for name in ("std", "cosine", "grad_std"):
        layers[f"predicted_{name}"] = values * 2 if name != "grad_std" else [8.0, 4, 1] * 2 * seeds
    layers = layers.assign(predicted_std_p10=values / 2, predicted_std_p90=values * 3)
    layers["predicted_std_p50"] = np.nan
    return Sweep("small", runs, layers.assign(**{k: v for k, v in columns.items() if k in layers}))


def line(figure, label, *, dashed=False):
    """The only line of a label."""
    (found,) = [
        found for panel in figure.panels for found in panel.lines
        if found.label == label and found.dashed == dashed
    ]  # fmt: skip
    return found


def test_a_curve_has_its_median_its_spread_its_prediction_and_that_ones_band():
    figure = depth_figure([small()])
    (panel,) = figure.panels
    assert line(figure, "tanh").y.tolist() == [4, 5, 6]  # of 1, 4, 7 and so on
    spread = {(band.label, band.predicted): band for band in panel.bands}
    np.testing.assert_allclose(spread["tanh", False].low, [1.6, 2.6, 3.6])
    np.testing.assert_allclose(spread["tanh", False].high, [6.4, 7.4, 8.4])
    assert line(figure, "tanh", dashed=True).y.tolist() == [2, 4, 6]
    assert spread["tanh", True].low.tolist() == [0.5, 1, 1.5]
    assert spread["tanh", True].high.tolist() == [3, 6, 9]
    assert figure.notes == (
        "Measured: median over 3 seeds.",
        "Predicted: at infinite width.",
    )
    assert figure.band_notes == (
        "Spread: 10 to 90 % of the seeds.",
        "Predicted band: 80 % of networks this wide.",
    )


def test_a_predicted_gradient_starts_from_the_last_layer_measured():
    figure = depth_figure([small()], "grad_std")
    # the prediction is a ratio to the last layer's, whose median over tanh's seeds is 6
    assert line(figure, "tanh", dashed=True).y.tolist() == [48, 24, 6]
    assert figure.notes[1] == "Predicted: at infinite width, times the last layer's measured."


def test_bands_of_gradient_and_cosine_are_drawn_where_a_folder_has_them():
    sweep = small()
    half = sweep.layers["predicted_grad_std"] / 2
    bands = {"p10": half, "p50": half * 3, "p90": half * 4}
    layers = sweep.layers.assign(**{f"predicted_grad_std_{k}": v for k, v in bands.items()})
    figure = depth_figure([replace(sweep, layers=layers)], "grad_std")
    # ratios of 8, 4, 1 to the last layer, whose measured median is 6; the median network has 1.5
    assert line(figure, "tanh", dashed=True).y.tolist() == [72, 36, 9]
    (band,) = [b for b in figure.panels[0].bands if b.label == "tanh" and b.predicted]
    assert band.low.tolist() == [24, 12, 3]
    assert band.high.tolist() == [96, 48, 12]
    expected = "Predicted: the median network of this width, times the last layer's measured."
    assert figure.notes[1] == expected
    (plain,) = depth_figure([sweep], "cosine").panels
    assert not any(band.predicted for band in plain.bands)


def test_std_has_a_log_axis_and_a_cosine_a_linear_one():
    assert depth_figure([small()]).panels[0].y.log
    assert not depth_figure([small()], "cosine").panels[0].y.log


def test_where_runs_turn_nan_stands_a_rule():
    onset = [math.nan, 2, 1, *[math.nan] * 3]
    figure = depth_figure([small(nan_onset=onset)])
    (rule,) = figure.panels[0].rules
    assert (rule.label, rule.x) == ("nan at layers 1 to 2 (tanh)", 1)


def test_runs_that_are_not_done_are_counted():
    status = ["ok", "interrupted", "failed", "ok", "interrupted", "ok"]
    figure = depth_figure([small(status=status)])
    assert figure.notes[0].startswith("Measured: median over 1 to 2 seeds")
    assert figure.notes[-2:] == ("2 of 6 runs: interrupted.", "1 of 6 runs: failed.")
    assert line(figure, "tanh").y.tolist() == [1, 2, 3]  # of its first seed, which is done


def test_seeds_that_stop_are_left_out_of_the_median():
    std = np.arange(1.0, 19)
    std[5] = math.nan  # the last layer of tanh's second seed
    figure = depth_figure([small(std=std)])
    assert line(figure, "tanh").y.tolist() == [4, 5, 6]  # of 3 and 9


def test_a_column_that_nobody_measured_says_so():
    figure = depth_figure([small(std=math.nan)])
    assert figure.notes[-1] == "Nothing was measured to draw: no run has a std that is a number."
    assert chart(figure).to_dict()


def test_no_runs_are_an_empty_picture():
    sweep = small()
    figure = depth_figure([Sweep("none", sweep.runs[:0], sweep.layers[:0])])
    assert figure.notes == ("Nothing to draw: there are no runs.",)
    assert chart(figure).to_dict()


def test_one_run_has_a_line_without_a_spread():
    sweep = small(seeds=1)
    figure = depth_figure([Sweep("one", sweep.runs[:1], sweep.layers[:3])])
    assert line(figure, "").y.tolist() == [1, 2, 3]
    assert [band.predicted for band in figure.panels[0].bands] == [True]


def test_several_sweeps_have_a_colour_or_a_panel_each():
    one, other = small(seeds=1), small(seeds=2)
    first = Sweep("one", one.runs[:1], one.layers[:3])
    second = Sweep("other", one.runs[1:], one.layers[3:])
    assert line(depth_figure([first, second]), "other").y.tolist() == [4, 5, 6]
    renamed = Sweep("other", other.runs, other.layers)
    figure = depth_figure([one, renamed])
    assert [panel.title for panel in figure.panels] == ["small", "other"]
    assert {line.label for panel in figure.panels for line in panel.lines} == {"tanh", "relu"}


def test_colours_and_panels_are_as_asked(kept):
    figure = depth_figure([sweep_of(kept)], "std", "activation", "bias")
    assert [panel.title for panel in figure.panels] == ["bias none", "bias normal"]
    for panel in figure.panels:
        measured = [line.label for line in panel.lines if not line.dashed]
        assert measured.count("tanh") == 3
        assert {line.label for line in panel.lines} == {"tanh", "relu_squared"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("srd",), "unknown column of layers.csv 'srd'; did you mean std?"),
        (("layer",), "unknown column of layers.csv 'layer'"),
        (("std", "activatoin"), "unknown field of the spec 'activatoin'; did you mean activation?"),
        (("std", None, "seed"), "unknown field of the spec 'seed'"),
    ],
)
def test_what_is_not_there_is_refused(arguments, message):
    with pytest.raises(UnknownName) as error:
        depth_figure([small()], *arguments)
    assert error.value.message.startswith(message)


def test_more_than_forty_lines_are_quantiles_and_extremes():
    count = 60
    values = np.linspace(1, 60, count)
    runs = pd.DataFrame({"run": range(count), "width": np.arange(count) + 10, "seed": 0})
    runs = runs.assign(depth=2, status="ok", nan_onset=np.nan, surprise=0.0)
    runs.loc[30, "surprise"] = -9.0
    layers = pd.DataFrame({"run": np.repeat(range(count), 2), "layer": [0, 1] * count})
    for name in ("std", "predicted_std", *(f"predicted_std_p{n}0" for n in (1, 5, 9))):
        layers[name] = np.repeat(values, 2)
    figure = depth_figure([Sweep("many", runs, layers)])
    assert line(figure, "median of 60").y.tolist() == [30.5, 30.5]
    (band,) = figure.panels[0].bands
    # 0.1 and 0.9 of the 59 steps from 1 to 60
    np.testing.assert_allclose([band.low, band.high], [[6.9] * 2, [54.1] * 2])
    assert [a.label for a in figure.panels[0].lines if a.faint] == [
        "width 69", "width 10", "width 40",
    ]  # fmt: skip
    assert figure.notes[0].startswith("Instead of 60 lines: the median of those of a colour")
    assert figure.band_notes == ("Spread: 10 to 90 % of the curves.",)


def test_predicted_is_the_median_network_where_it_is_known():
    sweep = small()
    layers = sweep.layers.copy()
    relu = layers["run"] >= 3
    layers.loc[relu, "predicted_std_p50"] = 7.0
    figure = depth_figure([Sweep("small", sweep.runs, layers)])
    assert line(figure, "relu", dashed=True).y.tolist() == [7, 7, 7]
    assert line(figure, "tanh", dashed=True).y.tolist() == [2, 4, 6]  # infinite width
    assert (
        "Predicted: the median network of this width where its band is known, else infinite width."
    ) in figure.notes


def test_a_line_ends_where_most_seeds_have_turned_nan():
    sweep = small(seeds=3)
    runs, layers = sweep.runs.copy(), sweep.layers.copy()
    runs["nan_onset"] = [1, 2, np.nan, np.nan, np.nan, 2]  # two seeds of tanh, one of relu
    onset = layers["run"].map(runs["nan_onset"])
    layers = layers[~(layers["layer"] > onset)]
    layers.loc[layers["layer"] == onset[layers.index], "std"] = np.nan
    figure = depth_figure([Sweep("small", runs, layers)])
    # tanh: 1, 4, 7; then inf, 5, 8; then inf, inf, 9. relu at the end: 12, 15 and inf
    np.testing.assert_array_equal(line(figure, "tanh").y, [4, 8, np.nan])
    assert line(figure, "relu").y.tolist() == [13, 14, 15]
    assert (
        "Measured: median over 3 seeds; those that have turned nan count as infinite."
    ) in figure.notes


def test_a_panel_of_few_curves_shows_them_beside_one_of_many():
    count = 60
    names = [f"scheme{n}" for n in range(count)] + ["alone"]
    runs = pd.DataFrame({"run": range(count + 1), "depth": 2, "init": names, "seed": 0})
    runs.insert(1, "activation", ["relu"] * count + ["tanh"])
    runs = runs.assign(status="ok", nan_onset=np.nan, backward_verdict="", surprise=0.0)
    layers = pd.DataFrame({"run": np.repeat(range(count + 1), 2), "layer": [0, 1] * (count + 1)})
    predicted = [f"predicted_std{quantile}" for quantile in ("", "_p10", "_p50", "_p90")]
    for name in ("std", *predicted):
        layers[name] = np.repeat(np.arange(1.0, count + 2), 2)
    figure = depth_figure([Sweep("many", runs, layers)], facet="activation")
    many, one = figure.panels
    assert [line.label for line in many.lines if not line.faint] == ["median of 60"]
    assert [(line.label, line.dashed) for line in one.lines] == [("alone", False), ("alone", True)]
    assert any(note.startswith("Instead of 60 lines") for note in figure.notes)


def test_a_residual_network_is_drawn_along_its_stream(tmp_path):
    import initlab

    plan = initlab.load_plan({
        "name": "blocks", "depth": 7, "width": 16, "activation": "relu", "init": "kaiming_normal",
        "residual": ["none", 2], "band": 0,
    })  # fmt: skip
    initlab.run_plan(plan, out=tmp_path)
    sweep = sweep_of(tmp_path / "blocks")
    figure = depth_figure([sweep])
    plain, residual = [line for line in figure.panels[0].lines if not line.dashed]
    layers = pd.read_csv(tmp_path / "blocks/layers.csv").set_index(["run", "layer"])["std"]
    assert plain.x.tolist() == [*range(7)]
    # three blocks of two layers end at 1, 3 and 5; layer 6 comes after them
    assert residual.x.tolist() == [1, 3, 5, 6]
    assert residual.y.tolist() == [layers[1, layer] for layer in (1, 3, 5, 6)]
    assert "Of residual networks: what their blocks hand on." in figure.notes
    inside = depth_figure([sweep_of(tmp_path / "blocks", "pre_std")], "pre_std").panels[0].lines
    assert all(line.x.tolist() == [*range(7)] for line in inside)
