"""Moments and kernels of activations, against closed forms, adaptive quadrature and simulation."""

import math
from itertools import pairwise

import mpmath
import numpy as np
import pytest
import torch
from scipy import integrate
from scipy.special import ndtr

from initlab.catalog import ACTIVATIONS
from initlab.theory.curves import curves_of
from initlab.theory.moments import Activation, choice_of

QS = np.array([1e-6, 0.01, 0.3, 1.0, 2.7, 50.0, 1e6])
CS = [-1.0, -0.7, -1e-3, 0.0, 0.2, 0.9, 0.9999, 1.0]


def density(z):
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def closed(name, **parameters):
    """{q: (V, D)} by the quadrature under test."""
    m = Activation(choice_of(name, **parameters)).moments(QS)
    return zip(QS.tolist(), m.second.tolist(), m.slope.tolist(), strict=True)


# closed forms of V(q) and D(q) -------------------------------------------------------------------


@pytest.mark.parametrize("a", [0.0, 0.01, 0.3, -0.5])
def test_leaky_relu(a):
    # He et al. 2015, eq. 14: half of each side
    for q, v, d in closed("leaky_relu", negative_slope=a):
        assert v == pytest.approx(q * (1 + a * a) / 2, rel=1e-12)
        assert d == pytest.approx((1 + a * a) / 2, rel=1e-12)


def test_erf():
    # Williams 1997; D by differentiating the kernel
    for q, v, d in closed("erf"):
        assert v == pytest.approx(2 / math.pi * math.asin(2 * q / (1 + 2 * q)), rel=1e-12)
        assert d == pytest.approx(4 / math.pi / math.sqrt(1 + 4 * q), rel=1e-12)


def test_sin():
    # sin^2 = (1 - cos 2x) / 2, cos^2 = (1 + cos 2x) / 2, E cos(t x) = e^(-t^2 q / 2)
    for q, v, d in closed("sin"):
        if q <= 50:  # at 1e6 there are 700,000 oscillations
            assert v == pytest.approx(-math.expm1(-2 * q) / 2, rel=1e-12)
            assert d == pytest.approx((1 + math.exp(-2 * q)) / 2, rel=1e-12)


def test_hardtanh():
    # by parts on [-1, 1], and 1 beyond; the slope is 1 inside
    for q, v, d in closed("hardtanh"):
        s = math.sqrt(q)
        inside = math.erf(1 / math.sqrt(2 * q))
        expected = q * (inside - 2 / s * density(1 / s)) + math.erfc(1 / math.sqrt(2 * q))
        # for wide normals q (P - 2 n / s) cancels: it is E x^2 on a hairline, 2 n(0) / (3 s)
        assert v == pytest.approx(expected, rel=1e-12 if q < 100 else 1e-8)
        assert d == pytest.approx(inside, rel=1e-12)


def test_elu():
    # by completing the square; near 0 the terms cancel to q, far out e^(2q) overflows
    for q, v, d in closed("elu"):
        if 0.1 < q <= 50:
            s = math.sqrt(q)
            tail = math.exp(2 * q) * ndtr(-2 * s)
            expected = q / 2 + tail - 2 * math.exp(q / 2) * ndtr(-s) + 0.5
            assert v == pytest.approx(expected, rel=1e-12)
            assert d == pytest.approx(0.5 + tail, rel=1e-12)


def test_gelu():
    # Tsuchida et al. 2021; D by differentiating V's kernel
    for q, v, d in closed("gelu"):
        turn = math.asin(q / (1 + q))
        expected_v = q / 4 + q / (2 * math.pi) * turn
        expected_v += q * q / (math.pi * (1 + q) * math.sqrt(1 + 2 * q))
        expected_d = 0.25 + turn / (2 * math.pi)
        expected_d += q * (3 + 5 * q) / (2 * math.pi * (1 + q) * (1 + 2 * q) ** 1.5)
        assert v == pytest.approx(expected_v, rel=1e-12)
        assert d == pytest.approx(expected_d, rel=1e-12)


# any activation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [0.04, 1.0, 30.0])
def test_every_moment_by_simpson_s_rule(choice, q):
    # 20,001 points between any two kinks, where everything is smooth: good to 1e-11
    activation, s = Activation(choice), math.sqrt(q)
    kinks = [kink / s for kink in activation.kinks if abs(kink) < 12 * s]
    expected = np.zeros(5)
    for low, high in pairwise(sorted([-12.0, -1.0, 1.0, 12.0, *kinks])):
        x = s * np.linspace(low, high, 20_001)
        # slopes at an end that is a kink, from within
        inside = np.clip(x, x[0] + 1e-13 * s, x[-1] - 1e-13 * s)
        (h, _), (_, slope) = activation.with_slope(x), activation.with_slope(inside)
        integrands = np.stack([h * h, slope * slope, h, x * h * slope, h * h * slope * slope])
        weight = np.exp(-((x / s) ** 2) / 2) / math.sqrt(2 * math.pi)
        expected += integrate.simpson(integrands * weight, x=x / s)
    second, slope, mean, variance, *others = activation.moments(np.array([q]))
    got = [float(moment[0]) for moment in (second, slope, mean, *others)]
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-11)
    assert float(variance[0]) == pytest.approx(expected[0] - expected[2] ** 2, rel=1e-7)


@pytest.mark.parametrize(
    ("name", "parameters", "exact"),
    [
        ("sigmoid", {}, lambda x: 1 / (1 + mpmath.exp(-x))),
        ("softplus", {}, lambda x: mpmath.log(1 + mpmath.exp(x))),
        ("softplus", {"beta": 1e-4}, lambda x: mpmath.log(1 + mpmath.exp(x / 10_000)) * 10_000),
    ],
)
@pytest.mark.parametrize("ln_q", [-30.0, -24.9, -13.35, -7.8, 1.45])
def test_variances_of_what_is_nearly_constant(name, parameters, exact, ln_q):
    # by mpmath at 40 digits: V - E^2 has few left in float64
    with mpmath.workdps(40):
        s = mpmath.exp(mpmath.mpf(ln_q) / 2)
        first, second = (
            mpmath.quad(lambda z, p=p: exact(s * z) ** p * mpmath.npdf(z), [-12, -3, 0, 3, 12])
            for p in (1, 2)
        )
        expected = float(mpmath.sqrt(second - first**2))
    std = curves_of(choice_of(name, **parameters)).at(np.array(ln_q)).std
    assert float(std) == pytest.approx(expected, rel=1e-8)


def test_growth_is_the_slope_of_the_length_map(choice):
    # E x phi phi' = q dV/dq by parts, also for activations with kinks; here as a difference
    activation, q, step = Activation(choice), 0.8, 1e-4
    low, high = activation.moments(np.array([q * (1 - step), q * (1 + step)])).second
    growth = activation.moments(np.array([q])).growth[0]
    assert growth == pytest.approx((high - low) / (2 * step), rel=1e-6)


def test_what_quadrature_cannot_resolve_is_nan():
    # sin over a normal of std 1e9: hundreds of millions of oscillations
    assert np.isnan(Activation(choice_of("sin")).moments(np.array([1e18])).second[0])


# kernels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", CS)
def test_the_arc_cosine_kernel(c):
    # Cho & Saul 2009, degree 1 and its derivative, degree 0; theta = acos c
    t, q = math.acos(c), 1.7
    value, slope = (Activation(choice_of("relu")).kernel(q, c, slope=s) for s in (False, True))
    expected = q * (math.sin(t) + (math.pi - t) * math.cos(t)) / (2 * math.pi)
    assert value == pytest.approx(expected, abs=1e-13)
    assert slope == pytest.approx((math.pi - t) / (2 * math.pi), abs=1e-13)


@pytest.mark.parametrize("c", CS)
@pytest.mark.parametrize("q", [0.05, 1.0, 20.0])
def test_the_erf_kernel(q, c):
    # Williams 1997: (2/pi) asin(2k / (1 + 2q)); its derivative by k
    value, slope = (Activation(choice_of("erf")).kernel(q, c, slope=s) for s in (False, True))
    k = q * c
    assert value == pytest.approx(2 / math.pi * math.asin(2 * k / (1 + 2 * q)), abs=1e-12)
    expected = 4 / math.pi / math.sqrt((1 + 2 * q) ** 2 - 4 * k * k)
    assert slope == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("c", CS)
def test_the_sine_kernel(c):
    q = 0.9
    value, slope = (Activation(choice_of("sin")).kernel(q, c, slope=s) for s in (False, True))
    assert value == pytest.approx(math.exp(-q) * math.sinh(q * c), abs=1e-13)
    assert slope == pytest.approx(math.exp(-q) * math.cosh(q * c), rel=1e-12)


def test_every_kernel_and_its_slope_by_series_and_by_simulation(choice):
    activation, q, c, rng = Activation(choice), 1.3, 0.8, np.random.default_rng(7)
    size = activation.moments(np.array([q])).second[0]
    value, slope = activation.kernel(q, c), activation.kernel(q, c, slope=True)
    # Mehler's series is another route to the same number, and term by term to its derivative by c;
    # 512 terms of c^k <= 0.8^k leave 1e-47
    shares, k = activation.series(np.array([q]), 512)[0], np.arange(512)
    assert value == pytest.approx(shares @ c**k, abs=1e-12 * size)
    assert q * slope == pytest.approx(shares[1:] @ (k[1:] * c ** k[:-1]), abs=1e-11 * size)
    assert activation.kernel(q, -0.6) == pytest.approx(shares @ (-0.6) ** k, abs=1e-12 * size)
    x, other = rng.standard_normal((2, 100_000)) * math.sqrt(q)
    y = c * x + math.sqrt(1 - c * c) * other
    for f, found in ((activation.values, value), (activation.slopes, slope)):
        products = f(x) * f(y)
        assert abs(found - products.mean()) < 5 * products.std() / math.sqrt(len(x)) + 1e-12


@pytest.mark.parametrize("name", ["tanh", "erf", "sin", "gelu", "silu", "softplus", "mish"])
@pytest.mark.parametrize("c", [-0.4, 0.7])
def test_slopes_of_kernels_by_autograd(name, c):
    # d/dc of E phi(x) phi(c x + sqrt(1 - c^2) y) on a Gauss-Hermite grid, by torch; these
    # activations are smooth enough for 100 nodes at q = 1
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(100))
    weights = torch.outer(weights, weights) / weights.sum() ** 2
    x, y = torch.meshgrid(nodes, nodes, indexing="ij")
    choice = choice_of(name)
    phi = ACTIVATIONS[name].bind(choice.parameters)
    correlation = torch.tensor(c, dtype=torch.float64, requires_grad=True)
    kernel = (weights * phi(x) * phi(correlation * x + (1 - correlation**2).sqrt() * y)).sum()
    kernel.backward()
    activation = Activation(choice)
    assert activation.kernel(1.0, c) == pytest.approx(kernel.item(), rel=1e-8)
    slope = activation.kernel(1.0, c, slope=True)
    assert slope == pytest.approx(correlation.grad.item(), rel=1e-7)


@pytest.mark.parametrize("omega", [0.1, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("s", [0.3, 1.0, 8.0, 500.0])
def test_moments_of_a_sine_of_any_frequency_in_closed_form(omega, s):
    # sin^2 = (1 - cos 2x) / 2 and E cos(t x) = e^(-t^2 q / 2), with s = omega^2 q; for a pair,
    # E sin(omega x1) sin(omega x2) = e^(-s) sinh(s c)
    q = s / omega**2
    activation = Activation(choice_of("sin", omega=omega))
    m = activation.moments(np.array([q]))
    assert m.second[0] == pytest.approx((1 - math.exp(-2 * s)) / 2, rel=1e-12)
    assert m.slope[0] == pytest.approx(omega**2 * (1 + math.exp(-2 * s)) / 2, rel=1e-12)
    assert abs(m.mean[0]) < 1e-15
    if s < 10:
        expected = math.exp(-s) * math.sinh(0.3 * s)
        assert activation.kernel(q, 0.3) == pytest.approx(expected, rel=1e-12)
