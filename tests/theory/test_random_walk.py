"""How far signals and gradients stray at finite width, against published constants and networks."""

import numpy as np
import pytest
from plain_networks import networks
from scipy import stats

from initlab import load_plan
from initlab.theory.curves import curves_of
from initlab.theory.moments import Activation, choice_of
from initlab.theory.random_walk import PATHS, kurtoses, random_walks


def walked(name, sigma_w, sigma_b, depth, width):
    curves = curves_of(choice_of(name))
    ends = random_walks(curves, np.array([sigma_w]), np.array([sigma_b]), depth, width)
    return ends.ln_std[:, 0], ends.ln_grad[:, 0]


@pytest.mark.parametrize(
    ("name", "parameters", "signal", "slope"),
    [
        ("identity", {}, 3, 1),  # E z^4 = 3
        ("relu", {}, 6, 2),  # halves of 3 and 1, over squares of 1/2
        ("leaky_relu", {"negative_slope": 0.5}, 3 * 17 / 32 / (5 / 8) ** 2, 17 / 32 / (5 / 8) ** 2),
        ("tanh", {}, 3, 1),  # linear at so small a q
        ("relu_squared", {}, 105 / 2 / (3 / 2) ** 2, 3 / 2 * 16 / (1 / 2 * 4) ** 2),  # E z^8 = 105
    ],
)
def test_kurtoses_by_closed_form(name, parameters, signal, slope):
    found = kurtoses(Activation(choice_of(name, **parameters)))(np.array([-50.0, -31.4]))
    np.testing.assert_allclose(found, [[signal, slope]] * 2, rtol=1e-8)


@pytest.mark.parametrize(("name", "sigma_w", "c"), [("identity", 1.0, 2), ("relu", 2**0.5, 5)])
def test_steps_of_hanin_and_nica(name, sigma_w, c):
    # ln |dL/dh|^2 and ln |h|^2 vary by c/n a layer and sink by c/2n, to first order in 1/n
    depth, width = 101, 500
    variance = (depth - 1) * c / width
    for ln_length in walked(name, sigma_w, 0.0, depth, width):
        assert 4 * ln_length.var() == pytest.approx(variance, rel=4 * (2 / PATHS) ** 0.5)
    ln_grad = walked(name, sigma_w, 0.0, depth, width)[1]
    assert 2 * ln_grad.mean() == pytest.approx(-variance / 2, abs=4 * (variance / PATHS) ** 0.5)


@pytest.mark.parametrize(
    ("name", "sigma_w", "sigma_b"),
    [("relu", 1.2, 0.0), ("tanh", 1.5, 0.1), ("gelu", 1.2, 0.3), ("selu", 0.9, 0.05)],
)
def test_networks_stray_so_far(name, sigma_w, sigma_b):
    depth, width = 40, 64
    spec = {"depth": depth, "width": width, "activation": name, "batch": 1}
    spec |= {"init": {"scheme": "lecun_normal", "gain": sigma_w}}
    spec |= {"bias": {"std": sigma_b}} if sigma_b else {}
    std, grad = networks(load_plan(spec).runs[0], 1_000, backward=True)
    ln_std, ln_grad = walked(name, sigma_w, sigma_b, depth, width)
    ln_ratio = np.log(grad[:, 0] / grad[:, -1])
    # an approximation: half a standard deviation in the middle, a quarter of it in the spread
    assert np.median(ln_grad) == pytest.approx(np.median(ln_ratio), abs=0.5 * ln_ratio.std())
    assert ln_grad.std() == pytest.approx(ln_ratio.std(), rel=0.35)
    assert stats.ks_2samp(ln_std, np.log(std[:, -1])).statistic < 0.25


@pytest.mark.parametrize("depth", [1, 2])
def test_shallow_networks(depth):
    ln_std, ln_grad = walked("tanh", 1.0, 0.0, depth, 64)
    assert bool(ln_grad.std() > 0) is (depth > 1)
    assert np.isfinite(ln_std).all()
