"""Laws of biases, against draws of torch and against numerical integration."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from initlab import load_plan
from initlab.catalog import Fans
from initlab.network.weights import layers_of
from initlab.theory.moments import choice_of
from initlab.theory.shifts import Shift, bias_law

LAWS = [
    (Shift(-2.0, 2.0), stats.uniform(-2, 4)),
    (Shift(0.1, 0.3), stats.uniform(0.1, 0.2)),
    (Shift(-1.0, 1.5, 0.3, 1.0), stats.truncnorm(-1.3, 1.2, 0.3, 1.0)),
    (Shift(0.5, 1.0, 0.0, 0.4), stats.truncnorm(1.25, 2.5, 0.0, 0.4)),
]
S = [0.01, 0.4, 3.0]


def ids(value):
    return f"{value.low:g}..{value.high:g}" if isinstance(value, Shift) else ""


@pytest.mark.parametrize(("law", "known"), LAWS, ids=ids)
def test_moments_are_those_of_scipy(law, known):
    assert law.mean == pytest.approx(known.mean(), rel=1e-12, abs=1e-14)
    assert law.variance == pytest.approx(known.var(), rel=1e-11)


def integral(law, known, f):
    """int p(b) f(b) db by the midpoint rule, good to 1e-6 where f is smooth on a scale of 0.01."""
    edges = np.linspace(law.low, law.high, 20_001)
    b = (edges[1:] + edges[:-1]) / 2
    return float((known.pdf(b) * f(b)).mean() * (law.high - law.low))


@pytest.mark.parametrize("s", S)
@pytest.mark.parametrize(("law", "known"), LAWS, ids=ids)
def test_nodes_integrate_what_is_smooth_on_the_scale_of_s(law, known, s):
    # a step at a kink, averaged over N(0, s^2)
    b, weights = law.nodes(s, (0.2,))
    exact = integral(law, known, lambda b: ndtr((b - 0.2) / s))
    assert float(weights @ ndtr((b - 0.2) / s)) == pytest.approx(exact, abs=1e-7)


@pytest.mark.parametrize("s", S)
@pytest.mark.parametrize(("law", "known"), LAWS, ids=ids)
def test_the_smoothed_law_is_a_convolution(law, known, s):
    # p(z) = int p(b) n(z - b; s) db and r(z) = int (z - b) p(b) n(z - b; s) db
    for z in (law.low - s, law.mean, law.high, law.high + 2 * s):

        def density(b, z=z):
            return np.exp(-(((z - b) / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi))

        p = integral(law, known, density)
        r = integral(law, known, lambda b, z=z, of=density: (z - b) * of(b))
        found = law.smoothed(np.array([[z]]), np.array([[s]]))
        np.testing.assert_allclose(np.ravel(found), [p, r], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("bias", "normal", "mean", "variance"),
    [
        ({"std": 0.3}, 0.09, 0.0, 0.0),
        ({"std": 0.3, "mean": 1.0}, 0.09, 1.0, 0.0),
        ({"std": 0.0, "mean": 1.0}, 0.0, 1.0, 0.0),
        ({"scheme": "constant", "value": 0.5}, 0.0, 0.5, 0.0),
        ({"scheme": "zeros"}, 0.0, 0.0, 0.0),
        ({"scheme": "uniform", "a": -0.2, "b": 0.4}, 0.0, 0.1, 0.03),
        ({"scheme": "torch_default"}, 0.0, 0.0, 1 / 1200),  # of fan_in 400
        # cuts at 20 standard deviations cut nothing
        ({"scheme": "trunc_normal", "std": 0.1}, 0.01, 0.0, 0.0),
        # N(0, 1) within +-1: variance 1 - 2 n(1) / (2 N(1) - 1)
        ({"scheme": "trunc_normal", "std": 1.0, "a": -1.0, "b": 1.0}, 0.0, 0.0, 0.2911250947),
    ],
    ids=str,
)
def test_the_law_of_every_kind_of_bias(bias, normal, mean, variance):
    plan = load_plan(
        {"shape": [400, 4000], "activation": "tanh", "init": "lecun_normal", "bias": bias}
    )
    run = plan.runs[0]
    found, shift = bias_law(run.bias, Fans(400, 4000), choice_of("tanh"))
    moments = (0.0, 0.0) if shift is None else (shift.mean, shift.variance)
    assert (found, *moments) == pytest.approx((normal, mean, variance), rel=1e-9)
    ((_, biases),) = layers_of(run)
    drawn = biases.double().numpy()
    spread = math.sqrt(normal + variance)
    assert drawn.mean() == pytest.approx(mean, abs=5 * spread / math.sqrt(4000) + 1e-6)
    assert drawn.var() == pytest.approx(spread**2, rel=0.15, abs=1e-9)
