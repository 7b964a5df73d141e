"""Which fields have colours and which have panels, where nothing was asked."""

import itertools

import pandas as pd
import pytest

from initlab.errors import InputError
from initlab.report.figures.choice import Choice, choose


def runs(**axes):
    """Every combination of these values."""
    table = pd.DataFrame(list(itertools.product(*axes.values())), columns=list(axes))
    table.insert(0, "run", range(len(table)))
    return table.assign(seed=0)


TEN = [f"scheme{chr(97 + n)}" for n in range(10)]


@pytest.mark.parametrize(
    ("axes", "color", "facet"),
    [
        ({"activation": ["tanh"]}, (), ()),
        ({"activation": ["tanh", "relu"]}, ("activation",), ()),
        ({"activation": ["tanh", "relu"], "init": TEN}, ("init",), ("activation",)),
        ({"init": TEN, "activation": ["tanh", "relu"]}, ("init",), ("activation",)),
        ({"activation": ["a", "b"], "width": [1, 2]}, ("activation", "width"), ()),
        ({"activation": TEN, "init": TEN}, ("activation",), ()),
    ],
)
def test_the_axis_of_fewest_values_has_panels(axes, color, facet):
    found = choose(runs(**axes), None, None)
    assert (found.color, found.facet) == (color, facet)


def test_too_many_panels_are_refused():
    with pytest.raises(InputError, match="--facet width: 13 values; 12 panels are the most"):
        choose(runs(width=range(13)), None, "width")


def test_what_is_asked_for_is_done():
    table = runs(activation=["tanh", "relu"], init=TEN)
    found = choose(table, "activation", None)
    assert (found.color, found.facet) == (("activation",), ())
    found = choose(table, None, "init")
    assert (found.color, found.facet) == (("activation",), ("init",))


def test_what_varies_within_sweeps_has_colours_though_it_is_a_parameter():
    # of one sweep init.std varies, of both together init: its parameter stands beside its name
    stds = [0.1, 1.0, 0.1, 1.0, 1.0]
    table = runs(init=["normal"] * 4 + ["xavier_normal"]).drop(columns="run")
    table.insert(1, "init.std", stds)
    table.insert(2, "depth", [5, 5, 10, 10, 5])
    table.insert(0, "run", range(5))
    table.insert(0, "spec", ["one"] * 4 + ["other"])
    assert choose(table, None, None) == Choice(("init", "depth"), ("spec",))
