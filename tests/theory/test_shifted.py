"""Moments with biases: closed forms, averages over constants, and the kernel by quadrature."""

import numpy as np
import pytest
from scipy.stats import norm

from initlab.theory.curves import CorrelationMap, curves_of
from initlab.theory.moments import Activation, choice_of
from initlab.theory.shifted import shifted
from initlab.theory.shifts import Shift

NAMES = ["hardtanh", "relu", "gelu"]
LAWS = [Shift(-2.0, 2.0), Shift(0.1, 0.3), Shift(-1.0, 1.5, 0.3, 1.0)]


def label(law):
    return f"{law.low:g}..{law.high:g}"


@pytest.mark.parametrize("b", [-1.5, 0.5, 2.0])
@pytest.mark.parametrize("s", [0.3, 1.0, 5.0])
def test_relu_with_a_constant_bias(b, s):
    # E max(0, b + s x)^2 = (b^2 + s^2) N(b/s) + b s n(b/s); slope N(b/s); mean b N + s n
    found = shifted(choice_of("relu"), Shift(b, b)).moments(np.array([s * s]))
    above, density = norm.cdf(b / s), norm.pdf(b / s)
    expected = (b * b + s * s) * above + b * s * density, above, b * above + s * density
    np.testing.assert_allclose([x[0] for x in found[:3]], expected, rtol=1e-11)
    assert found.growth[0] == pytest.approx(s * s * above, rel=1e-11)


@pytest.mark.parametrize("s", [0.2, 1.0])
def test_sin_with_a_uniform_bias(s):
    # E sin^2(b + s x) = (1 - e^(-2 s^2) E cos 2b) / 2, E cos 2b = sin(2a) / 2a on (-a, a)
    found = shifted(choice_of("sin"), Shift(-1.3, 1.3)).moments(np.array([s * s]))
    turned = np.exp(-2 * s * s) * np.sin(2.6) / 2.6
    np.testing.assert_allclose(
        [found.second[0], found.slope[0]], [(1 - turned) / 2, (1 + turned) / 2], rtol=1e-12
    )


@pytest.mark.parametrize("s", [0.5, 2.0])
@pytest.mark.parametrize("law", LAWS[1:], ids=label)
@pytest.mark.parametrize("name", NAMES)
def test_moments_are_averages_over_constants(name, law, s):
    phi = shifted(choice_of(name), law)
    found, (b, weights) = phi.moments(np.array([s * s])), law.nodes(s, phi.kinks)
    each = [shifted(choice_of(name), Shift(x, x)).moments(np.array([s * s])) for x in b.tolist()]
    averages = {f: float(weights @ [getattr(m, f)[0] for m in each]) for f in found._fields}
    averages["variance"] = averages["second"] - averages["mean"] ** 2
    size = averages["second"]
    for field, average in averages.items():
        assert getattr(found, field)[0] == pytest.approx(average, rel=1e-10, abs=1e-12 * size)


def test_a_narrow_law_is_a_constant():
    wide = shifted(choice_of("gelu"), Shift(0.7 - 1e-7, 0.7 + 1e-7)).moments(np.array([0.5]))
    point = shifted(choice_of("gelu"), Shift(0.7, 0.7)).moments(np.array([0.5]))
    np.testing.assert_allclose(wide, point, rtol=1e-6)


def test_no_bias_is_the_activation_itself():
    phi = shifted(choice_of("tanh"), None)
    assert type(phi) is Activation
    moved = shifted(choice_of("tanh"), Shift(0.0, 0.0))
    np.testing.assert_allclose(moved.moments(np.ones(3)), phi.moments(np.ones(3)), rtol=1e-12)


@pytest.mark.parametrize("c", [0.5])
@pytest.mark.parametrize("law", [LAWS[1], Shift(0.5, 0.5)], ids=label)
@pytest.mark.parametrize("name", NAMES)
def test_the_series_is_the_kernel(name, law, c):
    curves = curves_of(choice_of(name), law)
    ln_q = np.log([0.8])
    maps = CorrelationMap.of(curves.series(ln_q), curves.slope_at_1(ln_q))
    second = float(curves.activation.moments(np.array([0.8])).second[0])
    value = float(maps(np.array([c])).value[0])
    assert value == pytest.approx(curves.activation.kernel(0.8, c) / second, abs=1e-8)


@pytest.mark.parametrize("law", LAWS, ids=label)
def test_curves_do_not_leave_quadrature(law):
    curves = curves_of(choice_of("tanh"), law)
    ln_q = np.array([-12.3, -3.1, 0.77, 4.4])
    exact = curves.activation.moments(np.exp(ln_q))
    at = curves.at(ln_q)
    np.testing.assert_allclose(np.exp(at.ln_v), exact.second, rtol=1e-9)
    np.testing.assert_allclose(at.std, np.sqrt(exact.variance), rtol=1e-8)
    np.testing.assert_allclose(np.exp(at.ln_d), exact.slope, rtol=1e-9)
