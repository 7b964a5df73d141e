"""Colours of values: where a value lies on the scale, and which colour that is."""

import numpy as np
import pytest

from initlab.report.drawing.drawable import drawable
from initlab.report.drawing.shades import DIVERGING, LEAST_REACH, RISING, shades
from initlab.report.figure import Axis, Figure, Grid


def grid(values, *, log=False, center=None):
    values = np.array(values, float)
    rows, columns = np.arange(values.shape[0]), np.arange(values.shape[1])
    made = Grid("", Axis("x"), Axis("y"), Axis("v", log=log), columns, rows, values, center=center)
    return drawable(Figure("", (made,))).panels[0]


def test_a_rising_scale_goes_from_the_least_value_to_the_largest():
    scale = shades([grid([[2.0, 3.0, 4.0]])])
    assert scale.at(np.array([2.0, 3.0, 4.0])).tolist() == [0.0, 0.5, 1.0]
    assert scale.colors == RISING
    assert scale.value(0.5) == 3.0


def test_logarithms_are_spaced_by_ratios():
    scale = shades([grid([[1e-4, 1e-2, 1.0]], log=True)])
    np.testing.assert_allclose(scale.at(np.array([1e-4, 1e-2, 1.0])), [0, 0.5, 1], atol=1e-12)


def test_around_a_centre_both_sides_reach_as_far():
    # 1e-6 is 6 decades off, so the other end is 1e6, and 1 is in the middle
    scale = shades([grid([[1e-6, 1.0, 10.0]], log=True, center=1.0)])
    np.testing.assert_allclose(scale.at(np.array([1e-6, 1.0, 1e6])), [0, 0.5, 1])
    assert scale.colors == DIVERGING
    assert scale.color(0.5) == (0xF2, 0xF0, 0xEB)  # the middle colour of seven


def test_what_is_nearly_1_looks_like_1():
    scale = shades([grid([[0.99, 1.01]], log=True, center=1.0)])
    assert scale.value(1.0) == pytest.approx(10**LEAST_REACH)
    assert abs(scale.fraction(1.01) - 0.5) < 0.01


def test_all_grids_of_a_figure_share_one_scale():
    scale = shades([grid([[1.0, 2.0]]), grid([[5.0, np.nan]])])
    assert (scale.value(0), scale.value(1)) == (1.0, 5.0)


def test_0_and_inf_have_the_colours_of_the_ends_and_nan_has_none():
    made = grid([[0.0, 1.0, np.inf, np.nan, 100.0]], log=True)
    assert made.marks.tolist() == [["0", "", "inf", "", ""]]
    found = shades([made]).of(made)[0]
    np.testing.assert_allclose(found, [0.0, 0.0, 1.0, np.nan, 1.0])


@pytest.mark.parametrize("values", [[[np.nan]], [[0.0]], [[7.0, 7.0]]])
def test_nothing_to_tell_apart_is_a_scale(values):
    for log in (False, True):
        scale = shades([grid(values, log=log)])
        assert scale.value(0) < scale.value(1)
        assert np.isfinite(scale.ticks(5)).all()
    assert shades([]).value(0.5) == 0.5
