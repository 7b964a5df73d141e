"""Some columns, some layers: of CSV line by line."""

import pytest

from initlab.errors import InputError, UnknownName
from initlab.report.selection import (
    LayerChoice,
    columns_in,
    not_recorded,
    only_columns,
    only_layers,
)

TABLE = ["run,layer,std\n", "0,0,0.1\n", "0,1,0.2\n", "1,0,nan\n", "1,1,\n", '1,2,"a,b"\n']


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("0,9,49,99", [0, 9, 49, 99]),
        ("::10", list(range(0, 100, 10))),
        ("-1", [99]),
        ("90:", list(range(90, 100))),
        ("3:6, 0", [0, 3, 4, 5]),
        (":", list(range(100))),
        ("9,9,0", [0, 9]),
        ("5:500", list(range(5, 100))),
    ],
)
def test_layers_are_chosen_as_in_python(text, layers):
    assert LayerChoice.of(text).layers(100) == layers


def test_a_network_has_only_the_layers_that_it_has():
    assert LayerChoice.of("0,9,-1").layers(5) == [0, 4]


@pytest.mark.parametrize(
    "text", ["x", "1,", "", "1:2:3:4", "::0", "::-1", "1.5", "0-9", "1_0:", "9" * 400]
)
def test_what_is_no_choice_is_refused(text):
    with pytest.raises(InputError, match="--layer") as refused:
        LayerChoice.of(text)
    assert "::10" in refused.value.fix


@pytest.mark.parametrize("text", ["100", "-101", "0,100", "50:50"])
def test_a_layer_that_no_network_has_is_refused(text):
    with pytest.raises(InputError, match="0 to 99"):
        LayerChoice.of(text).check(100)
    LayerChoice.of("0,99,-1,-100,::10").check(100)


def test_columns_are_given_in_their_order_with_their_text():
    assert list(only_columns(TABLE, ["std", "run"])) == [
        "std,run\n", "0.1,0\n", "0.2,0\n", "nan,1\n", ",1\n", '"a,b",1\n'
    ]  # fmt: skip


def test_an_unknown_column_is_told_with_the_nearest_and_the_list():
    with pytest.raises(UnknownName, match="did you mean layer") as refused:
        list(only_columns(TABLE, ["layr"]))
    assert "run, layer, std" in refused.value.fix


def test_layers_are_chosen_by_the_depth_of_their_network():
    found = list(only_layers(TABLE, LayerChoice.of("-1"), {"0": 2, "1": 3}))
    assert found == [TABLE[0], TABLE[2], TABLE[5]]


def test_names_are_separated_by_commas_and_told_once():
    assert columns_in("a, b,a,,") == ["a", "b"]
    assert columns_in("") == []


def test_columns_without_a_name_are_not_all_columns():
    with pytest.raises(InputError, match="names no column"):
        columns_in(" ,")


@pytest.mark.parametrize(
    ("name", "group"), [("neuron_std", "neurons"), ("q99", "quantiles"), ("grad_rms", "gradients")]
)
def test_a_column_that_nobody_recorded_says_how_to(name, group):
    with pytest.raises(InputError, match="no run here has it") as refused:
        list(only_columns(TABLE, [name]))
    assert refused.value.fix == f"record: {{{group}: true}} measures it"


def test_a_column_that_every_folder_has_needs_no_record():
    assert not_recorded("std") is None
    assert not_recorded("run") is None
