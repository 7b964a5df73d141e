"""Gains: torch's table, and the second-moment gain by quadrature."""

import math

import pytest
from torch import nn

from initlab.catalog import ACTIVATIONS
from initlab.catalog.schemes import table_gain
from initlab.errors import UnknownName
from initlab.theory.gains import second_moment

# torch's own names, where they differ
TORCH = {"identity": "linear"}
TABLE = [name for name, record in ACTIVATIONS.items() if record.table_gain]


def test_the_table_has_the_activations_that_torch_s_has():
    # torch also lists convolutions, under one gain with "linear"
    known = {"linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"}
    assert {TORCH.get(name, name) for name in TABLE} == known


@pytest.mark.parametrize("name", TABLE)
def test_table_gains_are_torch_s(name):
    assert table_gain(name, {}) == nn.init.calculate_gain(TORCH.get(name, name))


@pytest.mark.parametrize("slope", [0.0, 0.2, -0.5, 1.0, 5**0.5])
def test_the_gain_of_leaky_relu_takes_its_slope(slope):
    ours = table_gain("leaky_relu", {"negative_slope": slope})
    assert ours == pytest.approx(nn.init.calculate_gain("leaky_relu", slope), rel=1e-15)


def test_an_activation_without_an_entry_is_refused():
    with pytest.raises(ValueError, match="no entry for gelu"):
        table_gain("gelu", {})


@pytest.mark.parametrize(
    ("name", "parameters", "gain"),
    [
        ("identity", {}, 1.0),
        ("relu", {}, math.sqrt(2)),  # E max(0, z)^2 = 1/2
        ("leaky_relu", {"negative_slope": 0.5}, math.sqrt(2 / 1.25)),
        ("relu_squared", {}, math.sqrt(2 / 3)),  # E max(0, z)^4 = 3/2
        ("selu", {}, 1.0),  # Klambauer et al. 2017: a fixed point
        ("sin", {}, math.sqrt(2 / (1 - math.exp(-2)))),
        ("erf", {}, math.sqrt(math.pi / 2 / math.asin(2 / 3))),  # Williams 1997 at q = 1
    ],
)
def test_second_moment_gains_by_closed_form(name, parameters, gain):
    assert second_moment(name, parameters) == pytest.approx(gain, rel=1e-12)


def test_second_moment_gain_of_tanh():
    # published to 9 digits; tanh has mean 0, so this is the variance gain too
    assert second_moment("tanh") == pytest.approx(1.592537420, abs=1e-9)


def test_aliases_and_defaults():
    assert second_moment("swish") == second_moment("silu")
    assert second_moment("leaky_relu") == second_moment("leaky_relu", {"negative_slope": 0.01})


def test_a_name_that_is_no_activation_is_refused():
    with pytest.raises(UnknownName, match="tahn"):
        second_moment("tahn")


def test_an_activation_that_is_nearly_always_zero_has_no_gain():
    # hardtanh between 0 and the least number: its square underflows to 0
    with pytest.raises(ValueError, match="no gain makes up for it"):
        second_moment("hardtanh", {"min_val": 0.0, "max_val": 1e-320})
