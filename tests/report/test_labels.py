"""Runs are named by what tells them apart."""

import pandas as pd
import pytest

from initlab.report.labels import ABSENT, axes_of, heading, labels, owner, texts_of, varying


def runs(**fields):
    """Runs with these fields."""
    count = max(len(values) for values in fields.values())
    table = pd.DataFrame({"run": range(count), **fields})
    return table.assign(seed=0, status="ok")


INITS = {
    "init": ["normal", "normal", "xavier_normal"],
    "init.std": [0.1, 2, None],
    "init.mean": [0.0, 0, None],
    "init.gain": [None, None, "tanh"],
}


def test_axes_are_the_fields_that_vary_and_a_parameter_belongs_to_its_field():
    table = runs(width=[64, 64, 64], activation=["a", "b", "a"], **INITS)
    assert axes_of(table) == ["activation", "init"]
    assert varying(table) == ["activation", "init", "init.std", "init.mean", "init.gain"]
    assert axes_of(runs(init=["normal"] * 2, **{"init.std": [0.1, 1]})) == ["init.std"]


def test_the_sweep_is_an_axis_of_several():
    assert axes_of(runs(width=[1, 1]).assign(spec=["one", "two"])) == ["spec"]


def test_parameters_stand_beside_a_name_where_they_tell_runs_apart():
    assert labels(runs(**INITS), ["init"]).tolist() == [
        "normal(std=0.1)", "normal(std=2)", "xavier_normal",
    ]  # fmt: skip
    assert texts_of(runs(**INITS), "init", apart=False).tolist() == [
        "normal", "normal", "xavier_normal(gain=tanh)",
    ]  # fmt: skip


def test_a_parameter_at_its_default_is_not_said():
    # `initlab describe normal`: mean 0, std 1
    inits = INITS | {"init.mean": [0.0, 3, None], "init.std": [1.0, 0.1, None]}
    assert texts_of(runs(**inits), "init").tolist() == [
        "normal", "normal(std=0.1, mean=3)", "xavier_normal",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("axis", "values", "texts"),
    [
        ("width", [64, 1024], ["width 64", "width 1024"]),
        ("init.std", [1e-5, 0.02], ["std 1e-5", "std 0.02"]),
        ("init.std", [0.12345678, 0.12345679], ["std 0.12345678", "std 0.12345679"]),
        ("depth", [50.0, 2000.0], ["depth 50", "depth 2000"]),
        ("bias", ["normal", None], ["bias normal", "bias none"]),
        ("reduction", ["sum", "mean"], ["reduction sum", "reduction mean"]),
        ("init.gain", ["auto", "2.0"], ["gain auto", "gain 2"]),
    ],
)
def test_values_are_short_and_different(axis, values, texts):
    assert labels(runs(**{axis: values}), [axis]).tolist() == texts


def test_several_axes_are_joined():
    table = runs(activation=["tanh", "relu"], width=[64, 128])
    assert labels(table, ["activation", "width"]).tolist() == ["tanh, width 64", "relu, width 128"]
    assert labels(table, []).tolist() == ["", ""]


def test_parameters_of_one_name_have_that_of_their_field():
    table = runs(**{"init.std": [0.1, 1.0], "input.std": [1.0, 0.1]})
    assert labels(table, axes_of(table)).tolist() == [
        "init.std 0.1, input.std 1", "init.std 1, input.std 0.1",
    ]  # fmt: skip
    assert heading(table.assign(**{"input.std": 1.0}), "init.std") == "std"


def test_what_a_run_does_not_have_is_not_said():
    table = runs(width=[16.0, None], shape=[None, "4x8x2"], activation=["tanh", "relu"])
    assert labels(table, axes_of(table)).tolist() == ["width 16, tanh", "shape 4x8x2, relu"]


HEADS = {
    "activation": ["tanh", "tanh", "relu"],
    "bias": [None, None, None],
    "last.activation": ["identity"] * 3,
    "last.init": ["orthogonal", "orthogonal", "normal"],
    "last.init.gain": [0.01, 1.0, None],
    "last.init.std": [None, None, 0.3],
    "layers.5-9.bias": ["normal", "none", None],
    "layers.5-9.bias.std": [0.5, None, None],
}


def test_what_some_layers_have_is_named_in_full():
    table = runs(**HEADS)
    assert axes_of(table) == ["activation", "last.init", "layers.5-9.bias"]
    assert heading(table, "last.init") == "last.init"
    assert texts_of(table, "last.init").tolist() == [
        "orthogonal(gain=0.01)", "orthogonal", "normal",  # a gain of 1 is the default
    ]  # fmt: skip
    assert texts_of(table, "layers.5-9.bias").tolist() == ["normal", "none", ABSENT]
    assert labels(table, ["last.init"]).tolist() == [
        "last.init orthogonal(gain=0.01)", "last.init orthogonal", "last.init normal",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("depth", "depth"),
        ("init.gain", "init"),
        ("last.init", "last.init"),
        ("last.init.gain", "last.init"),
        ("layers.3.activation.negative_slope", "layers.3.activation"),
    ],
)
def test_a_parameter_belongs_to_its_own_field(column, field):
    assert owner(column) == field
