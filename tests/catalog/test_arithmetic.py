"""Arithmetic as people type it: its values, what it refuses, and that nothing takes long."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from initlab.catalog.arithmetic import (
    CONSTANTS,
    DEEPEST,
    FUNCTIONS,
    LONGEST,
    PATTERN,
    evaluate,
    is_expression,
)

# values by hand, or Python's own arithmetic of the same digits
VALUES = [
    ("5/3", 5 / 3),
    ("sqrt(2)", 1.4142135623730951),
    ("1/sqrt(3)", 0.5773502691896258),
    ("2**0.5", 2**0.5),
    ("pi", 3.141592653589793),
    ("e", 2.718281828459045),
    ("-1/2", -0.5),
    ("+3 - -2", 5),
    ("exp(-1)", 0.36787944117144233),
    ("log(2)", 0.6931471805599453),
    ("log2(8)", 3.0),
    ("log10(1000)", 3.0),
    ("1e-3*2", 0.002),
    ("1E3+.5", 1000.5),
    ("2.*3", 6.0),
    ("(1 + 2) * 3", 9),
    ("1 + 2 * 3", 7),
    ("8/4/2", 1.0),  # from the left
    ("5-3-1", 1),
    ("2**3**2", 512),  # from the right
    ("-2**2", -4),  # the power first
    ("2**-1", 0.5),
    ("(-2)**3", -8),
    ("0**0", 1),
    ("010*1", 10),  # as in YAML 1.2, no octal digits
    ("2**63-1", 2**63 - 1),  # exact, which floats are not
    ("2*pi", 2 * math.pi),
    (" sqrt( 2 ) ", math.sqrt(2)),
    ("exp(-1000)", 0.0),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_values(text, value):
    assert is_expression(text)
    assert (evaluate(text), type(evaluate(text))) == (value, type(value))
    assert re.search(PATTERN, text)


REFUSED = [
    ("1/0", "it divides by zero"),
    ("0**-1", "it divides by zero"),
    ("1/(2-2.0)", "it divides by zero"),
    ("exp(1000)", "exp(1000) is beyond float64"),
    ("9**9**9", "9**3.8742e+08 is beyond float64"),
    ("1e308*10", "it is beyond float64"),
    ("1e400*0", "it is beyond float64"),  # no nan
    ("sqrt(-1)", "sqrt(-1) is no finite real number"),
    ("log(0)", "log(0) is no finite real number"),
    ("(-8)**(1/3)", "(-8)**0.333333 is no real number"),
    ("srqt(2)", "'srqt' is not known; did you mean sqrt?"),
    ("2*x", "'x' is not known; known: sqrt, exp, log, log2, log10, pi, e"),
    ("2^3", "'^' is not known; ** is the power"),
    ("7//2", "'//' is not known; / divides"),
    ("7%2", "'%' is not known; there is no remainder"),
    ("sqrt 2", "sqrt needs its argument in brackets: sqrt(2)"),
    ("2(3)", "'(' is not expected there"),
    ("(1+2", "a bracket is not closed"),
    ("1+2)", "')' is not expected there"),
    ("1+", "it ends too early"),
    ("2*/3", "a number is needed before '/'"),
    ("sqrt()", "a number is needed before ')'"),
    ("1,5*2", "',' is no part of a number"),
    ("0x10*2", "'x10' is not expected there"),
    ("1_0*2", "'_0' is not expected there"),
    ("2*\u0663", "'\u0663' is no part of a number"),  # another alphabet's three
    ("1j*2", "'j' is not expected there"),
    ("(" * 30 + "1" + ")" * 30, f"more than {DEEPEST} brackets or powers within each other"),
    ("**".join("1" * 30), f"more than {DEEPEST} brackets or powers within each other"),
    ("+".join("1" * 60), f"longer than {LONGEST} characters"),
]


@pytest.mark.parametrize(("text", "problem"), REFUSED)
def test_what_is_refused_says_why(text, problem):
    assert is_expression(text)
    with pytest.raises(ValueError, match=re.escape(problem)):
        evaluate(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "5", "-1e3", "+.5", "3.", "x", "half", "leaky-relu", "relu_6", "tanh", "3 4", "1a",
     "-", "nan", "inf", "-inf", "1e400", "auto", "piecewise", "expm1"],
)  # fmt: skip
def test_plain_numbers_and_words_are_no_expressions(text):
    # a number in quotes is told to leave them out, a word is told what is near
    assert not is_expression(text)
    assert not re.search(PATTERN, text)


LETTERS = [*"0123456789.eE+-*/() ", "**", *FUNCTIONS, *CONSTANTS, "sqrt(", "x", "^"]
texts = st.lists(st.sampled_from(LETTERS), max_size=30).map("".join)


@given(texts | st.text(max_size=20))
@example("9" * 20 + "**" + "9" * 70)
@example("**".join(["9"] * 19))
def test_any_text_is_a_finite_number_or_refused(text):
    try:
        value = evaluate(text)
    except ValueError:
        return
    assert math.isfinite(value)
    assert len(str(value)) < 40
    if is_expression(text) and "\n" not in text:
        assert re.search(PATTERN, text.strip())


number = st.integers(0, 99).map(float).map(repr) | st.floats(0, 1e6).map(repr)
operations = st.sampled_from([*"+-*/", "**"])
sums = st.recursive(
    number,
    lambda inner: (
        st.tuples(inner, operations, inner).map("".join).map("({})".format)
        | inner.map("-{}".format)
    ),
    max_leaves=6,
)


@given(sums)
def test_values_are_python_s(text):
    # an independent reader of the same grammar; the test may do what the package must not
    try:
        value = evaluate(text)
    except ValueError:
        return
    expected = eval(text, {"__builtins__": {}})  # noqa: S307
    assert value == pytest.approx(expected, rel=1e-15, abs=0)
