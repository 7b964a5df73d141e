"""Rows of floats as text: character by character what Python writes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from initlab.store import floats
from initlab.store.floats import row_texts

#: where Python changes from digits to an exponent and back, to exponents of one digit, and the ends
EDGES = [
    0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1e-10, 9.999999999999999e-10, 1e-9, 1.5e-6, 1e-6,
    9.999999999999999e-06, 1e-5, 1.5e-5, 9.999999999999999e-05, 1e-4, 0.1, 1.0, 123456.0, 1e15,
    9007199254740993.0, 9999999999999998.0, 1e16, 1.2345678901234568e17, 1e21, 1e22, 1e100,
    1.7976931348623157e308, math.inf, math.nan,
]  # fmt: skip


@pytest.fixture(params=[True, False], ids=["exponents alike", "exponents by repr"])
def _exponents(request, monkeypatch):
    """As the writer of JSON has exponents here, and as if it had them otherwise."""
    monkeypatch.setattr(floats, "EXPONENTS_ALIKE", request.param and floats.EXPONENTS_ALIKE)


@pytest.mark.usefixtures("_exponents")
def test_a_million_bit_patterns_are_written_as_repr_does():
    bits = np.random.default_rng(0).integers(0, 2**64, 1_000_000, dtype=np.uint64)
    numbers = bits.view(np.float64)
    small = 10.0 ** np.random.default_rng(1).uniform(-11, 17, 200_000)  # where notations change
    for rows in (numbers.reshape(-1, 10), small.reshape(-1, 8)):
        assert row_texts(rows) == [",".join(map(repr, row)) for row in rows.tolist()]


@pytest.mark.usefixtures("_exponents")
def test_the_edges_of_every_notation():
    rows = np.array([EDGES, [-number for number in EDGES]])
    assert row_texts(rows) == [",".join(map(repr, row)) for row in rows.tolist()]


@given(st.lists(st.lists(st.floats(), min_size=3, max_size=3), min_size=1))
def test_any_rows(rows):
    assert row_texts(np.array(rows)) == [",".join(map(repr, row)) for row in rows]


def test_nan_may_be_another_word_and_infinity_is_not_nan():
    rows = np.array([[math.nan, 1.0], [-math.inf, math.nan]])
    assert row_texts(rows, nan="") == [",1.0", "-inf,"]
    assert row_texts(rows[:, :1], nan="") == ["", "-inf"]
