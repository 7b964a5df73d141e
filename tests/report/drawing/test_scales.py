"""Axes: where they end, and their round numbers."""

import numpy as np
import pytest

from initlab.report.drawing.scales import (
    LEAST_DECADES,
    MOST_TOLD,
    Scale,
    left_panel,
    panel_scales,
    scale,
    tick_label,
)
from initlab.report.figure import Axis, Band, Line, Panel

LOG, LINEAR = Axis("std", log=True), Axis("cosine")


@pytest.mark.parametrize(
    ("ends", "most", "ticks"),
    [
        ((1e-1, 1e22), 6, [1, 1e5, 1e10, 1e15, 1e20]),
        ((1e-310, 1e300), 7, [1e-300, 1e-200, 1e-100, 1, 1e100, 1e200, 1e300]),
        ((0.05, 5), 8, [0.05, 0.1, 0.2, 0.5, 1, 2, 5]),
        ((0.5, 900), 6, [1, 10, 100]),
        ((2, 8), 7, [2, 3, 4, 5, 6, 7, 8]),  # less than a decade: as a linear axis has them
    ],
)
def test_ticks_of_a_log_axis(ends, most, ticks):
    found = Scale(*ends, log=True).ticks(most)
    np.testing.assert_allclose(found, ticks, rtol=1e-12)


@pytest.mark.parametrize(
    ("ends", "most", "ticks"),
    [
        ((0, 99), 10, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]),
        ((-1, 1), 5, [-1, -0.5, 0, 0.5, 1]),
        ((0.30, 0.31), 3, [0.3, 0.305, 0.31]),
    ],
)
def test_ticks_of_a_linear_axis(ends, most, ticks):
    assert Scale(*ends, log=False).ticks(most) == ticks


def test_layers_have_whole_numbers():
    assert scale([np.arange(3.0)], Axis("layer"), exact=True).ticks(10) == [0, 1, 2]
    assert scale([np.array([0.0])], Axis("layer"), exact=True).ticks(10) == [0]


def test_a_steady_signal_has_room_around_it():
    found = scale([np.full(100, 0.65)], LOG)
    assert np.log10(found.high / found.low) == pytest.approx(LEAST_DECADES, rel=0.1)
    assert found.fraction(0.65) == pytest.approx(0.5)


def test_steady_lines_that_differ_are_flat_and_can_be_told_apart():
    """Std of tanh in networks of five widths, the narrowest of which is the least steady."""
    x = np.arange(30.0)
    lines = [
        Line(f"width {width}", x, level * (1 + np.sin(x) / width))
        for width, level in ((16, 0.63), (32, 0.64), (64, 0.66), (128, 0.7), (256, 0.78))
    ]
    ((_, y),) = panel_scales([Panel("", Axis("layer"), LOG, tuple(lines))])
    ends = np.array([[y.fraction(v) for v in (line.y.min(), line.y.max())] for line in lines])
    assert 0.3 < ends.min() < ends.max() < 0.7  # in the middle
    assert (ends[:, 1] - ends[:, 0] < 0.12).all()  # flat
    middles = np.array([y.fraction(level) for level in (0.63, 0.64, 0.66, 0.7, 0.78)])
    assert (np.diff(middles) * 360 > 4).all()  # pixels of a picture; a line has 2
    ((_, alone),) = panel_scales([Panel("", Axis("layer"), LOG, tuple(lines[:1]))])
    assert np.log10(alone.high / alone.low) == pytest.approx(LEAST_DECADES, rel=0.1)


@pytest.mark.parametrize(("axis", "value"), [(LOG, 3.7e11), (LINEAR, -0.2)])
def test_a_fraction_of_an_axis_is_the_inverse_of_its_value(axis, value):
    found = scale([np.array([1e-3, 1e20]) if axis.log else np.array([-1.0, 1])], axis)
    assert found.value(found.fraction(value)) == pytest.approx(value)
    assert found.value(0) == pytest.approx(found.low)


@pytest.mark.parametrize("axis", [LOG, LINEAR])
def test_no_values_have_an_axis_all_the_same(axis):
    found = scale([], axis)
    assert found.low < found.high
    assert found.ticks(5)


def test_values_at_the_ends_of_float64_have_a_finite_axis():
    found = scale([np.array([5e-324, 1.7e308])], LOG)
    assert 0 < found.low < found.high < np.inf


def test_a_prediction_far_off_does_not_flatten_what_was_measured():
    x = np.arange(100.0)
    lines = Line("a", x[:31], 16.0 ** x[:31]), Line("a", x, 16.0**x, dashed=True)
    ((_, y),) = panel_scales([Panel("", Axis("layer"), LOG, lines)])
    assert 16.0**30 < y.high < 1e60  # the prediction ends at 16^99 = 1e119


def test_panels_of_equal_axes_share_them_and_others_do_not():
    x = np.arange(3.0)
    panels = [
        Panel("", Axis("layer"), axis, (Line("a", x, y),))
        for axis, y in ((LINEAR, x), (LINEAR, 10 * x), (Axis("loss"), 100 * x))
    ]
    first, second, third = (y for _, y in panel_scales(panels))
    assert first == second
    assert third.high > 100 > second.high


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1e22, "1e22"), (1e-5, "1e-5"), (0.001, "0.001"), (9000, "9000"), (0.25, "0.25")],
)
def test_a_tick_is_short(value, text):
    assert tick_label(value) == text


def test_a_prediction_that_leaves_the_panel_is_told_with_how_far_it_goes():
    x = np.arange(100.0)
    lines = Line("a", x[:31], 16.0 ** x[:31]), Line("a", x, 16.0**x, dashed=True)
    near = Line("b", x, x + 1, dashed=True)
    panel = Panel("", Axis("layer"), LOG, (*lines, near))
    # 16^99 = 10^(99 log10 16) = 10^119.2
    assert left_panel([panel], panel_scales([panel])) == [
        "Predictions leave the panel: a to 1.61e119."
    ]


def test_a_predicted_band_leaves_the_panel_and_of_many_some_are_named():
    x = np.arange(3.0)
    bands = [Band(f"n {n}", x, x + 1e-99, x + 1, predicted=True) for n in range(MOST_TOLD + 2)]
    panel = Panel("", Axis("layer"), LOG, (Line("a", x, x + 1),), tuple(bands))
    (note,) = left_panel([panel], panel_scales([panel]))
    assert note.startswith("Predictions leave the panel: n 0 to 1e-99; n 1 to 1e-99;")
    assert note.endswith("; 2 more.")
    measured = Panel("", Axis("layer"), LOG, (Line("a", x, 10.0 ** (9 * x)),))
    assert left_panel([measured], panel_scales([measured])) == []
