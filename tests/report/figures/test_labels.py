"""Runs are named by what tells them apart."""

import pandas as pd
import pytest

from initlab.report.figures.labels import axes_of, labels


def runs(**fields):
    """Runs with these fields."""
    count = max(len(values) for values in fields.values())
    table = pd.DataFrame({"run": range(count), **fields})
    return table.assign(seed=0, status="ok")


INITS = {
    "init": ["normal", "normal", "xavier_normal"],
    "init.std": [0.1, 1, None],
    "init.mean": [0.0, 0, None],
    "init.gain": [None, None, "tanh"],
}


def test_axes_are_the_fields_that_vary_and_a_parameter_belongs_to_its_field():
    assert axes_of(runs(width=[64, 64, 64], activation=["a", "b", "a"], **INITS)) == [
        "activation", "init",
    ]  # fmt: skip
    assert axes_of(runs(init=["normal"] * 2, **{"init.std": [0.1, 1]})) == ["init.std"]


def test_parameters_stand_beside_a_name_where_they_tell_runs_apart():
    assert labels(runs(**INITS), ["init"]).tolist() == [
        "normal std=0.1", "normal std=1", "xavier_normal",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("axis", "values", "texts"),
    [
        ("width", [64, 1024], ["width 64", "width 1024"]),
        ("init.std", [1e-5, 0.02], ["std 1e-5", "std 0.02"]),
        ("init.std", [0.12345, 0.12346], ["std 0.12345", "std 0.12346"]),
        ("depth", [50.0, 2000.0], ["depth 50", "depth 2000"]),
        ("bias", ["normal", None], ["normal", "none"]),
    ],
)
def test_values_are_short_and_different(axis, values, texts):
    assert labels(runs(**{axis: values}), [axis]).tolist() == texts


def test_several_axes_are_joined():
    table = runs(activation=["tanh", "relu"], width=[64, 128])
    assert labels(table, ["activation", "width"]).tolist() == ["tanh, width 64", "relu, width 128"]
    assert labels(table, []).tolist() == ["", ""]
