"""A table of records: look-up by name and alias, the nearest of a mistyped name, no duplicates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initlab.catalog.table import Parameter, Record, Table, load
from initlab.errors import InputError, UnknownName, nearest


def record(name, *aliases):
    return Record(name=name, about="x", formula="x", source="x", aliases=aliases)


@pytest.fixture
def fruit():
    return Table("fruit", "fruits", record("apple", "pomme"), record("blood_orange"), record("fig"))


def test_a_record_is_found_by_name_and_alias_in_any_spelling(fruit):
    for name in ("blood_orange", "Blood_Orange", "blood-orange", "BLOOD-ORANGE"):
        assert fruit[name].name == "blood_orange"
        assert name in fruit
    assert fruit["pomme"] is fruit["apple"]
    assert fruit.canonical("Pomme") == "apple"


def test_records_come_in_their_order_and_aliases_are_not_listed(fruit):
    assert list(fruit) == ["apple", "blood_orange", "fig"]
    assert len(fruit) == 3
    assert [r.name for r in fruit.values()] == list(fruit)


def test_an_unknown_name_lists_the_nearest(fruit):
    with pytest.raises(UnknownName) as error:
        fruit["aple"]
    assert error.value.nearest == ["apple"]
    assert error.value.message == "unknown fruit 'aple'; did you mean apple?"
    assert error.value.fix == "initlab list fruits"
    assert error.value.exit_code == 2


def test_a_name_that_is_near_nothing_lists_nothing(fruit):
    with pytest.raises(UnknownName) as error:
        fruit["xylophone"]
    assert error.value.nearest == []
    assert "did you mean" not in error.value.message


@pytest.mark.parametrize("name", ["", None, 3, "apple ", "é", "\ud800", ("a",)])
def test_what_is_no_name_is_not_in_a_table(fruit, name):
    assert name not in fruit
    with pytest.raises(InputError):
        fruit[name]


@pytest.mark.parametrize(
    "records",
    [
        [record("a"), record("a")],
        [record("a"), record("b", "a")],
        [record("a", "c"), record("b", "c")],
        [record("a", "a")],
    ],
)
def test_a_name_can_be_claimed_once(records):
    with pytest.raises(ValueError, match="claimed twice"):
        Table("x", "xs", *records)


def test_a_table_is_read_only(fruit):
    with pytest.raises(TypeError):
        fruit["kiwi"] = record("kiwi")
    with pytest.raises(AttributeError):
        fruit["apple"].name = "pear"


def test_parameters_are_required_or_have_a_default():
    required, optional = Parameter("a", "x"), Parameter("b", "x", 0.0)
    assert required.required
    assert not optional.required  # 0 is a default too
    assert [str(required), str(optional)] == ["a", "b=0.0"]
    one = Record(name="x", about="", formula="", source="", parameters=(required, optional))
    assert one.defaults == {"b": 0.0}


def test_a_target_is_loaded_by_name():
    import math

    assert load("math:sqrt") is math.sqrt
    with pytest.raises(AttributeError):
        load("math:sqroot")
    with pytest.raises(ImportError):
        load("no_such_module:x")


@given(st.text(max_size=30))
def test_the_nearest_of_any_text_are_known_names(text):
    assert set(nearest(text, ["tanh", "relu", "sigmoid"])) <= {"tanh", "relu", "sigmoid"}
