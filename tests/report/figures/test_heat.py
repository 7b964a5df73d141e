"""Heat maps of runs.csv: cells are its medians, contours lie where theory's numbers pass."""

import numpy as np
import pandas as pd
import pytest

from initlab.catalog.columns import WORDS, columns
from initlab.errors import InputError, UnknownName
from initlab.report.drawing.drawable import drawable
from initlab.report.figures.heat import heat
from initlab.report.tables.measures import measured, three

RESULTS = columns("runs", "result", "predicted")


def table(rows):
    """A runs.csv of these rows."""
    rows = [{"run": n, "seed": 0, "depth": 10, "status": "ok"} | row for n, row in enumerate(rows)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = ["run", *(n for n in names if n not in ("run", "seed", *RESULTS)), "seed", *RESULTS]
    full = pd.DataFrame(rows).reindex(columns=names)
    return full.astype({n: float for n in RESULTS if n not in WORDS})


@pytest.fixture
def runs():
    """Two axes, three seeds; chi_1 is sigma_w^2, so that its edge is at 1."""
    rng = np.random.default_rng(1)
    return table(
        {
            "init.sigma_w": w, "depth": depth, "seed": seed,
            "grad_std_first": float(rng.lognormal()), "grad_std_last": float(rng.lognormal()),
            "std_first": 1.0, "std_last": float(rng.lognormal()),
            "chi_1": w**2, "predicted_grad_std": w**depth, "xi_c": 1 / abs(2 * np.log(w)),
        }
        for w in (0.5, 0.8, 1.25, 2.0)
        for depth in (5, 10, 20)
        for seed in range(3)
    )  # fmt: skip


# cells ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["std_last", "forward_ratio", "backward_ratio"])
def test_cells_are_the_medians_over_seeds(runs, value):
    (grid,) = heat(runs, "sigma_w", "depth", value).panels
    numbers = {
        "std_last": runs["std_last"],
        "forward_ratio": runs["std_last"] / runs["std_first"],
        "backward_ratio": runs["grad_std_first"] / runs["grad_std_last"],
    }[value]
    for (w, depth), part in runs.groupby(["init.sigma_w", "depth"]):
        cell = grid.values[grid.ys == depth, grid.xs == w]
        assert cell == [numbers[part.index].median()]
    assert grid.values.shape == (3, 4)


def test_axes_are_fields_by_their_short_names(runs):
    figure = heat(runs, "sigma_w", "depth", "std_last")
    assert (figure.panels[0].x.title, figure.panels[0].y.title) == ("init.sigma_w", "depth")
    assert "the median over 3 seeds" in figure.notes[0]


def test_evenly_spaced_logarithms_have_a_log_axis(runs):
    (grid,) = heat(runs, "sigma_w", "depth", "std_last").panels
    assert (grid.x.log, grid.y.log) == (True, True)  # 5, 10, 20 double
    runs["depth"] = runs["depth"].map({5: 5, 10: 10, 20: 15})
    assert not heat(runs, "sigma_w", "depth", "std_last").panels[0].y.log


def test_ratios_have_logarithmic_colours_around_1(runs):
    for value in ("forward_ratio", "backward_ratio", "chi_1"):
        (grid,) = heat(runs, "sigma_w", "depth", value).panels
        assert (grid.value.log, grid.center) == (True, 1.0)
    (grid,) = heat(runs, "sigma_w", "depth", "std_first").panels  # 1 everywhere
    assert (grid.value.log, grid.center) == (True, None)


@pytest.mark.parametrize("largest", [1e3, 1.5])
def test_sizes_have_logarithmic_colours_though_one_is_0_which_is_marked_and_told(largest):
    sizes = {1: 0.0, 2: 1.0, 4: largest}
    runs = table([{"width": w, "depth": 5, "std_last": s} for w, s in sizes.items()])
    figure = drawable(heat(runs, "width", "depth", "std_last"))
    (grid,) = figure.panels
    assert grid.value.log
    assert grid.marks.tolist() == [["0", "", ""]]
    assert figure.notes[-1] == "std_last: 1 cell is 0, drawn as the lowest."


def test_what_may_be_negative_has_a_linear_scale():
    rows = [{"width": w, "depth": 5, "surprise": w, "loss_value": w - 2.0} for w in (1, 2, 4)]
    for value in ("surprise", "loss_value"):
        assert not heat(table(rows), "width", "depth", value).panels[0].value.log


def test_names_are_places_in_the_order_of_the_spec():
    runs = table(
        {"activation": a, "init": i, "std_last": float(len(a + i))}
        for a in ("tanh", "relu", "gelu")
        for i in ("zeros", "normal")
    )
    (grid,) = heat(runs, "init", "activation", "std_last").panels
    assert grid.xs.tolist() == ["zeros", "normal"]
    assert grid.ys.tolist() == ["gelu", "relu", "tanh"]  # the first one on top
    assert grid.values[2, 0] == len("tanhzeros")
    assert grid.contours == ()


def test_a_value_that_some_runs_have_not_is_a_name():
    runs = table(
        {"init.gain": g, "depth": d, "std_last": 1.0} for g in (None, 1.0, 2.0) for d in (1, 2)
    )
    assert "-" in heat(runs, "gain", "depth", "std_last").panels[0].xs.tolist()


# what has no number -----------------------------------------------------------------------------


def test_cells_without_a_number_say_why():
    runs = table(
        [
            {"width": 1, "std_last": np.nan, "nan_onset": 4.0},
            {"width": 2, "std_last": np.nan, "status": "failed"},
            {"width": 4, "std_last": np.nan},
            {"width": 8, "std_last": 1.0},
            {"width": 8, "depth": 20, "std_last": 1.0},
        ]
    )
    figure = heat(runs, "width", "depth", "std_last")
    (grid,) = figure.panels
    assert grid.marks[0].tolist() == ["nan", "fail", "-", ""]
    assert grid.marks[1].tolist() == ["", "", "", ""]  # no such runs
    assert np.isnan(grid.values[0, :3]).all()
    assert np.isnan(grid.values[1, :3]).all()
    assert "nan: the signal turned non-finite (1 of 5 runs)." in figure.notes
    assert "fail: not computed (1 of 5 runs)." in figure.notes
    assert "-: there is no std_last (1 of 5 runs)." in figure.notes


def test_seeds_without_a_number_are_told(runs):
    runs.loc[0, ["std_last", "status"]] = np.nan, "failed"
    figure = heat(runs, "sigma_w", "depth", "std_last")
    assert figure.notes[-2] == (
        "In 1 cell some runs have no number; the median is over the others."
    )
    assert figure.panels[0].values[0, 0] == runs["std_last"][1:3].median()


def test_cells_of_panels_are_not_one_cell(runs):
    both = pd.concat([runs.assign(activation=a) for a in ("tanh", "relu")], ignore_index=True)
    both = both[["run", "activation", *(c for c in both if c not in ("run", "activation"))]]
    both.loc[both["activation"] == "relu", ["std_last", "status"]] = np.nan, "failed"
    figure = heat(both, "sigma_w", "depth", "std_last")
    assert "fail: not computed (36 of 72 runs)." in figure.notes
    assert not any(note.startswith("In ") for note in figure.notes)


@pytest.mark.parametrize("value", ["std_last", "loss_value", "forward_ratio"])
def test_a_run_that_turned_nan_counts_as_infinite(runs, value):
    runs["loss_value"] = runs["std_last"]
    runs.loc[[0, 3, 4], ["std_last", "loss_value", "nan_onset"]] = np.nan, np.nan, 3.0
    figure = heat(runs, "sigma_w", "depth", value)
    (grid,) = drawable(figure).panels
    # std_first is 1; one of 3 seeds leaves the larger of the others in the middle, two leave none
    assert grid.values[0, 0] == runs["std_last"][1:3].max()
    assert (grid.marks[0, 0], grid.marks[1, 0]) == ("", "nan")
    assert np.isnan(grid.values[1, 0])
    assert np.isfinite(grid.values).sum() == grid.values.size - 1
    assert figure.notes[0] == (
        "Cells: the median over 3 seeds; those that turned nan count as infinite."
    )
    assert "nan: the signal turned non-finite (3 of 36 runs)." in figure.notes
    assert not any(note.startswith("In ") for note in figure.notes)


def test_a_gradient_that_turned_nan_counts_as_infinite_and_one_not_measured_does_not(runs):
    runs["backward_verdict"] = runs["backward_verdict"].astype(object)  # till now all are empty
    runs.loc[[0, 1], ["grad_std_first", "backward_verdict"]] = np.nan, "nan"
    runs.loc[[3, 4], ["grad_std_first", "grad_std_last", "nan_onset"]] = np.nan, np.nan, 3.0
    figure = heat(runs, "sigma_w", "depth", "backward_ratio")
    (grid,) = drawable(figure).panels
    assert (grid.marks[0, 0], np.isnan(grid.values[0, 0])) == ("nan", True)
    assert grid.values[1, 0] == runs["grad_std_first"][5] / runs["grad_std_last"][5]
    assert figure.notes[0] == (
        "Cells: the median over 3 seeds; those whose gradient turned nan count as infinite."
    )
    assert figure.notes[2:5] == (
        "nan: the signal turned non-finite (2 of 36 runs).",
        "nan: the gradient turned non-finite (2 of 36 runs).",
        "In 1 cell some runs have no number; the median is over the others.",
    )


def test_what_was_measured_as_infinite_is_no_nan():
    runs = table(
        {"width": w, "depth": 5, "seed": seed, "predicted_std": std}
        for w, std in ((1, np.inf), (2, 3.0))
        for seed in range(2)
    )
    (grid,) = drawable(heat(runs, "width", "depth", "predicted_std")).panels
    assert grid.marks.tolist() == [["inf", ""]]


def test_cells_are_the_numbers_of_the_table(runs):
    runs.loc[runs.index % 5 < 2, ["std_last", "nan_onset"]] = np.nan, 3.0
    runs.loc[runs.index % 7 < 2, ["std_last", "status"]] = np.nan, "failed"
    runs.loc[runs.index[-3:], ["std_last", "status", "nan_onset"]] = np.nan, "failed", np.nan
    (grid,) = heat(runs, "sigma_w", "depth", "std_last").panels
    texts = {"nan": 0, "-": 0}
    for (w, depth), part in runs.groupby(["init.sigma_w", "depth"]):
        at = list(grid.ys).index(depth), list(grid.xs).index(w)
        shown = grid.marks[at].replace("fail", "-") or three(grid.values[at])
        assert shown == measured(part, "std_last")
        texts[shown] = texts.get(shown, 0) + 1
    assert min(texts.values()) > 0


def test_nothing_but_nan_is_a_figure(runs):
    runs[["std_last", "chi_1", "xi_c"]] = np.nan
    figure = heat(runs, "sigma_w", "depth", "std_last")
    assert np.isnan(figure.panels[0].values).all()
    assert figure.panels[0].contours == ()


# theory -----------------------------------------------------------------------------------------


def test_contours_lie_where_theory_s_numbers_pass(runs):
    (grid,) = heat(runs, "sigma_w", "depth", "std_last").panels
    edge, deep = grid.contours[0], [line for line in grid.contours if line.dashed]
    np.testing.assert_allclose(edge.x, 1.0)  # ln chi_1 is linear in ln sigma_w, the axis
    assert (edge.label, edge.dashed) == ("chi_1 = 1", False)
    depths = np.concatenate([line.y for line in deep])
    reach = np.concatenate([6 / np.abs(2 * np.log(line.x)) for line in deep])
    known = np.isfinite(depths)
    # between cells a factor 2 apart, 1/xi_c over ln sigma_w bends at the edge only
    np.testing.assert_allclose(depths[known], reach[known], rtol=0.35)


def test_a_gradient_has_the_contour_of_its_prediction(runs):
    (grid,) = heat(runs, "sigma_w", "depth", "backward_ratio").panels
    line = grid.contours[0]
    assert line.label == "predicted ratio 1"
    np.testing.assert_allclose(line.x, 1.0)


# further axes -----------------------------------------------------------------------------------


def test_a_third_axis_has_panels(runs):
    both = pd.concat([runs.assign(activation=a) for a in ("tanh", "relu")], ignore_index=True)
    both = both[["run", "activation", *(c for c in both if c not in ("run", "activation"))]]
    both.loc[both["activation"] == "relu", "std_last"] *= 2
    tanh, relu = heat(both, "sigma_w", "depth", "std_last").panels
    assert (tanh.title, relu.title) == ("tanh", "relu")
    np.testing.assert_allclose(relu.values, 2 * tanh.values)


def test_of_many_values_the_median_is_taken_and_told(runs):
    many = pd.concat([runs.assign(width=w) for w in range(1, 8)], ignore_index=True)
    many = many[["run", "width", *(c for c in many if c not in ("run", "width"))]]
    figure = heat(many, "sigma_w", "depth", "std_last")
    assert len(figure.panels) == 1
    assert figure.notes[0] == "Cells: the median over 3 seeds and 7 values of width."


# what is refused --------------------------------------------------------------------------------


def test_unknown_names_are_refused_with_the_nearest(runs):
    with pytest.raises(UnknownName, match="sigma_w"):
        heat(runs, "sigmaw", "depth", "std_last")
    with pytest.raises(UnknownName, match="backward_ratio"):
        heat(runs, "sigma_w", "depth", "backward_ration")
    with pytest.raises(UnknownName):  # words have no median
        heat(runs, "sigma_w", "depth", "forward_verdict")
    with pytest.raises(InputError, match="different"):
        heat(runs, "depth", "depth", "std_last")


def test_no_runs_are_refused(runs):
    with pytest.raises(InputError, match="no runs"):
        heat(runs.iloc[:0], "sigma_w", "depth", "std_last")


def test_where_theory_is_silent_there_is_no_line_and_that_is_said(runs):
    narrow = runs.assign(width=8.0, chi_1=np.nan, predicted_grad_std=np.nan, xi_c=np.nan)
    both = pd.concat([runs.assign(width=64.0), narrow], ignore_index=True)
    both = both[["run", "width", *(c for c in both if c not in ("run", "width"))]]
    figure = heat(both, "sigma_w", "depth", "std_last")
    assert [len(grid.contours) > 0 for grid in figure.panels] == [True, False]
    assert figure.notes[-1] == ("No lines where theory says nothing: 36 of 72 runs.")
    assert "says nothing" not in heat(runs, "sigma_w", "depth", "std_last").notes[-1]
