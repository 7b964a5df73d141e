"""Gains: torch's table, and the second-moment gain by quadrature."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, optimize
from torch import nn

from initlab.catalog import ACTIVATIONS, Fans
from initlab.catalog.schemes import table_gain
from initlab.errors import UnknownName
from initlab.theory.gain_table import four_gains
from initlab.theory.gains import scale_of, scheme_of, second_moment
from initlab.theory.moments import Activation, choice_of

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


# all four, by another route ----------------------------------------------------------------------


def mean_of(f, activation, q):
    """E f(phi(x), phi'(x)), x ~ N(0, q): QUADPACK's adaptive rule between the kinks."""
    s = math.sqrt(q)

    def integrand(z):
        h, slope = activation.with_slope(np.array([s * z]))
        return f(h[0], slope[0]) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    ends = sorted({-12.0, 0.0, 12.0, *(k / s for k in activation.kinks if abs(k / s) < 12)})
    parts = [
        integrate.quad(integrand, low, high, epsabs=1e-15, epsrel=1e-13, limit=200)[0]
        for low, high in pairwise(ends)
    ]
    return sum(parts)


def test_gains_of_moments_by_adaptive_quadrature(choice):
    activation, gains = Activation(choice), four_gains(choice)
    second = mean_of(lambda h, _: h * h, activation, 1.0)
    mean = mean_of(lambda h, _: h, activation, 1.0)
    assert gains.second_moment == pytest.approx(second**-0.5, rel=1e-9)
    assert gains.variance == pytest.approx((second - mean * mean) ** -0.5, rel=1e-9)


def test_critical_gains_by_adaptive_quadrature(choice):
    # chi_1 = 1 at q = sigma_w^2 V(q), so V(q) = q D(q): at a root, or at the end where lengths go
    activation, gain = Activation(choice), four_gains(choice).critical

    def excess(ln_q):
        v = mean_of(lambda h, _: h * h, activation, math.exp(ln_q))
        d = mean_of(lambda _, slope: slope * slope, activation, math.exp(ln_q))
        return 1 - v / (math.exp(ln_q) * d)

    d_0 = mean_of(lambda _, slope: slope * slope, activation, 1e-24)
    if gain is None:
        # no root between, and with sigma_w = 1 / phi'(0) a length of 1 leaves 0
        assert len({excess(ln_q) > 0 for ln_q in np.arange(-4.0, 5.0, 1.5)}) == 1
        q = 1.0
        for _ in range(20 if d_0 > 1e-9 else 0):
            q = mean_of(lambda h, _: h * h, activation, q) / d_0
        assert q > 3 or d_0 < 1e-9
        return
    if gain == pytest.approx(d_0**-0.5, rel=1e-6):
        assert gain == pytest.approx(d_0**-0.5, rel=1e-9)  # phi'(0), lengths shrink to 0 or stay
        return
    root = optimize.brentq(excess, 3, 5, xtol=1e-12)  # sigmoids: q is near 46
    d = mean_of(lambda _, slope: slope * slope, activation, math.exp(root))
    assert gain == pytest.approx(d**-0.5, rel=1e-9)


# the name of a scale -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "sigma_w", "name", "parameters"),
    [
        (choice_of("relu"), math.sqrt(2), "kaiming_normal", {"a": 0.0}),
        (choice_of("tanh"), math.sqrt(2), "kaiming_normal", {"a": 0.0}),
        (choice_of("leaky_relu", negative_slope=0.5), math.sqrt(1.6), "kaiming_normal", {"a": 0.5}),
        (choice_of("leaky_relu", negative_slope=0.5), math.sqrt(2), "lecun_normal", {}),
        (choice_of("relu"), 1.4142, "lecun_normal", {"gain": 1.4142}),  # 1e-5 off
        (choice_of("tanh"), 1.0, "lecun_normal", {"gain": 1.0}),
    ],
)
def test_a_scale_is_kaiming_s_where_it_is_his(activation, sigma_w, name, parameters):
    found = scheme_of(activation, sigma_w)
    assert found.name == name
    assert parameters.items() <= found.parameters.items()
    scale, _ = scale_of(found, Fans(100, 7), activation)
    assert scale == pytest.approx(sigma_w / 10, rel=1e-6)  # 1 / sqrt(fan_in), not fan_out
