"""Names over a grid: each on its contour, none over another or outside."""

import numpy as np

from initlab.report.drawing.end_labels import CHARACTER, LINE_HEIGHT
from initlab.report.drawing.grid_names import names
from initlab.report.drawing.scales import Scale
from initlab.report.figure import Axis, Grid, Line, Word

SIZE = (600, 400)
SCALES = (Scale(0.0, 6.0, log=False), Scale(0.0, 4.0, log=False))  # 100 pixels a unit


def placed(*contours, words=()):
    grid = Grid(
        "", Axis("x"), Axis("y"), Axis("v"), np.arange(6.0), np.arange(4.0), np.ones((4, 6)),
        contours=contours, words=words,
    )  # fmt: skip
    return names(grid, SCALES, SIZE)


def box(word):
    half = CHARACTER * len(word.text) / 2
    return (100 * word.x - half, 100 * word.x + half), (
        100 * word.y - LINE_HEIGHT / 2,
        100 * word.y + LINE_HEIGHT / 2,
    )


def overlap(one, other):
    return all(a[0] < b[1] and b[0] < a[1] for a, b in zip(box(one), box(other), strict=True))


def upright(x, label):
    return Line(label, np.array([x, x]), np.array([0.0, 4.0]), dashed=True)


def test_a_name_stands_on_its_contour():
    (name,) = placed(Line("edge", np.array([0.0, 6.0]), np.array([0.0, 4.0])))
    assert name.text == "edge"
    assert np.isclose(name.y, name.x * 4 / 6)


def test_close_contours_have_names_that_do_not_overlap():
    found = placed(*(upright(3 + n / 20, f"contour {n}") for n in range(5)))
    assert len(found) == 5
    assert not any(overlap(a, b) for a in found for b in found if a is not b)


def test_names_keep_off_words():
    found = placed(upright(3.0, "edge"), words=(Word("chaotic", 3.0, 3.0),))
    assert [w.text for w in found] == ["chaotic", "edge"]
    assert not overlap(*found)


def test_names_stay_inside():
    (name,) = placed(Line("a name", np.array([5.9, 3.0, 5.9]), np.array([0.0, 2.0, 4.0])))
    assert box(name)[0][1] <= SIZE[0]


def test_a_point_has_its_name_beside_it():
    (name,) = placed(Line("edge", np.array([2.0]), np.array([1.0])))
    assert box(name)[0][0] > 200
    assert name.y == 1.0


def test_a_contour_too_short_has_no_name():
    assert placed(Line("edge", np.array([2.0, 2.1]), np.array([1.0, 1.1]))) == []
