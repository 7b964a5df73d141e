"""Heat maps as Altair charts: what reaches the marks."""

import json
from itertools import pairwise

import numpy as np
import pytest

from initlab.report.drawing.charts import chart, picture
from initlab.report.figure import Axis, Figure, Grid, Line, Word


def spec(grid, *more):
    return chart(Figure("a title", (grid, *more))).to_dict()


def rows(drawn, *keys):
    """Rows of data that have all of these keys; Altair collects them in `datasets`."""
    return [row for data in drawn["datasets"].values() for row in data if {*keys} <= {*row}]


@pytest.fixture
def grid():
    values = np.array([[1.0, 10.0, 100.0], [np.nan, 0.0, 1e4]])
    marks = np.array([["", "", ""], ["nan", "", ""]], dtype=object)
    return Grid(
        "", Axis("width", log=True), Axis("depth"), Axis("ratio", log=True),
        np.array([10.0, 100.0, 1000.0]), np.array([1.0, 2.0]), values,
        contours=(Line("edge", np.array([10.0, 1000.0]), np.array([1.0, 2.0])),),
        center=1.0, marks=marks, words=(Word("chaotic", 100.0, 1.5),),
    )  # fmt: skip


def test_every_value_reaches_its_cell(grid):
    cells = {(row["column"], row["row"]): row for row in rows(spec(grid), "shade")}
    assert len(cells) == 5  # all but the nan
    for j, i in np.ndindex(grid.values.shape):
        value = grid.values[j, i]
        if value > 0:
            cell = cells[str(grid.xs[i]), str(grid.ys[j])]
            assert cell["value"] == value
            assert cell["x"] < grid.xs[i] < cell["x2"]
            assert cell["y"] < grid.ys[j] < cell["y2"]


def test_cells_meet_half_way_as_the_axis_shows_it(grid):
    edges = {(row["x"], row["x2"]) for row in rows(spec(grid), "shade")}
    # of 10, 100 and 1000 on a log axis: at 10^1.5 and 10^2.5
    expected = [10**0.5, 10**1.5, 10**2.5, 10**3.5]
    np.testing.assert_allclose(sorted(edges), [*pairwise(expected)])


def test_nothing_that_json_has_not_reaches_altair(grid):
    json.dumps(spec(grid), allow_nan=False)
    (zero,) = [r for r in rows(spec(grid), "shade") if "value" not in r]
    assert zero["shade"] == 0.0


def test_cells_without_a_value_are_grey_and_have_their_mark(grid):
    drawn = spec(grid)
    texts = {row["text"] for row in rows(drawn, "text")}
    assert {"nan", "0", "chaotic", "edge"} == texts
    grey = [r for r in rows(drawn, "x2") if "shade" not in r]
    assert len(grey) == 1
    assert (grey[0]["y"], grey[0]["y2"]) == (1.5, 2.5)


def test_contours_are_drawn_along_their_path():
    x, y = np.array([0.0, 2.0, 1.0]), np.array([0.0, 1.0, 2.0])
    made = Grid(
        "", Axis("x"), Axis("y"), Axis("v"), np.arange(3.0), np.arange(3.0), np.ones((3, 3)),
        contours=(Line("back and forth", x, y, dashed=True),),
    )  # fmt: skip
    points = sorted(rows(spec(made), "step"), key=lambda row: row["step"])
    assert [(p["x"], p["y"]) for p in points] == [*zip(x, y, strict=True)]


def test_names_are_places():
    made = Grid(
        "", Axis("init"), Axis("depth"), Axis("v"), np.array(["zeros", "normal"]),
        np.array([5.0]), np.array([[1.0, 2.0]]),
    )  # fmt: skip
    drawn = spec(made)
    assert [r["column"] for r in rows(drawn, "shade")] == ["zeros", "normal"]
    assert "['zeros', 'normal']" in json.dumps(drawn)


def test_grids_side_by_side_have_one_scale_of_colours(grid):
    other = Grid(
        "other", grid.x, grid.y, grid.value, grid.xs, grid.ys, grid.values * 1e4, center=1.0
    )
    shade = {row["value"]: row["shade"] for row in rows(spec(grid, other), "value")}
    assert shade[1e4] == pytest.approx(0.75)  # of 1e-8 to 1e8
    assert shade[1e8] == 1.0


@pytest.mark.parametrize("values", [[[np.nan]], [[0.0]], [[3.0]]])
def test_a_single_cell_is_a_picture(values):
    made = Grid(
        "", Axis("x"), Axis("y"), Axis("v", log=True), np.array([1.0]), np.array([1.0]),
        np.array(values),
    )  # fmt: skip
    assert picture(Figure("", (made,)), "svg").startswith(b"<svg")
