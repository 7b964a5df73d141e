"""Curves of constant value: on a circle, a plane and a saddle whose curves are known."""

import numpy as np

from initlab.report.figures.contours import contour

PLACES = np.linspace(-2, 2, 41)
X, Y = np.meshgrid(PLACES, PLACES)


def pieces(x):
    """How many curves: nan stands between two."""
    return int(np.isnan(x).sum()) + 1


def test_a_plane_s_curve_is_exact():
    # x + 2 y = 1 is linear, so linear interpolation errs by rounding only
    x, y = contour(PLACES, PLACES, X + 2 * Y, 1.0)
    np.testing.assert_allclose(x + 2 * y, 1.0, atol=1e-12)
    assert pieces(x) == 1
    assert (y.min(), y.max()) == (-0.5, 1.5)  # at the ends x = 2 and x = -2


def test_a_circle_is_one_closed_curve():
    x, y = contour(PLACES, PLACES, X**2 + Y**2, 1.0)
    assert pieces(x) == 1
    assert (x[0], y[0]) == (x[-1], y[-1])
    # a chord between neighbours 0.1 apart lies up to 0.1^2 / 8 within, per unit of curvature
    np.testing.assert_allclose(np.hypot(x, y), 1.0, atol=0.1**2 / 4)


def test_neighbouring_points_are_neighbours_on_the_curve():
    x, y = contour(PLACES, PLACES, X**2 + Y**2, 1.0)
    assert np.hypot(np.diff(x), np.diff(y)).max() < 0.1 * 2**0.5 + 1e-9  # a cell's diagonal


def test_a_hyperbola_has_two_branches():
    x, y = contour(PLACES, PLACES, X * Y, 0.3)
    assert pieces(x) == 2
    known = np.isfinite(x)
    np.testing.assert_allclose((x * y)[known], 0.3, atol=1e-2)


def test_a_saddle_in_one_cell_is_cut_twice():
    corners = np.array([[1.0, 0.0], [0.0, 1.0]])
    # the middle, 0.5, is above 0.4: the two corners of 0 are cut off; below 0.6 those of 1
    for level in (0.4, 0.6):
        x, _ = contour(np.arange(2.0), np.arange(2.0), corners, level)
        assert pieces(x) == 2


def test_cells_with_a_corner_that_is_not_finite_have_no_curve():
    values = X + 0.0
    values[:, PLACES > 0.45] = np.nan
    x, _ = contour(PLACES, PLACES, values, 0.5)
    assert len(x) == 0
    values = np.where(PLACES < 1, X, np.inf)
    x, _ = contour(PLACES, PLACES, values, 0.5)
    np.testing.assert_allclose(x, 0.5)


def test_no_value_passes_the_level():
    x, y = contour(PLACES, PLACES, X, 9.0)
    assert len(x) == len(y) == 0
