"""Expectations over a standard normal variable, against closed forms and adaptive quadrature."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special

from initlab.catalog import ACTIVATIONS
from initlab.theory.quadrature import expectation

N = special.ndtr  # the normal distribution function
# the rule is 1e-12; what is left is the rounding of some 800 terms
EXACT = 1e-13


def phi(name, **parameters):
    record = ACTIVATIONS[name]
    chosen = {**record.defaults, **parameters}
    bound = record.bind(chosen)
    return lambda z: bound(torch.from_numpy(np.asarray(z))).numpy(), record.kinks(chosen)


def moment(name, power, scale=1.0, **parameters):
    """E phi(scale z)^power."""
    function, kinks = phi(name, **parameters)
    return expectation(lambda z: function(scale * z) ** power, [k / scale for k in kinks])


@pytest.mark.parametrize(("power", "value"), [(0, 1), (1, 0), (2, 1), (3, 0), (4, 3), (10, 945)])
def test_moments_of_the_normal(power, value):  # (n - 1)!! for even n
    assert expectation(lambda z: z**power) == pytest.approx(value, rel=EXACT, abs=EXACT)


@given(st.floats(-3, 3))
def test_exponentials(t):
    # E e^(t z) = e^(t^2 / 2)
    assert expectation(lambda z: np.exp(t * z)) == pytest.approx(math.exp(t * t / 2), rel=1e-12)


@given(st.floats(-5, 5))
def test_a_step_anywhere(at):
    step = expectation(lambda z: (z > at) * 1.0, [at])
    assert step == pytest.approx(float(N(-at)), rel=1e-12)


SCALES = [0.1, 0.7, 1.0, 3.0]  # sqrt(q) of the pre-activation


@pytest.mark.parametrize("s", SCALES)
def test_relu(s):
    # Cho & Saul 2009: V = q / 2; E = sqrt(q / 2 pi)
    assert moment("relu", 2, s) == pytest.approx(s * s / 2, rel=EXACT)
    assert moment("relu", 1, s) == pytest.approx(s / math.sqrt(2 * math.pi), rel=EXACT)


@pytest.mark.parametrize("a", [0.01, 0.3, -0.5, 2.0])
def test_leaky_relu(a):
    # half of each side: (1 + a^2) / 2
    assert moment("leaky_relu", 2, negative_slope=a) == pytest.approx((1 + a * a) / 2, rel=EXACT)


@pytest.mark.parametrize("s", SCALES)
def test_relu_squared(s):
    # half of E (s z)^4 = 3 q^2
    assert moment("relu_squared", 2, s) == pytest.approx(1.5 * s**4, rel=EXACT)


@pytest.mark.parametrize("s", SCALES)
def test_sin(s):
    # sin^2 x = (1 - cos 2x) / 2 and E cos(t z) = e^(-t^2 / 2)
    assert moment("sin", 2, s) == pytest.approx((1 - math.exp(-2 * s * s)) / 2, rel=EXACT)


@pytest.mark.parametrize("s", SCALES)
def test_erf(s):
    # Williams 1997: (2 / pi) asin(2q / (1 + 2q))
    q = s * s
    expected = 2 / math.pi * math.asin(2 * q / (1 + 2 * q))
    assert moment("erf", 2, s) == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("s", SCALES)
def test_elu(s):
    # by completing the square under int_-inf^0 (e^(s z) - 1)^2 n(z) dz
    q = s * s
    negative = math.exp(2 * q) * N(-2 * s) - 2 * math.exp(q / 2) * N(-s) + 0.5
    assert moment("elu", 2, s) == pytest.approx(q / 2 + negative, rel=1e-12)


@pytest.mark.parametrize("s", SCALES)
def test_gelu(s):
    # Tsuchida et al. 2021
    q = s * s
    expected = q / 4 + q / (2 * math.pi) * math.asin(q / (1 + q))
    expected += q * q / (math.pi * (1 + q) * math.sqrt(1 + 2 * q))
    assert moment("gelu", 2, s) == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("s", SCALES)
def test_hardtanh(s):
    # q P(|z| < 1/s) less the tails' share by parts, plus 1 beyond
    inside = math.erf(1 / (s * math.sqrt(2)))
    density = math.exp(-0.5 / (s * s)) / math.sqrt(2 * math.pi)
    expected = s * s * (inside - 2 / s * density) + 1 - inside
    assert moment("hardtanh", 2, s) == pytest.approx(expected, rel=EXACT)


def test_selu_is_at_its_fixed_point():
    # Klambauer et al. 2017: mean 0 and variance 1 are kept; their constants have 16 digits
    assert moment("selu", 1) == pytest.approx(0, abs=1e-12)
    assert moment("selu", 2) == pytest.approx(1, rel=1e-12)


PARAMETERS = [(name, {}) for name in ACTIVATIONS] + [
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {"alpha": 2.5}),
    ("celu", {"alpha": 0.3}),
    ("softplus", {"beta": 4.0}),
    ("hardtanh", {"min_val": -0.3, "max_val": 2.2}),
    ("hardtanh", {"min_val": -20.0, "max_val": 15.0}),  # kinks out of reach
]


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize(("name", "parameters"), PARAMETERS, ids=str)
def test_every_activation_against_adaptive_quadrature(name, parameters, power):
    function, kinks = phi(name, **parameters)

    def integrand(z):
        value = function(np.array([z]))[0]
        return value**power * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    edges = sorted({-12.0, -4.0, 0.0, 4.0, 12.0, *(k for k in kinks if abs(k) < 12)})
    pieces = [
        integrate.quad(integrand, *piece, epsabs=1e-14, epsrel=1e-13)[0]
        for piece in pairwise(edges)
    ]
    expected = math.fsum(pieces)
    got = moment(name, power, **parameters)
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-12)
