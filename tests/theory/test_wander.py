"""How far gradients stray at finite width, against published constants and drawn networks."""

import math

import numpy as np
import pytest

from initlab import load_plan
from initlab.network.propagate import BACKWARD, measure
from initlab.theory.moments import Activation, choice_of
from initlab.theory.wander import deciles, least_width, steps


@pytest.mark.parametrize(
    ("name", "parameters", "c"),
    [
        ("identity", {}, 2.0),
        ("relu", {}, 5.0),  # Hanin & Nica 2019: 5 sum 1/n
        # E phi'^4 / (E phi'^2)^2 = (1 + a^4) / 2 / ((1 + a^2) / 2)^2 at a = 1/2
        ("leaky_relu", {"negative_slope": 0.5}, 3 * (17 / 32 / (5 / 8) ** 2 - 1) + 2),
        ("relu6", {}, 5.0),  # at small q there is no upper kink
    ],
)
def test_steps_by_closed_form(name, parameters, c):
    activation = Activation(choice_of(name, **parameters))
    assert steps(activation, np.array([1e-9, 0.01])) == pytest.approx([c, c], rel=1e-9)


def test_steps_at_a_length_of_0_are_those_of_a_linear_network():
    assert steps(Activation(choice_of("tanh")), np.zeros(1)) == pytest.approx([2.0], rel=1e-9)


@pytest.mark.parametrize(("activation", "chi_1"), [("identity", 0.25), ("relu", 0.125)])
def test_gradients_of_networks_wander_so_far(activation, chi_1):
    # sigma_w = 1/2: the output is next to nothing, so that the loss's gradient knows nothing of W
    init, seeds, depth, width = {"scheme": "lecun_normal", "gain": 0.5}, 150, 60, 32
    spec = {"depth": depth, "width": width, "activation": activation, "init": init, "batch": 1}
    plan = load_plan({**spec, "loss": "cross_entropy", "seeds": seeds})
    rows = [m.backward for share in plan.shares() for m in measure(share).values()]
    grad = np.array(rows)[:, :, BACKWARD.index("grad_std")]
    (c,) = steps(Activation(choice_of(activation)), np.ones(1))
    low, median, high = deciles(float(c), depth - 1, width)
    found = np.log(grad[:, 0] / grad[:, -1]) - (depth - 1) * math.log(chi_1) / 2
    spread = (high - low) / 2 / 1.2816
    # 4 standard errors
    assert found.mean() == pytest.approx(median, abs=4 * spread / seeds**0.5)
    assert found.std() == pytest.approx(spread, rel=4 / (2 * seeds) ** 0.5)


@pytest.mark.parametrize("lost", [1.0, 6.9])
def test_the_least_width_is_where_the_lower_decile_is_what_may_be_lost(lost):
    width = least_width(5.0, 300, lost)
    assert deciles(5.0, 300, width)[0] >= -lost > deciles(5.0, 300, width - 1)[0]


def test_deciles_are_those_of_a_normal_law():
    low, median, high = deciles(2.0, 100, 50)
    assert median == -1.0  # 100 * 2 / (4 * 50)
    assert (high - median) == (median - low) == pytest.approx(1.2816 * math.sqrt(4.0) / 2, rel=1e-4)
