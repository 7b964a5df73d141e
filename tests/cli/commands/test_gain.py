"""`initlab gain`: the four gains of an activation."""

import json

import pytest
from commands import initlab, printed

from initlab.catalog import ACTIVATIONS


def test_the_four_gains_of_tanh():
    (row,) = printed(initlab("gain", "tanh"))
    assert list(row) == ["activation", "table", "second_moment", "variance", "critical"]
    # torch's convention; 1/sqrt(E tanh^2) to 9 published digits, twice, as tanh is odd; 1/tanh'(0)
    assert row["activation"] == "tanh"
    assert float(row["table"]) == 5 / 3
    assert float(row["second_moment"]) == pytest.approx(1.592537420, abs=1e-9)
    assert float(row["variance"]) == pytest.approx(1.592537420, abs=1e-9)
    assert float(row["critical"]) == pytest.approx(1, abs=1e-12)


def test_gains_that_torch_or_nobody_has_are_empty():
    (row,) = printed(initlab("gain", "gelu"))
    assert (row["table"], row["critical"]) == ("", "")
    (found,) = json.loads(initlab("gain", "gelu", "--format", "json").stdout)
    assert found["table"] is found["critical"] is None


def test_gains_of_everything():
    assert [row["activation"] for row in printed(initlab("gain"))] == list(ACTIVATIONS)


def test_a_parameter_goes_to_those_that_have_it():
    relu, leaky = printed(initlab("gain", "relu", "leaky_relu", "--param", "negative_slope=1"))
    assert float(relu["second_moment"]) == pytest.approx(2**0.5)
    assert float(leaky["second_moment"]) == pytest.approx(1)  # max(0, z) + min(0, z) = z


def test_a_table_says_what_each_gain_is_for():
    done = initlab("gain", "tanh", "--format", "table")
    assert "second_moment" in done.stdout
    assert "keeps pre-activations at variance 1" in done.stderr
