"""The entropy curve, against scipy and its known points."""

import math

import numpy as np
from scipy.special import entr

from initlab.report.figures.entropy import entropy_curve


def test_the_curve_is_the_entropy_of_two_outcomes():
    (line,) = entropy_curve().panels[0].lines
    np.testing.assert_allclose(line.y, entr(line.x) + entr(1 - line.x), atol=1e-15)


def test_ends_are_exactly_0_and_the_middle_is_ln_2():
    (line,) = entropy_curve().panels[0].lines
    assert (line.x[0], line.y[0]) == (0.0, 0.0)
    assert (line.x[-1], line.y[-1]) == (1.0, 0.0)
    assert math.copysign(1, line.y[0]) == math.copysign(1, line.y[-1]) == 1  # no -0
    assert line.y.max() == line.y[line.x == 0.5][0] == math.log(2)


def test_ln_2_and_the_even_chance_are_marked():
    for panel in entropy_curve().panels:
        level, upright = panel.rules
        assert (level.label, level.y) == ("ln 2 = 0.6931", math.log(2))
        assert upright.x == 0.5


def test_self_information_crosses_ln_2_at_one_half_and_ends_at_0():
    (line,) = entropy_curve().panels[1].lines
    np.testing.assert_allclose(line.y, -np.log(line.x), atol=1e-15)
    assert line.y[-1] == 0
    assert np.isfinite(line.y).all()
