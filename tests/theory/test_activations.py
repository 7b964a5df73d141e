"""Activations in numpy against torch's, and their slopes against autograd."""

import mpmath
import numpy as np
import pytest
import torch

from initlab.catalog import ACTIVATIONS
from initlab.theory import activations
from initlab.theory.moments import Activation, choice_of

# both signs over 20 decades, the neighbourhood of every kink and of every switch of a formula
SIZES = np.concatenate([np.logspace(-12, 3, 200), np.linspace(0.05, 8, 400)])
POINTS = np.concatenate([-SIZES, SIZES])

# torch's own shortcuts, not ours: softplus is linear from beta z = 20 on, where it is off by e^-20;
# slopes of celu and hardsigmoid go through 1 / alpha and 1 / 6 in float32, of 6e-8 each
ROUGH = {"softplus": 3e-9, "mish": 3e-9, "celu": 6e-8, "hardsigmoid": 6e-8}
# scipy's erf of complex numbers, relative
LESS_EXACT = {"erf": 1e-13}


def by_torch(choice):
    """(phi, phi') at POINTS by autograd in float64."""
    z = torch.from_numpy(POINTS).requires_grad_()
    h = ACTIVATIONS[choice.name].bind(choice.parameters)(z)
    (slope,) = torch.autograd.grad(h.sum(), z)
    return h.detach().numpy(), slope.numpy()


def test_values_and_slopes_are_torch_s(choice):
    value, slope = Activation(choice).with_slope(POINTS)
    expected = by_torch(choice)
    rough = ROUGH.get(choice.name, 0)
    # rounding of some operations, relative to the larger of phi and z: where torch lets digits
    # cancel (gelu's 1 + erf, tanhshrink's z - tanh z) they are those of z
    scale = LESS_EXACT.get(choice.name, 1e-14) * np.maximum(np.abs(POINTS), np.abs(expected[0]))
    assert (np.abs(value - expected[0]) <= scale + rough).all()
    at_kink = np.isin(POINTS, Activation(choice).kinks)
    close = np.abs(slope - expected[1]) <= 3e-14 * (1 + np.abs(expected[1])) + 3 * rough
    assert (close | at_kink).all()


def test_every_record_has_a_function_of_its_own(plain):
    # so that gain, critical and phase need no torch
    assert hasattr(activations, plain.name)


def test_an_activation_without_one_is_taken_from_torch(monkeypatch):
    ours = Activation(choice_of("elu", alpha=2.5)).moments(np.array([0.5, 3.0]))
    monkeypatch.delattr(activations, "elu")
    torch_s = Activation(choice_of("elu", alpha=2.5)).moments(np.array([0.5, 3.0]))
    np.testing.assert_allclose(torch_s, ours, rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("gelu", lambda z: z * mpmath.ncdf(z)),
        ("tanhshrink", lambda z: z - mpmath.tanh(z)),
        ("silu", lambda z: z / (1 + mpmath.exp(-z))),
        ("logsigmoid", lambda z: -mpmath.log(1 + mpmath.exp(-z))),
        ("softplus", lambda z: mpmath.log(1 + mpmath.exp(z))),
        ("mish", lambda z: z * mpmath.tanh(mpmath.log(1 + mpmath.exp(z)))),
    ],
)
@pytest.mark.parametrize("z", [-30.0, -8.0, -1.3, -1e-3, 1e-3, 0.0999, 0.1, 0.7, 5.0, 30.0])
def test_digits_that_torch_loses(name, exact, z):
    # 50 digits by mpmath: no cancellation in the tails and near 0
    with mpmath.workdps(50):
        value, slope = float(exact(mpmath.mpf(z))), float(mpmath.diff(exact, z))
    got = Activation(choice_of(name)).with_slope(np.array([z]))
    assert got[0][0] == pytest.approx(value, rel=2e-14)
    assert got[1][0] == pytest.approx(slope, rel=1e-12)
