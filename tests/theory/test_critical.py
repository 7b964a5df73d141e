"""The edge of chaos: published points, and chi_1 = 1 at a fixed point of plain iteration."""

import math

import numpy as np
import pytest
from scipy import optimize

from initlab.errors import InputError
from initlab.theory.critical import critical_gain, edges_of_chaos
from initlab.theory.curves import curves_of
from initlab.theory.moments import Activation, choice_of


def edges(name, sigma_b, **parameters):
    return edges_of_chaos(curves_of(choice_of(name, **parameters)), sigma_b)


def test_tanh_at_a_bias_variance_of_0_05():
    # Schoenholz et al. 2017, figure 1 (sigma_w^2 = 1.76), here to the digits of two solvers
    (edge,) = edges("tanh", math.sqrt(0.05))
    assert edge.sigma_w**2 == pytest.approx(1.760954639606741, rel=1e-10)
    tanh = Activation(choice_of("tanh"))

    def excess(q):  # q - V/D - 0.05
        m = tanh.moments(np.array([q]))
        return q - m.second[0] / m.slope[0] - 0.05

    q = optimize.brentq(excess, 0.1, 5, xtol=1e-14)
    assert edge.q == pytest.approx(q, rel=1e-10)
    assert edge.sigma_w == pytest.approx(tanh.moments(np.array([q])).slope[0] ** -0.5, rel=1e-10)


@pytest.mark.parametrize(
    ("name", "parameters", "gain"),
    [
        ("identity", {}, 1.0),
        ("relu", {}, math.sqrt(2)),
        ("leaky_relu", {"negative_slope": 0.5}, math.sqrt(2 / 1.25)),
        ("tanh", {}, 1.0),  # 1 / phi'(0) of odd activations that flatten
        ("erf", {}, math.sqrt(math.pi) / 2),
        ("arctan", {}, 1.0),
        ("softsign", {}, 1.0),
        ("hardtanh", {}, 1.0),
        ("sin", {}, 1.0),
    ],
)
def test_critical_gains_by_closed_form(name, parameters, gain):
    assert critical_gain(curves_of(choice_of(name, **parameters))) == pytest.approx(gain, rel=1e-9)


@pytest.mark.parametrize("name", ["softplus", "logsigmoid", "relu_squared"])
def test_activations_whose_signals_stay_on_no_edge(name):
    assert critical_gain(curves_of(choice_of(name))) is None


@pytest.mark.parametrize("sigma_b", [0.0, 0.1, 0.5])
def test_softplus_has_no_edge(sigma_b):
    assert edges("softplus", sigma_b) == []


@pytest.mark.parametrize("sigma_b", [1e-3, 0.1, 3.0])
def test_relu_has_none_with_biases(sigma_b):
    # chi_1 = 1 only at sigma_w^2 = 2, where q' = q + sigma_b^2 grows for ever
    assert edges("relu", sigma_b) == []


@pytest.mark.parametrize("sigma_b", [0.0, 0.05, 0.3, 1.0])
def test_every_edge_is_a_critical_fixed_point(plain, sigma_b):
    activation = Activation(plain)
    for edge in edges(plain.name, sigma_b):
        q = edge.q or 1e-30  # at q = 0, its limit
        m = activation.moments(np.array([q]))
        assert edge.sigma_w**2 * m.slope[0] == pytest.approx(1, abs=1e-9)
        if edge.q:
            assert edge.sigma_w**2 * m.second[0] + sigma_b**2 == pytest.approx(q, rel=1e-9)
        assert edge.xi_c == math.inf


@pytest.mark.parametrize("name", ["tanh", "gelu", "erf"])
@pytest.mark.parametrize("ln_q", [-1.0, 0.0, 0.5, 2.0])
def test_an_edge_where_the_curve_is_sampled(name, ln_q):
    # sigma_b^2 = q - V / D, exactly at a node of the scan
    m, q = Activation(choice_of(name)).moments(np.exp([ln_q])), math.exp(ln_q)
    sigma_b2 = q - float(m.second[0] / m.slope[0])
    if sigma_b2 > 0:
        found = [edge.q for edge in edges(name, math.sqrt(sigma_b2))]
        assert any(edge_q == pytest.approx(q, rel=1e-6) for edge_q in found)


def test_what_quadrature_cannot_resolve_is_not_called_without_an_edge():
    with pytest.raises(InputError, match="cannot be resolved"):
        edges("leaky_relu", 0.0, negative_slope=1e200)


@pytest.mark.parametrize(
    ("name", "sigma_b", "stable"), [("gelu", 0.2, False), ("gelu", 0.45, True), ("tanh", 0.2, True)]
)
def test_stable_means_that_a_signal_gets_there(name, sigma_b, stable):
    edge = edges(name, sigma_b)[0]
    assert edge.stable is stable
    activation, q = Activation(choice_of(name)), 1.0
    for _ in range(5_000):
        before, q = q, edge.sigma_w**2 * activation.moments(np.array([q])).second[0] + sigma_b**2
        if not q < 1e6 or abs(q - before) < 1e-14 * q:
            break
    assert bool(abs(q - edge.q) < 1e-6 * edge.q) is stable
    # its slope says the same: 1 / xi_q is negative where lengths part from q*
    assert (edge.xi_q > 0) is stable


@pytest.mark.parametrize(
    ("name", "sigma_b2", "sigma_w2", "q"),
    [("gelu", 0.17292239, 1.98305826, 3.56), ("silu", 0.55514317, 1.98800468, 14.32017362)],
)
def test_where_points_of_the_edge_become_stable(name, sigma_b2, sigma_w2, q):
    # Roberts, Yaida & Hanin 2021, ch. 5: GELU and SWISH are half-stable at these (C_b, C_W, K)
    below, above = (edges(name, math.sqrt(sigma_b2 + step))[0] for step in (-1e-5, 1e-5))
    assert (below.stable, above.stable) == (False, True)
    for edge in (below, above):
        assert edge.sigma_w**2 == pytest.approx(sigma_w2, abs=1e-4)
        assert edge.q == pytest.approx(q, abs=0.01)
        assert abs(edge.xi_q) > 10_000


def test_stable_points_come_first():
    for sigma_b in (0.3, 0.4, 0.45):
        stable = [edge.stable for edge in edges("gelu", sigma_b)]
        assert stable == sorted(stable, reverse=True)
