"""What is said below a table: misleading finite width, and networks that are not as specified."""

import pandas as pd
import pytest

from initlab.report.remarks import MOST, misleading, remarks, shortened, surprises


def runs(*rows):
    """Steady runs of (activation, seed, std, predicted, p10, p90, surprise), 100 layers deep."""
    names = ["activation", "seed", "std_last", "predicted_std"]
    names += ["predicted_std_p10", "predicted_std_p90", "surprise"]
    table = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[2:], float))
    return table.assign(
        depth=100,
        run=range(len(rows)),
        forward_verdict="steady",
        status="ok",
        nan_onset=None,
        dtype="float16",
    )


def named(run):
    return str(run["activation"])


def said(*rows):
    return remarks(runs(*rows), ["activation"], named)


def test_a_run_that_is_low_by_bad_luck():
    assert said(("relu", 3, 0.44, 0.826, 0.21, 1.25, -0.4)) == [
        "relu seed 3: std 0.44 at layer 99 is within the band 0.21-1.25, though 47% off infinite"
        " width, more than 30%: finite width, not a wrong init."
    ]


def test_a_run_that_is_not_what_was_specified():
    assert said(("relu", 0, 1e-7, 0.826, 0.21, 1.25, -22.31)) == [
        "relu seed 0: std 1e-7 at layer 99 lies -22.3 standard deviations off the band 0.21-1.25,"
        " more than 5: is this the network you meant?"
    ]


def test_a_std_of_0_where_the_band_is_above_it():
    (line,) = said(("relu", 0, 0.0, 2.6e-10, 1e-10, 5e-10, None))  # ln 0 is no number to compare
    assert line == (
        "relu seed 0: std 0 at layer 99 lies below the band 1e-10-5e-10: has every unit of a layer"
        " died, is float16 too narrow, or"
        " is this not the network you meant?"
    )
    assert said(("relu", 0, 0.0, 0.0, 0.0, 0.0, None)) == []


def test_what_surprises_and_what_misleads_are_apart():
    rows = runs(("relu", 0, 50.0, 0.8, 0.2, 1.3, 9.0), ("relu", 1, 0.4, 0.8, 0.2, 1.3, 0.0))
    assert [line[:11] for line in surprises(rows, named)] == ["relu seed 0"]
    assert [line[:11] for line in misleading(rows, ["activation"], named)] == ["relu seed 1"]


@pytest.mark.parametrize(
    "row",
    [
        ("relu", 0, 0.8, 0.826, 0.21, 1.25, 0.1),  # as predicted
        ("relu", 0, 0.1, 0.826, 0.21, 1.25, -2.0),  # outside, as one in five is
        ("relu", 0, None, 0.826, 0.21, 1.25, None),  # nan, or not measured
        ("relu", 0, 0.4, 0.826, None, None, None),  # no band
    ],
    ids=str,
)
def test_nothing_to_say(row):
    assert said(row) == []


def test_a_network_that_explodes_as_predicted_is_no_bad_luck():
    exploding = runs(("relu", 4, 5.6e6, 1.12e7, 3e6, 1.7e7, -1.0))
    assert remarks(exploding.assign(forward_verdict="exploding"), ["activation"], named) == []


def test_of_a_point_the_seed_that_is_off_most():
    rows = [("relu", seed, std, 0.8, 0.2, 1.3, 0.0) for seed, std in enumerate((0.5, 1.2, 0.6))]
    (line,) = said(*rows, ("tanh", 0, 0.65, 0.65, 0.6, 0.7, 0.0))
    assert line.startswith("relu seed 1: std 1.2 ")


def test_surprises_come_first_and_a_few_lines_will_do():
    rows = [(f"a{i}", 0, 0.5, 0.8, 0.2, 1.3, 0.0) for i in range(4)]
    lines = shortened(said(*rows, ("b", 0, 50.0, 0.8, 0.2, 1.3, 9.0)))
    assert lines[0].startswith("b seed 0: std 50 ")
    assert len(lines) == MOST + 1
    assert lines[-1] == "... and 2 more such runs."


def test_of_a_sweep_without_axes_one_seed_will_do():
    rows = [("relu", seed, std, 0.8, 0.2, 1.3, 0.0) for seed, std in enumerate((0.5, 0.3, 0.52))]
    (line,) = remarks(runs(*rows), [], lambda run: "")
    assert line.startswith("seed 1: std 0.3 ")
