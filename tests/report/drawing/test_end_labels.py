"""Names of lines and rules do not overlap, and keep their order."""

import numpy as np
import pytest

from initlab.report.drawing.end_labels import LINE_HEIGHT, end_labels, spaced
from initlab.report.drawing.scales import panel_scales
from initlab.report.figure import Axis, Line, Panel

X = np.arange(100.0)
SIZE = (640, 360)


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ([50, 100], [50, 100]),
        ([50, 50], [45, 55]),
        ([50, 50, 58], [42.666, 52.666, 62.666]),  # around their mean, 52.67
        ([0, 0], [0, 10]),
        ([200, 200, 200], [180, 190, 200]),
        ([], []),
    ],
)
def test_places_are_moved_as_little_as_can_be(wanted, places):
    assert spaced(wanted, 10, 200) == pytest.approx(places, abs=1e-3)


@pytest.mark.parametrize("seed", range(20))
def test_places_are_apart_in_order_and_inside(seed):
    wanted = np.sort(np.random.default_rng(seed).uniform(0, 360, 20))
    found = np.array(spaced(wanted, 13, 360))
    assert (np.diff(found) >= 13 - 1e-9).all()
    assert found[0] >= 0
    assert found[-1] <= 360


def labels_of(*lines):
    panel = Panel("", Axis("layer"), Axis("std", log=True), lines)
    (scales,) = panel_scales([panel])
    return end_labels(panel, scales, SIZE), scales


def test_labels_stand_at_the_ends_of_measured_lines():
    found, _ = labels_of(Line("up", X, 1.1**X), Line("up", X, 1.2**X, dashed=True))
    assert [(at.label, at.x) for at in found] == [("up", 99)]
    assert found[0].y == pytest.approx(1.1**99)


def test_labels_of_lines_that_end_together_are_moved_apart():
    found, (_, y) = labels_of(*(Line(f"line {n}", X, X * 0 + 1 + n / 1e6) for n in range(5)))
    pixels = [y.fraction(at.y) * SIZE[1] for at in found]
    assert [at.label for at in found] == [f"line {n}" for n in (4, 3, 2, 1, 0)]
    np.testing.assert_allclose(np.diff(pixels), -LINE_HEIGHT)


def test_too_many_or_too_long_names_need_a_legend():
    assert labels_of(*(Line(str(n), X, X + 1) for n in range(15)))[0] is None
    assert labels_of(Line("long " * 10, X, X + 1))[0] is None


def test_a_name_that_would_reach_the_right_edge_stands_beside_the_panel():
    early, late = Line("01_linear_normal", X[:91], X[:91] + 1), Line("02_relu_normal", X, X + 1)
    other = Line("03", X[:50], X[:50] + 1)
    found, _ = labels_of(early, late, other)
    # 91 of 100 layers are 58 pixels from the right edge, 16 letters about 100 pixels
    assert {at.label: at.x for at in found} == {
        "01_linear_normal": pytest.approx(99), "02_relu_normal": pytest.approx(99), "03": 49,
    }  # fmt: skip
    heights = [at.y for at in found if at.x > 98]
    assert len(set(heights)) == 2
