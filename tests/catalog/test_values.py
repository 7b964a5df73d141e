"""Values of parameters as users type them: numbers, expressions, other names of a choice."""

import math

import pytest

from initlab.catalog import ACTIVATIONS, SCHEMES, Parameter
from initlab.catalog.values import NotEvaluated, parse, to_number

NONLINEARITY = next(p for p in SCHEMES["he"].parameters if p.name == "nonlinearity")
SLOPE = ACTIVATIONS["leaky_relu"].parameters[0]


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.5", 0.5), (" 1e-3 ", 1e-3), ("-inf", -math.inf), ("5/3", 5 / 3), ("sqrt(2)", 2**0.5)],
)
def test_a_text_is_a_number_or_an_expression(text, number):
    assert to_number(text) == number


@pytest.mark.parametrize("text", ["", "x", "1_0", "1,5", "\u0663", "3 4"])
def test_other_texts_are_no_numbers(text):
    with pytest.raises(ValueError, match=r"could not convert|no number") as error:
        to_number(text)
    assert not isinstance(error.value, NotEvaluated)


def test_an_expression_without_a_value_says_why():
    with pytest.raises(NotEvaluated, match="it divides by zero"):
        to_number("1/0")
    with pytest.raises(ValueError, match="needs a finite number, got 1/0: it divides by zero"):
        parse(SLOPE, "1/0")


def test_an_expression_is_held_to_its_parameter():
    assert parse(SLOPE, "1/4") == 0.25
    with pytest.raises(ValueError, match=r"of at most 1000000\.0, got 1e\+07"):
        parse(SLOPE, "10**7")
    whole = Parameter("steps", "how many", 1, kind="integer", minimum=0)
    assert parse(whole, "2**3") == 8
    with pytest.raises(ValueError, match="needs a whole number, got 5/3"):
        parse(whole, "5/3")


def test_a_choice_has_its_other_names():
    assert parse(NONLINEARITY, "linear") == "identity"
    assert parse(NONLINEARITY, "relu") == "relu"
    with pytest.raises(ValueError, match="needs one of identity, sigmoid"):
        parse(NONLINEARITY, "gelu")
