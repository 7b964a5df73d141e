"""Axes, ranges and choices: the two kinds of field that a spec is made of."""

import math
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from initlab.catalog import LOSSES, SCHEMES
from initlab.errors import SpecError
from initlab.spec.axis import MAX_STEPS, Axis, Range
from initlab.spec.fields import OneOf


def span(start, stop, steps, **options):
    return Range.model_validate({"from": start, "to": stop, "steps": steps, **options})


# ranges -----------------------------------------------------------------------------------------


def test_a_linear_range_has_equal_differences():
    assert span(0, 1, 5).values(whole=False) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_logarithmic_range_has_equal_ratios():
    numbers = span(0.01, 100, 5, scale="log").values(whole=False)
    assert numbers == pytest.approx([0.01, 0.1, 1.0, 10.0, 100.0], rel=1e-14)


def test_a_range_may_fall():
    assert span(3, 1, 3).values(whole=False) == [3.0, 2.0, 1.0]


def test_a_whole_range_holds_every_number_once():
    # 1, 1.25, ... 3 in nine steps rounds (half to even) to 1 1 2 2 2 2 2 3 3
    assert span(1, 3, 9).values(whole=True) == [1, 2, 3]


numbers = st.floats(1e-300, 1e300)


@given(numbers, numbers, st.integers(2, 50), st.sampled_from(["linear", "log"]))
def test_a_range_starts_and_ends_where_it_says(start, stop, steps, scale):
    values = span(start, stop, steps, scale=scale).values(whole=False)
    assert len(values) == steps
    assert (values[0], values[-1]) == (start, stop)  # exactly: 0.1 must not become 0.10000000000001
    assert all(math.isfinite(v) for v in values)


@pytest.mark.parametrize(
    "fields",
    [
        {"from": 1, "to": 2},
        {"from": 1, "to": 2, "steps": 1},
        {"from": 1, "to": 2, "steps": MAX_STEPS + 1},
        {"from": 1, "to": 2, "steps": 2.5},
        {"from": "1", "to": 2, "steps": 3},
        {"from": math.nan, "to": 2, "steps": 3},
        {"from": 1, "to": math.inf, "steps": 3},
        {"from": 1, "to": 2, "steps": 3, "scale": "cubic"},
        {"from": 1, "to": 2, "steps": 3, "step": 1},
        {"start": 1, "stop": 2, "steps": 3},
    ],
)
def test_a_range_refuses(fields):
    with pytest.raises(ValidationError):
        Range.model_validate(fields)


# axes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axis", "value", "values"),
    [
        (Axis(), "tanh", ["tanh"]),
        (Axis(), ["tanh", "relu"], ["tanh", "relu"]),
        (Axis(), {"name": "elu"}, [{"name": "elu"}]),
        (Axis(whole=True), 3, [3]),
        (Axis(whole=True), 1e3, [1000]),  # as good a count as 1000
        (Axis(whole=True), [2.0, 3], [2, 3]),
        (Axis(whole=True), {"from": 1, "to": 9, "steps": 3}, [1, 5, 9]),
        (Axis(numeric=True), {"from": 1, "to": 9, "steps": 3}, [1.0, 5.0, 9.0]),
        (Axis(nested=True), [4, 5], [[4, 5]]),
        (Axis(nested=True), [[4, 5], [6, 7]], [[4, 5], [6, 7]]),
        (Axis(nested=True), "uniform", ["uniform"]),
        (Axis(nested=True), ["uniform"], ["uniform"]),
        (Axis(nested=True), ["uniform", [6, 7]], ["uniform", [6, 7]]),
        (Axis(nested=True), [0.5, "a"], [[0.5, "a"]]),
        (Axis(nested=True), ["1/3", "2/3"], [["1/3", "2/3"]]),
    ],
)
def test_an_axis_is_read_as_a_list(axis, value, values):
    found = axis.split(value)
    assert found == values
    assert [type(v) for v in found] == [type(v) for v in values]


@pytest.mark.parametrize("axis", [Axis(), Axis(whole=True), Axis(numeric=True), Axis(nested=True)])
def test_an_axis_without_values_is_refused(axis):
    with pytest.raises(PydanticCustomError, match="at least one value"):
        axis.split([])


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (-1, 1), (1, 0), (-2, -1)])
def test_a_logarithmic_range_needs_ends_above_zero(start, stop):
    with pytest.raises(PydanticCustomError, match="above 0"):
        Axis(numeric=True).split({"from": start, "to": stop, "steps": 3, "scale": "log"})


@pytest.mark.parametrize("axis", [Axis(whole=True), Axis(numeric=True)])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_range_as_wide_as_floats_are_is_validated_or_refused(axis, scale):
    # the difference of the ends, and the exponential of the last logarithm, overflow
    largest = 1.7976931348623157e308
    for start in (-largest, 1e-308, largest):
        try:
            axis.split({"from": start, "to": largest, "steps": 7, "scale": scale})
        except (PydanticCustomError, ValidationError):
            continue


# choices ----------------------------------------------------------------------------------------

CHOICE = TypeAdapter(Annotated[object, OneOf(SCHEMES)])


def test_a_choice_is_a_name_or_a_mapping():
    one = CHOICE.validate_python("kaiming_normal")
    assert one == CHOICE.validate_python({"scheme": "kaiming_normal", "mode": "fan_in"})
    assert one.scheme == "kaiming_normal"


@pytest.mark.parametrize("name", ["he", "He-Normal", "KAIMING_NORMAL", "kaiming"])
def test_a_choice_is_kept_under_its_own_name(name):
    assert CHOICE.validate_python(name).scheme == "kaiming_normal"


def test_every_parameter_of_a_choice_is_an_axis():
    chosen = CHOICE.validate_python({"scheme": "normal", "std": [0.1, 0.2], "mean": 1})
    assert (chosen.std, chosen.mean) == ([0.1, 0.2], [1.0])


@pytest.mark.parametrize("gain", [1, 2.5, "auto", "tanh", ["tanh", 2], "ReLU"])
def test_a_gain_is_a_number_a_name_or_auto(gain):
    CHOICE.validate_python({"scheme": "xavier_normal", "gain": gain})


@pytest.mark.parametrize("gain", [0, -1, math.inf, math.nan, True, None, "gelu", "tnah", {}, [[]]])
def test_a_gain_is_nothing_else(gain):
    with pytest.raises(ValidationError):
        CHOICE.validate_python({"scheme": "xavier_normal", "gain": gain})


def test_a_gain_that_no_float_holds_is_refused():
    with pytest.raises(ValidationError):
        CHOICE.validate_python({"scheme": "xavier_normal", "gain": 10**350})


# options of losses: whole numbers, yes or no, and tensors ----------------------------------------

LOSS = TypeAdapter(Annotated[object, OneOf(LOSSES)])
TENSORS = [(r.name, p.name) for r in LOSSES.values() for p in r.parameters if p.kind == "tensor"]


@pytest.mark.parametrize(
    ("blank", "values"),
    [
        (3, [3]),
        (2.0, [2]),  # as good a count as 2
        ([0, 1e3], [0, 1000]),
        ({"from": 0, "to": 4, "steps": 3}, [0, 2, 4]),
        (2**63 - 1, [2**63 - 1]),  # the largest of torch's int64
    ],
)
def test_an_integer_is_a_whole_number(blank, values):
    found = LOSS.validate_python({"name": "ctc", "blank": blank}).blank
    assert found == values
    assert {type(v) for v in found} == {int}


@pytest.mark.parametrize("blank", [-1, 2.5, True, "2", None, [], [[1]], math.nan, 2**63, 1e300])
def test_an_integer_is_nothing_else(blank):
    with pytest.raises(ValidationError):
        LOSS.validate_python({"name": "ctc", "blank": blank})


def test_an_integer_without_bounds_of_its_own_has_those_of_int64():
    for index in (-(2**63), -100, 2**63 - 1):
        chosen = LOSS.validate_python({"name": "nll", "ignore_index": index})
        assert chosen.ignore_index == [index]
    for index in (-(2**63) - 1, 2**63):
        with pytest.raises(ValidationError):
            LOSS.validate_python({"name": "nll", "ignore_index": index})


@pytest.mark.parametrize(("p", "fine"), [(1, True), (2, True), (0, False), (3, False)])
def test_the_bounds_of_an_integer_are_inclusive(p, fine):
    if fine:
        assert LOSS.validate_python({"name": "multi_margin", "p": p}).p == [p]
    else:
        with pytest.raises(ValidationError):
            LOSS.validate_python({"name": "multi_margin", "p": p})


def test_a_flag_is_true_or_false_and_may_be_an_axis():
    assert LOSS.validate_python("kl_div").log_target == [False]
    assert LOSS.validate_python({"name": "kl_div", "log_target": True}).log_target == [True]
    both = LOSS.validate_python({"name": "kl_div", "log_target": [True, False]})
    assert both.log_target == [True, False]


@pytest.mark.parametrize("flag", [0, 1, 1.0, "true", "yes", None, [], {"from": 0, "to": 1}])
def test_a_flag_is_nothing_else(flag):
    with pytest.raises(ValidationError):
        LOSS.validate_python({"name": "kl_div", "log_target": flag})


@pytest.mark.parametrize(("loss", "tensor"), TENSORS)
def test_a_tensor_is_refused_with_the_command_that_takes_it(plan_of, loss, tensor):
    assert not hasattr(LOSS.validate_python(loss), tensor)
    said = f"'{tensor}' is a tensor, which a spec cannot give; initlab loss takes it"
    for fields in ({"loss": {"name": loss, tensor: [1, 2]}}, {tensor: [1, 2]}):
        with pytest.raises(SpecError) as error:
            plan_of(**fields)
        assert [problem.message for problem in error.value.problems] == [said]
