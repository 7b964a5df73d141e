"""A line a layer: the median over a point's seeds, with bars; thinned where there is no room."""

import math
from itertools import pairwise

import pandas as pd
import pytest

from initlab.errors import UnknownName
from initlab.report.selection import LayerChoice
from initlab.report.sweeps import Sweep
from initlab.report.tables.layers import ALL, layer_summary


def sweep(points=1, depth=100, seeds=3, name="deep"):
    """Stds of 10^-layer times 1, 2, 3 ... for the seeds; gradients the other way round."""
    keys = [(point, seed) for point in range(points) for seed in range(seeds)]
    runs = pd.DataFrame(
        [
            {"run": n, "depth": depth, "width": 4, "shape": math.nan, "activation": f"a{point}",
             "init": "he", "loss": "mse", "reduction": "mean", "seed": seed, "status": "ok",
             "nan_onset": math.nan, "backward_verdict": ""}
            for n, (point, seed) in enumerate(keys)
        ]
    )  # fmt: skip
    layers = pd.DataFrame(
        [
            {"run": n, "seed": seed, "layer": layer, "std": (seed + 1) * 10.0**-layer,
             "grad_std": (seed + 1) * 10.0 ** (layer - depth)}
            for n, (_, seed) in enumerate(keys) for layer in range(depth)
        ]
    )  # fmt: skip
    return Sweep(name, runs, layers)


def column(table, name):
    return [row[table.header.index(name)] for row in table.rows]


def test_a_row_a_layer_with_the_median_over_seeds():
    table = layer_summary([sweep(depth=3)])
    assert table.header == ("layer", "std", "1e-2..1e1", "grad_std", "1e-3..1")
    assert column(table, "layer") == ["0", "1", "2"]
    assert column(table, "std") == ["2", "0.2", "0.02"]  # of 1, 2 and 3 times 10^-layer
    bars = [len(bar) for bar in column(table, "1e-2..1e1")]
    # (log10 2 + 2, + 1, + 0) / 3 of 30 characters are 23.01, 13.01 and 3.01
    assert bars == [23, 13, 3]
    assert "Medians over 3 seeds." in table.dim_notes


def test_the_articles_listing():
    table = layer_summary([sweep()], choice=LayerChoice.of("0,9,49,99"), lines=2)
    assert column(table, "layer") == ["0", "9", "49", "99"]
    assert column(table, "std") == ["2", "2e-9", "2e-49", "2e-99"]


@pytest.mark.parametrize("lines", [5, 20, 60, 99])
def test_layers_are_thinned_evenly_to_the_lines_there_are(lines):
    table = layer_summary([sweep()], lines=lines)
    shown = [int(layer) for layer in column(table, "layer")]
    assert len(shown) <= lines
    assert (shown[0], shown[-1]) == (0, 99)
    assert len({b - a for a, b in pairwise(shown[:-1])}) == 1
    assert any(ALL in line for line in table.dim_notes)


def test_nothing_is_thinned_that_fits():
    table = layer_summary([sweep()], lines=100)
    assert len(table.rows) == 100
    assert not any(ALL in line for line in table.dim_notes)


def test_many_points_are_cut_and_it_is_said():
    table = layer_summary([sweep(points=30, seeds=1)], lines=40)
    assert len(table.rows) <= 40
    assert any("the first 10 of 30 points" in line for line in table.dim_notes)


def test_each_point_is_named_once():
    table = layer_summary([sweep(points=2, depth=2)])
    assert column(table, "activation") == ["a0", "", "a1", ""]


def test_points_of_several_sweeps_have_the_sweeps_name():
    table = layer_summary([sweep(depth=2), sweep(points=2, depth=2, name="two")])
    assert column(table, "spec") == ["deep", "", "two a0", "", "two a1", ""]


def test_from_an_overflow_on_layers_are_nan():
    results = sweep(depth=4, seeds=1)
    layers = results.layers[results.layers["layer"] < 3]
    stopped = layers.assign(std=[1.0, 2.0, math.nan], grad_std=math.nan)
    table = layer_summary([Sweep("x", results.runs.assign(nan_onset=2), stopped)])
    assert column(table, "std") == ["1", "2", "nan", "nan"]
    assert "nan: most runs are not finite there, or stopped before." in table.dim_notes
    assert "grad_std" not in table.header


def test_a_point_has_the_layers_of_its_own_depth_and_the_medians_of_its_own_runs():
    shallow, deep = sweep(depth=2, seeds=3), sweep(depth=4, seeds=1)
    runs = pd.concat([shallow.runs, deep.runs.assign(run=3, activation="a1")], ignore_index=True)
    table = layer_summary(
        [Sweep("x", runs, pd.concat([shallow.layers, deep.layers.assign(run=3)]))]
    )
    assert column(table, "layer") == ["0", "1", "0", "1", "2", "3"]
    assert column(table, "std") == ["2", "0.2", "1", "0.1", "0.01", "1e-3"]  # of 1, 2, 3; of 1


def test_columns_of_the_csv_and_a_row_a_run_with_its_seed():
    table = layer_summary([sweep(depth=2)], columns=["seed", "layer", "std"])
    assert table.header == ("seed", "layer", "std")
    assert column(table, "seed") == ["0", "0", "1", "1", "2", "2"]
    assert column(table, "std") == ["1", "0.1", "2", "0.2", "3", "0.3"]
    with pytest.raises(UnknownName, match="did you mean std"):
        layer_summary([sweep()], columns=["stdd"])
