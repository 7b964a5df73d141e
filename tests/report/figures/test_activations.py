"""Activations as curves, held against torch's values and its autograd."""

import numpy as np
import pytest
import torch

from initlab.catalog import ACTIVATIONS
from initlab.errors import InputError, UnknownName
from initlab.report.figures.activations import REACH, activations
from initlab.spec.run import Choice


def curves(name, **parameters):
    values, slopes = activations([Choice(name, tuple(parameters.items()))]).panels
    return values.lines[0], slopes.lines[0]


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_curves_are_torch_s_and_autograd_s(name):
    value, slope = curves(name)
    kinks = ACTIVATIONS[name].kinks(ACTIVATIONS[name].defaults)
    # at a kink torch chooses one side; a slope is compared off it
    off = np.array([min((abs(z - k) for k in kinks), default=1.0) > 1e-9 for z in value.x])
    z = torch.tensor(value.x, requires_grad=True)
    expected = ACTIVATIONS[name].bind(ACTIVATIONS[name].defaults)(z)
    (gradient,) = torch.autograd.grad(expected.sum(), z)
    # torch's hardsigmoid takes 1/6 in float32, which is off by 5e-9
    np.testing.assert_allclose(value.y, expected.detach().numpy(), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(slope.y[off], gradient.numpy()[off], rtol=1e-7, atol=1e-12)


def test_the_slope_of_tanh_is_1_minus_its_square():
    value, slope = curves("tanh")
    np.testing.assert_allclose(slope.y, 1 - value.y**2, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "kink", "below", "above"),
    [("relu", 0.0, 0.0, 1.0), ("leaky_relu", 0.0, 0.01, 1.0), ("hardtanh", 1.0, 1.0, 0.0)],
)
def test_a_slope_jumps_at_its_kink(name, kink, below, above):
    _, slope = curves(name)
    at = int(np.flatnonzero(slope.x == kink)[0])
    assert slope.x[at] - slope.x[at - 1] < 1e-15  # an upright line
    assert (slope.y[at - 1], slope.y[at]) == pytest.approx((below, above))


def test_parameters_move_the_curve_and_its_kinks():
    value, slope = curves("leaky_relu", negative_slope=0.2)
    np.testing.assert_allclose(value.y[value.x < 0], 0.2 * value.x[value.x < 0])
    assert slope.label == "leaky_relu(negative_slope=0.2)"
    value, _ = curves("hardtanh", min_val=-0.3, max_val=2.2)
    assert {-0.3, 2.2} <= {*value.x}


def test_curves_reach_as_far_on_both_sides():
    value, _ = curves("gelu")
    assert (value.x[0], value.x[-1]) == (-REACH, REACH)


def test_what_is_not_known_is_refused():
    with pytest.raises(UnknownName, match="gelu"):
        curves("gleu")
    with pytest.raises(InputError, match="slope"):
        curves("relu", slope=0.2)
