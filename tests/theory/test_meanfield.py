"""Fixed points and depth scales, against plain iteration of the maps."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab.theory.curves import curves_of
from initlab.theory.meanfield import depth_scale, fixed_points, phase_of
from initlab.theory.moments import Activation, choice_of

SCALES = [(0.8, 0.1), (1.5, 0.3), (2.5, 0.2)]
GONE = 1e12  # where every activation is a power: a length that got there has left for good


def one(name, sigma_w, sigma_b):
    curves = curves_of(choice_of(name))
    return fixed_points(curves, np.array([sigma_w]), np.array([sigma_b]))


def iterated_lengths(activation, sigma_w, sigma_b):
    """(q*, chi_q from the last steps) by quadrature alone, for each pair of scales."""
    w2, b2 = np.square(sigma_w), np.square(sigma_b)
    q, step, rate = w2 + b2, np.full(len(w2), np.inf), np.full(len(w2), np.nan)
    moves = np.ones(len(w2), dtype=bool)
    for _ in range(4_000):
        following = w2[moves] * activation.moments(q[moves]).second + b2[moves]
        change = following - q[moves]
        above_rounding = np.abs(change) > 1e-6 * q[moves]
        rate[moves] = np.where(above_rounding, change / step[moves], rate[moves])
        step[moves], q[moves] = change, following
        moves[moves] = (np.abs(change) >= 1e-14 * following) & (following > 1 / GONE)
        moves &= q < GONE
        if not moves.any():
            break
    return q, rate


def test_lengths_run_where_iteration_takes_them(plain):
    activation, (w, b) = Activation(plain), np.array(SCALES).T
    found = fixed_points(curves_of(plain), w, b)
    assert found.converged.all()
    q, rate = iterated_lengths(activation, w, b)
    gone = q >= GONE
    assert (found.q[gone] == math.inf).all()
    assert np.isnan(found.c[gone]).all()
    stays = ~gone
    np.testing.assert_allclose(found.q[stays], q[stays], rtol=1e-9)
    np.testing.assert_allclose(found.chi_q[stays], rate[stays], rtol=0, atol=0.02)
    slope = activation.moments(q[stays]).slope
    np.testing.assert_allclose(found.chi_1[stays], w[stays] ** 2 * slope, rtol=1e-9)


@pytest.mark.parametrize(("sigma_w", "sigma_b"), [(1.2, 0.0), (1.5, 0.3), (3.0, 0.2)])
def test_correlations_settle_where_the_exact_map_is_fixed(plain, sigma_w, sigma_b):
    # the map is convex on [0, 1]: it has one fixed point below 1 if chi_1 > 1, else none, and
    # below that it lifts, above it lowers
    found, activation = one(plain.name, sigma_w, sigma_b), Activation(plain)
    q, c, chi_1 = (float(x[0]) for x in (found.q, found.c, found.chi_1))
    if not 0 < q < math.inf:
        return
    weight = sigma_w**2 / q

    def mapped(c):
        return weight * activation.kernel(q, c) + sigma_b**2 / q

    if chi_1 <= 1:
        assert c == 1
        assert found.chi_c[0] == pytest.approx(chi_1)
        assert mapped(0.5) > 0.5
        return
    assert mapped(c) == pytest.approx(c, abs=1e-9)
    assert mapped((1 + c) / 2) < (1 + c) / 2
    slope = weight * q * activation.kernel(q, c, slope=True)
    assert found.chi_c[0] == pytest.approx(slope, abs=1e-7)
    assert 0 <= slope < 1


@pytest.mark.parametrize(
    ("name", "sigma_w", "sigma_b"),
    [("tanh", 2.0, 0.2), ("erf", 1.8, 0.1), ("sin", 1.5, 0.3), ("arctan", 1.6, 0.2)],
)
def test_correlations_by_iterating_them(name, sigma_w, sigma_b):
    # E phi(x1) phi(x2) by Gauss-Hermite over the plane, which has no part in the code tested
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    u, v = np.meshgrid(nodes, nodes, indexing="ij")
    phi, found = Activation(choice_of(name)).values, one(name, sigma_w, sigma_b)
    q, c, step = float(found.q[0]), 0.6, math.inf
    for _ in range(2_000):
        x, y = math.sqrt(q) * u, math.sqrt(q) * (c * u + math.sqrt(1 - c * c) * v)
        following = (sigma_w**2 * (weights * phi(x) * phi(y)).sum() + sigma_b**2) / q
        if abs(following - c) > 1e-8:
            rate = (following - c) / step
        step, c = following - c, following
        if abs(step) < 1e-14:
            break
    assert found.c[0] == pytest.approx(c, abs=1e-6)
    assert found.xi_c[0] == pytest.approx(-1 / math.log(rate), rel=0.02)


def test_relu_by_closed_form():
    # V = q/2, D = 1/2: q* = sigma_b^2 / (1 - sigma_w^2 / 2), chi_1 = chi_q = sigma_w^2 / 2
    found = one("relu", 1.2, 0.3)
    assert found.q[0] == pytest.approx(0.09 / (1 - 0.72), rel=1e-12)
    assert found.chi_1[0] == pytest.approx(0.72, rel=1e-12)
    assert found.chi_q[0] == pytest.approx(0.72, rel=1e-12)
    assert found.xi_q[0] == pytest.approx(-1 / math.log(0.72), rel=1e-12)
    assert found.phase == ["ordered"]


@pytest.mark.parametrize(
    ("sigma_w", "q", "phase"), [(1.3, 0, "ordered"), (2**0.5, 2, "critical"), (1.5, math.inf, "")]
)
def test_relu_without_biases(sigma_w, q, phase):
    # dies out, stays at sigma_w^2 of an input of variance 1, or grows for ever
    found = one("relu", sigma_w, 0.0)
    assert found.q[0] == pytest.approx(q)
    assert found.phase == [phase or "chaotic"]


@pytest.mark.parametrize("sigma_w", [0.5, 1.0])
def test_tanh_without_biases_dies_out_up_to_the_edge(sigma_w):
    # at 1 so slowly (q_l = 1 / 2l) that iterating never ends
    found = one("tanh", sigma_w, 0.0)
    assert found.q[0] == 0
    assert found.chi_1[0] == pytest.approx(sigma_w**2, rel=1e-9)
    assert found.converged[0]


def test_tanh_just_above_the_edge():
    # V = q - 2 q^2 + 17/3 q^3: q* is near (s - 1) / (2 s), s = sigma_w^2
    found = one("tanh", 1.0001, 0.0)
    s = 1.0001**2
    assert found.q[0] == pytest.approx((s - 1) / (2 * s), rel=1e-3)


def test_an_odd_activation_without_biases_has_no_correlation_in_chaos():
    found = one("erf", 3.0, 0.0)
    assert found.c[0] == pytest.approx(0, abs=1e-12)


def test_what_quadrature_cannot_resolve_does_not_converge():
    # sin of pre-activations of std 1e5
    found = one("sin", 1.0, 1e5)
    assert not found.converged[0]
    assert all(math.isnan(column[0]) for column in found[:5])
    assert found.phase == [""]


# the first of each activation makes its curves, and some points take seconds of quadrature
@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from(["tanh", "relu", "gelu", "selu", "hardtanh", "relu6"]),
    st.lists(st.tuples(st.floats(0.05, 8), st.floats(0, 2)), min_size=1, max_size=4),
)
def test_a_network_does_not_depend_on_those_computed_with_it(name, scales):
    w, b = (np.array(side) for side in zip(*scales, strict=True))
    together = fixed_points(curves_of(choice_of(name)), w, b)
    for at, (sigma_w, sigma_b) in enumerate(scales):
        alone = one(name, sigma_w, sigma_b)
        for column, own in zip(together, alone, strict=True):
            assert column[at].tobytes() == own[0].tobytes()  # bit for bit, as every number of a run


@pytest.mark.parametrize(
    ("chi", "xi"), [(0.0, 0.0), (math.exp(-1), 1.0), (1.0, math.inf), (math.e, -1.0)]
)
def test_depth_scales(chi, xi):
    assert depth_scale(np.array([chi]))[0] == pytest.approx(xi)


def test_phases_have_a_critical_line_of_some_width():
    assert [phase_of(chi) for chi in (0.99, 1 - 1e-7, 1 + 1e-7, 1.01)] == [
        "ordered",
        "critical",
        "critical",
        "chaotic",
    ]
