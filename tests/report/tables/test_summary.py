"""The summary that sweep and show print: a row for every point, over its seeds."""

import io
import math
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import csv_texts, in_memory
from rich.console import Console

from initlab.catalog.columns import columns
from initlab.errors import UnknownName
from initlab.network.measurement import Measurement
from initlab.report.remarks import MOST
from initlab.report.sweeps import Sweep
from initlab.report.tables import rendering
from initlab.report.tables.layers import layer_summary
from initlab.report.tables.summary import summarise
from initlab.store.outcome import Outcome
from initlab.store.read import read_table


def results(plan, outcomes, name="small", about="two activations"):
    """Through CSV and back, as sweep and show read it."""
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for text in csv_texts(plan, outcomes):
            file = Path(folder) / "table.csv"
            file.write_text(text)
            tables.append(read_table(file))
    return Sweep(name, *tables, about)


def summary(plan, outcomes, **options):
    return summarise([results(plan, outcomes)], **options)


def outcome(stds, grads=None, onset=None):
    """A run whose layers have these stds, and these gradients' stds."""
    width = len(columns("layers", "forward")), len(columns("layers", "backward"))
    forward = np.repeat(np.array(stds)[:, None], width[0], axis=1)
    backward = None if grads is None else np.repeat(np.array(grads)[:, None], width[1], axis=1)
    return Outcome("ok", Measurement(forward, backward, onset), seconds=0.1)


def column(table, name):
    return [row[table.header.index(name)] for row in table.rows]


# rows -------------------------------------------------------------------------------------------


def test_a_row_for_every_point_over_its_seeds(plan_of):
    plan = plan_of(activation=["tanh", "relu"], depth=2, seeds=3)
    stds = [0.5, 0.6, 0.7, 2.0, 2.0, 2.0]
    outcomes = [outcome([1.0, std], [1.0, 0.5]) for std in stds]
    table = summary(plan, outcomes)
    assert column(table, "activation") == ["tanh", "relu"]
    # quantiles of 0.5, 0.6, 0.7 at 0.1 and 0.9, by linear interpolation: 0.52 and 0.68
    assert column(table, "std last") == ["0.6", "2"]
    assert column(table, "std range") == ["0.52 - 0.68", "2 - 2"]
    assert column(table, "ratio") == ["2", "2"]
    assert column(table, "forward") == ["steady", "steady"]
    assert "Medians over 3 seeds." in table.dim_notes
    assert table.title == "small: two activations"
    assert "3 seeds" in table.subtitle


def test_points_are_not_mixed_across_an_axis_with_empty_cells(plan_of):
    plan = plan_of(init=["normal", "xavier_normal", {"scheme": "normal", "std": 2}], depth=2)
    table = summary(plan, [outcome([1.0, std]) for std in (3.0, 4.0, 5.0)])
    assert column(table, "std last") == ["3", "4", "5"]
    assert column(table, "init") == ["normal", "xavier_normal", "normal(std=2)"]


def test_verdicts_of_all_seeds_begin_with_the_worst(plan_of):
    plan = plan_of(depth=3, seeds=4)
    outcomes = [
        outcome([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
        outcome([1.0, 1.0, 1.0], [1e9, 1.0, 1.0]),
        outcome([1.0, math.nan], onset=1),
        outcome([1.0, 1.0, math.nan], onset=2),
    ]
    table = summary(plan, outcomes)
    assert column(table, "forward") == ["nan 1-2 2/4"]
    assert column(table, "backward") == ["exploding 1/4"]
    (words,) = table.dim_notes
    assert "nan at N: the first layer with a non-finite" in words
    assert "1/3: of so many runs" in words


def test_failed_and_interrupted_runs_are_counted_and_not_dropped(plan_of):
    plan = plan_of(depth=2, seeds=3)
    outcomes = [outcome([1.0, 1.0]), Outcome("failed", reason="x"), Outcome("interrupted")]
    assert column(summary(plan, outcomes), "forward") == ["failed 1/3"]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_sweep_without_any_measurement_has_a_summary(plan_of, status):
    plan = plan_of(activation=["tanh", "relu"])
    table = summary(plan, [Outcome(status, reason="no")] * 2)
    assert column(table, "forward") == [status] * 2
    assert column(table, "std last") == ["-", "-"]
    assert "signal" not in table.header


def test_forward_only_shows_no_gradient(plan_of):
    plan = plan_of(record="forward")
    table = summary(plan, in_memory(plan)[0])
    assert column(table, "ratio") == ["-"]
    assert "grad" not in table.header
    assert column(table, "backward") == ["-"]


def test_a_sweep_of_one_run_has_one_row_without_axes(plan_of):
    plan = plan_of()
    table = summary(plan, in_memory(plan)[0])
    assert table.header[0] == "std last"
    assert len(table.rows) == 1
    assert not any("Medians" in line for line in table.dim_notes)


@pytest.mark.parametrize(
    ("fields", "header", "labels"),
    [
        ({"init": {"scheme": "normal", "std": [1, 0.25]}}, "std", ["1", "0.25"]),
        ({"shape": [[3, 4], [3, 5]]}, "shape", ["3x4", "3x5"]),
        ({"depth": [2, 3]}, "depth", ["2", "3"]),
        ({"bias": ["none", {"std": 0.5}]}, "bias", ["none", "normal"]),
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
    print(table.rows, table.subtitle, table.below(table.columns, ()), file=written)
    assert written.getvalue().isascii()


def test_what_all_rows_share_stands_above_them(plan_of):
    plan = plan_of(
        init=[{"scheme": "xavier_uniform", "gain": "tanh"}, {"scheme": "normal", "std": 3}],
        depth=[2, 3], width=7, seeds=[5],
    )  # fmt: skip
    table = summary(plan, in_memory(plan)[0])
    assert (
        table.subtitle
        == "width 7, tanh, mse, seed 5; options: xavier_uniform(gain=tanh), normal(std=3)"
    )
    assert set(column(table, "init")) == {"xavier_uniform", "normal"}


# columns ------------------------------------------------------------------------------------------


@pytest.fixture
def two(plan_of):
    return plan_of(activation=["tanh", "relu"], depth=2, seeds=2)


def test_columns_are_those_of_the_table_and_of_the_csv_beside_what_names_a_point(two):
    outcomes = [outcome([1.0, std], [1.0, 0.5]) for std in (1.0, 3.0, 5.0, 7.0)]
    table = summary(two, outcomes, columns=["ratio", "std_last", "status", "signal"])
    assert table.header == ("activation", "ratio", "std last", "status", "signal")
    assert column(table, "std last") == ["2", "6"]
    assert column(table, "status") == ["ok", "ok"]
    own_order = summary(two, outcomes, columns=["std_last", "activation", "ratio"])
    assert own_order.header == ("std last", "activation", "ratio")
    assert column(own_order, "activation") == ["tanh", "relu"]
    csv = summary(two, outcomes, columns=["grad_std_last"])
    assert column(csv, "grad_std_last") == ["0.5", "0.5"]


@pytest.mark.parametrize("key", ["run", "seed"])
def test_with_run_or_seed_a_row_is_a_run(two, key):
    outcomes = [outcome([1.0, std]) for std in (1.0, 3.0, 5.0, 7.0)]
    table = summary(two, outcomes, columns=[key, "std_last"])
    assert column(table, "std last") == ["1", "3", "5", "7"]
    assert column(table, key) == (["0", "1", "2", "3"] if key == "run" else ["0", "1"] * 2)


def test_an_unknown_column_is_refused_with_the_nearest(two):
    with pytest.raises(UnknownName, match="did you mean std_last"):
        summary(two, in_memory(two)[0], columns=["std_lst"])


# several sweeps -----------------------------------------------------------------------------------


def test_several_sweeps_are_one_table(plan_of):
    one = plan_of(depth=2, width=4, init="he")
    many = plan_of(depth=2, width=4, activation=["relu", "tanh"], init="xavier_normal")
    table = summarise(
        [
            results(one, [outcome([1.0, 2.0])], "one", "a single point"),
            results(many, [outcome([1.0, 3.0]), outcome([1.0, 4.0])], "many", ""),
        ]
    )
    assert [cell.strip() for cell in column(table, "spec")] == ["one", "many", "relu", "tanh"]
    assert column(table, "network") == ["tanh kaiming_normal", "", "xavier_normal", "xavier_normal"]
    assert column(table, "std last") == ["2", "", "3", "4"]
    assert table.sections == {1}
    assert table.titles == ("one: a single point", "many")
    assert table.title == "2 sweeps"
    assert table.subtitle == "2 x 4, mse, seed 0"


def test_axes_that_only_one_spec_has_are_no_trouble(plan_of):
    first = plan_of(depth=2, init={"scheme": "normal", "std": [1, 2]})
    second = plan_of(depth=[2, 3], init="identity")
    table = summarise([results(p, in_memory(p)[0], str(n)) for n, p in enumerate((first, second))])
    named = [cell.strip() for cell in column(table, "spec")]
    assert named == ["0", "normal", "normal(std=2)", "1", "depth=2", "depth=3"]


def two_sweeps(plan_of, first, second):
    plans = {"one": plan_of(**first), "two": plan_of(**second)}
    return [results(plan, in_memory(plan)[0], name, "") for name, plan in plans.items()]


def test_the_heading_of_several_sweeps_says_only_what_all_share(plan_of):
    sweeps = two_sweeps(
        plan_of,
        {"init": {"scheme": "uniform", "a": -0.2, "b": 0.2}, "depth": 2, "seeds": 3},
        {"init": ["orthogonal", {"scheme": "normal", "std": 0.5}], "depth": 2, "seeds": 1},
    )
    table = summarise(sweeps)
    common, _, options = table.subtitle.partition("; options: ")
    assert "1 to 3 seeds" in common
    assert "(" not in common
    assert options == "uniform(a=-0.2, b=0.2), normal(std=0.5)"
    assert any(line.startswith("Medians over 1 to 3 seeds.") for line in table.dim_notes)
    assert "1 to 3 seeds" in layer_summary(sweeps).subtitle


def test_one_seed_in_each_of_several_sweeps_is_not_two(plan_of):
    table = summarise(two_sweeps(plan_of, {"seeds": [0]}, {"seeds": [7]}))
    assert "1 seed each" in table.subtitle
    assert not any("Medians" in line for line in table.dim_notes)


def test_what_is_called_the_same_in_several_sweeps_is_the_same(plan_of):
    sweeps = two_sweeps(
        plan_of,
        {"activation": "tanh", "init": "normal"},  # std 1, the default
        {"activation": "tanh", "init": ["orthogonal", {"scheme": "normal", "std": 0.5}]},
    )
    table = summarise(sweeps)
    assert column(table, "spec") == ["one", "two", " orthogonal", " normal(std=0.5)"]
    assert column(table, "network") == ["normal", "", "", ""]


def test_a_parameter_alone_tells_sweeps_apart(plan_of):
    inits = [{"scheme": "normal", "std": std} for std in (1, 0.5)]
    table = summarise(two_sweeps(plan_of, *({"init": init} for init in inits)))
    assert column(table, "network") == ["std=1", "std=0.5"]


@pytest.mark.parametrize("counts", [(5,), (2, 4), (4, 4, 0)])
def test_the_first_remarks_are_shown_and_all_others_counted(plan_of, counts):
    sweeps = []
    for name, count in zip("abc", counts, strict=False):
        plan = plan_of(depth=2, seeds=6)
        found = results(plan, [outcome([1.0, 1.0])] * 6, name)
        far_off = [9.0] * count + [0.0] * (6 - count)  # standard deviations; 5 are remarkable
        sweeps.append(replace(found, runs=found.runs.assign(surprise=far_off)))
    *shown, last = summarise(sweeps).notes
    assert len(shown) == MOST
    assert all("9.0 standard deviations off" in line for line in shown)
    assert last == f"... and {sum(counts) - MOST} more such runs."


@pytest.mark.parametrize("width", [30, 100])
def test_how_sweeps_differ_is_told_at_any_width(plan_of, width):
    sweeps = two_sweeps(plan_of, {"depth": 2, "dtype": "float16"}, {"depth": 3})
    drawn, size = rendering.table(summarise(sweeps), width, unicode=True)
    console = Console(width=size, file=io.StringIO())
    console.print(drawn)
    text = " ".join(console.file.getvalue().split())
    if width == 30:
        assert "networks: one depth=2 float16; two depth=3." in text
        assert "network," in text.partition("Left out: ")[2]
    else:
        assert "networks:" not in text
        assert "one depth=2 float16" in text


def test_the_picture_of_a_residual_network_goes_along_its_stream():
    import initlab

    # DeepNorm's stream has an rms of 1 after every block; within a branch it is a tenth of that
    plan = initlab.load_plan({
        "depth": 20, "width": 64, "activation": "relu", "preset": "deepnorm", "band": 0,
    })  # fmt: skip
    outcomes, _ = in_memory(plan)
    table = summary(plan, outcomes)
    assert column(table, "signal") == ["▄" * 10]
    # where its signal and gradient begin stands beside the columns that speak of layer 0
    note = "Of residual networks, the end of the first block stands for layer 0."
    told = {c.name for c in table.columns if note in c.legend}
    assert told == {"ratio", "signal"}
