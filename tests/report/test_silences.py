"""Every empty cell of theory has a reason, which is told once with the number of points."""

import pytest
import yaml

from initlab import load_plan
from initlab.report.silences import MOST, silences

BASE = {"depth": 3, "width": 20, "activation": "tanh"}
SILENT = "no prediction at infinite width"
SPARSE = {"scheme": "sparse", "sparsity": 0.5, "std": 0.1}


def told(**fields):
    plan = load_plan({**BASE, **fields})
    return silences([run for run in plan.runs if run.seed == 0], plan.head)


def test_nothing_is_told_where_nothing_is_missing():
    assert told(init=["he", "xavier_uniform"], seeds=3) == ()


def test_a_reason_says_of_how_many_points_it_is():
    lines = told(init=[{"scheme": "constant", "value": 0.1}, "he", "xavier_normal"])
    assert lines[0].startswith(
        "no prediction at infinite width for 1 of 3 points: constant weights"
    )
    assert any(line.startswith("no band for 1 of 3 points: constant weights") for line in lines)


def test_of_all_points_no_number_is_said():
    assert told(init={"scheme": "constant", "value": 0.1})[0].startswith(
        "no prediction at infinite width: constant"
    )


def test_who_asks_for_no_band_is_not_told_why_there_is_none():
    assert not any("no band" in line for line in told(init=SPARSE, band=0))


def test_the_advice_gives_a_band():
    lines = told(init=SPARSE)
    (line,) = [line for line in lines if line.startswith("no band")]
    asked = yaml.safe_load(line[line.index("{") : line.index("}") + 1])
    assert asked["gradient"] is True
    assert not any("no band" in line for line in told(init=SPARSE, band=asked))


@pytest.mark.parametrize(
    ("fields", "drawn"),
    [
        ({"batch": 200}, 100),  # weights are drawn, forward
        ({"init": "orthogonal"}, 100),
        ({"init": "orthogonal", "band": {"networks": 150, "gradient": True}}, None),
        ({"band": 100, "batch": 200}, None),  # as many as were asked for
    ],
)
def test_fewer_networks_than_were_asked_for_are_told(fields, drawn):
    lines = told(**{"init": "he", **fields})
    assert lines == (() if drawn is None else (f"band: {drawn} whole networks, not 400.",))


@pytest.mark.parametrize("count", [MOST, MOST + 2])
def test_many_reasons_are_counted(count):
    inits = [{"scheme": "normal", "mean": 0.1 * (k + 1), "std": 1} for k in range(count)]
    lines = [line for line in told(init=inits, band=0) if line.startswith("no prediction")]
    assert len(lines) == min(count, MOST) + (count > MOST)
    assert (lines[-1] == "no prediction at infinite width: and for 2 other reasons.") == (
        count > MOST
    )
