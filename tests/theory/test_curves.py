"""Interpolated moments against quadrature, and the correlation map against kernels."""

import math

import numpy as np
import pytest

from initlab.theory.curves import CorrelationMap, Curves, curves_of
from initlab.theory.moments import choice_of

LN_Q = np.array([-19.3, -6.01, -1.0, -0.123, 0.0, 0.77, 2.5, 5.999])


def test_curves_are_quadrature_s(choice):
    curves = curves_of(choice)
    point, m = curves.at(LN_Q), curves.activation.moments(np.exp(LN_Q))
    # the interpolation is good to 1e-11 of smooth numbers of order one
    np.testing.assert_allclose(np.exp(point.ln_v), m.second, rtol=1e-10)
    np.testing.assert_allclose(np.exp(point.ln_d), m.slope, rtol=1e-10)
    np.testing.assert_allclose(point.growth, m.growth / m.second, atol=1e-10)
    np.testing.assert_allclose(point.overlap, m.overlap / m.second / m.slope, rtol=1e-9)
    # torch.std is centred: sqrt(V - E^2), not the rms
    np.testing.assert_allclose(point.std, np.sqrt(m.variance), rtol=1e-9)
    np.testing.assert_allclose(point.std, np.sqrt(m.second - m.mean**2), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "slope"), [("sigmoid", 0.25), ("softplus", 0.5), ("logsigmoid", 0.5)]
)
def test_the_std_of_what_is_nearly_constant(name, slope):
    # phi(x) = phi(0) + phi'(0) x, whose variance is lost in V - E^2 from q = 1e-12 on
    ln_q = np.array([-60.0, -33.3, -25.0])
    std = curves_of(choice_of(name)).at(ln_q).std
    np.testing.assert_allclose(std, slope * np.exp(ln_q / 2), rtol=1e-9)


def test_shapes_and_order_of_requests_do_not_matter():
    forward, backward = (Curves(curves_of(choice_of("gelu")).activation) for _ in range(2))
    grid = LN_Q.reshape(2, 4)
    one_by_one = [backward.at(np.array(x)).ln_v.item() for x in reversed(LN_Q.tolist())]
    assert forward.at(grid).ln_v.ravel().tolist() == one_by_one[::-1]


@pytest.mark.parametrize(("name", "power"), [("relu", 1), ("relu_squared", 2), ("tanh", 0)])
def test_far_out_an_activation_is_a_power(name, power):
    # V of max(0, x)^p goes as q^p, of tanh it is 1: ln V is a straight line beyond |ln q| = 100
    point = curves_of(choice_of(name)).at(np.array([99.0, 400.0]))
    assert point.ln_v[1] - point.ln_v[0] == pytest.approx(power * 301, abs=1e-8)


def test_without_a_scale_one_unit_of_ln_q_tells_all():
    # of a leaky ReLU all moments are powers of q
    curves = Curves(curves_of(choice_of("leaky_relu")).activation)
    far, near = curves.at(np.array([-90.0, 77.7])), curves.at(np.zeros(1))
    np.testing.assert_allclose(far.ln_v, near.ln_v + np.array([-90.0, 77.7]), atol=1e-11)
    np.testing.assert_allclose(far.std, near.std * np.exp([-45.0, 38.85]), rtol=1e-11)
    np.testing.assert_allclose(far.ln_d, np.full(2, near.ln_d[0]), atol=1e-11)


@pytest.mark.parametrize("ln_q", [-97.3, -55.1, -30.1, 30.1, 44.4, 59.2, 95.0])
def test_straight_lines_are_quadrature_s(choice, ln_q):
    # far out, where no unit is made any more: the same digits, if quadrature can resolve it at all
    point, m = (
        curves_of(choice).at(np.array([ln_q])),
        curves_of(choice).activation.moments(np.exp([ln_q])),
    )
    known = np.isfinite(m.second) & (m.second > 1e-150) & np.isfinite(point.ln_v)
    np.testing.assert_allclose(point.ln_v[known], np.log(m.second[known]), atol=1e-10)
    np.testing.assert_allclose(point.growth[known], (m.growth / m.second)[known], atol=1e-10)


def kernel(activation, q, c):
    """K(q, c) and dK/dc: at c = 1 by quadrature, else by a series; 0.9^512 = 4e-24 ends it.

    test_moments.py holds that series to quadrature, which takes a second where it takes 20 ms.
    """
    if c == 1:
        return activation.kernel(q, c), q * activation.kernel(q, c, slope=True)
    k, shares = np.arange(512.0), activation.series(np.array([q]), 512)[0]
    return shares @ c**k, shares[1:] @ (k[1:] * c ** k[:-1])


@pytest.mark.parametrize("c", [-0.6, 0.9, 1.0])
def test_the_correlation_map_is_the_kernel_s(choice, c):
    curves, ln_q = curves_of(choice), np.array([-1.2, 0.9])
    found = CorrelationMap.of(curves.series(ln_q), curves.slope_at_1(ln_q))(np.full(2, c))
    for i, q in enumerate(np.exp(ln_q).tolist()):
        v = math.exp(curves.at(ln_q[i]).ln_v)
        exact, exact_slope = kernel(curves.activation, q, c)
        # never off by more than it says; it may say up to 1e-3, close to 1 where there are kinks
        assert abs(found.value[i] - exact / v) <= found.bound[i] + 1e-11
        if c > 0:
            # 0.9^128 = 1e-6 of terms that, at a kink, fall as k^-1.5
            expected = pytest.approx(exact_slope / v, rel=1e-8 if c <= 0.9 else 5e-3)
            assert found.slope[i] == expected


def arc_cosine(c):
    """K(q, c) / V(q) of relu, whatever q (Cho & Saul 2009)."""
    return (math.sqrt(1 - c * c) + (math.pi - math.acos(c)) * c) / math.pi


def hardtanh(c):
    activation = curves_of(choice_of("hardtanh")).activation
    return activation.kernel(1.0, c) / float(activation.moments(np.ones(1)).second[0])


@pytest.mark.parametrize(("name", "exact_map"), [("relu", arc_cosine), ("hardtanh", hardtanh)])
def test_a_hundred_layers_of_correlation_by_kernels(name, exact_map):
    # the series, with one term for all it misses, against the exact map, layer after layer
    curves, c, exact = curves_of(choice_of(name)), np.array([0.1]), 0.1
    maps = CorrelationMap.of(curves.series(np.zeros(1)), curves.slope_at_1(np.zeros(1)))
    for _ in range(100):
        c = maps(c).value
        exact = exact_map(exact)
    assert c[0] == pytest.approx(exact, abs=3e-4)
