"""Numbers as text, at the borders where their form changes."""

import math

import pytest

from initlab.formatting import (
    around_one,
    brief,
    layer_count,
    markdown_text,
    short,
    six_digits,
    times,
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.386e22, "1.39e22"),
        (5.9e-16, "5.9e-16"),
        (1e-5, "1e-5"),
        (0.6543, "0.654"),
        (12345.0, "1.23e4"),
        (math.inf, "inf"),
        (0.0, "0"),
        (1e100, "1e100"),
        (1e-100, "1e-100"),
    ],
)
def test_numbers_are_short(number, text):
    assert short(number, 3) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.87, "x 0.87"), (1.5e4, "x 1.5e4"), (3e-11, "x 3e-11"), (999.0, "x 999")]
)
def test_factors(ratio, text):
    assert times(ratio) == text


@pytest.mark.parametrize(
    ("function", "number", "text"),
    [
        (brief, 0.64449, "0.644"),
        (brief, 999.4, "999"),
        (brief, 1234.0, "1.2e3"),
        (brief, 0.00055, "0.00055"),
        (around_one, 1.2099, "1.210"),
        (around_one, 0.001, "0.001"),
        (around_one, 1000.0, "1e3"),
        (layer_count, 72.6, "73"),
        (layer_count, 10.0, "10"),
        (layer_count, 9.96, "10"),
        (layer_count, 4.24, "4.2"),
        (six_digits, 1 / 3, "0.333333"),
        (six_digits, None, ""),
        (six_digits, 7, "7"),
        (six_digits, "tanh", "tanh"),
    ],
)
def test_each_form(function, number, text):
    assert function(number) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("kaiming_normal", "kaiming_normal"),  # no emphasis begins within a word
        ("_Loss", "\\_Loss"),
        ("x_ y", "x\\_ y"),
        ("a * b ~ c", "a \\* b \\~ c"),
        ("[0] <- `x` | y\\z", "\\[0\\] \\<- \\`x\\` \\| y\\\\z"),
        ("a & b &lt;", "a & b \\&lt;"),
        ("<img src=x>[a](b:c)", "\\<img src=x\\>\\[a\\](b:c)"),
    ],
)
def test_markdown_sees_text_as_text(text, escaped):
    assert markdown_text(text) == escaped
