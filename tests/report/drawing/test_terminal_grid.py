"""Grids in characters: one sign a value, the largest y on top, nothing wider than asked."""

import re

import numpy as np
import pytest

from initlab.report.drawing.drawable import drawable
from initlab.report.drawing.shades import shades
from initlab.report.drawing.terminal_grid import grid_lines
from initlab.report.figure import Axis, Figure, Grid, Line, Word

ESCAPE = re.compile("\x1b\\[[0-9;]*m")


def lines(grid, width=80, height=20, *, unicode=False, color=False):
    (grid,) = drawable(Figure("", (grid,))).panels
    scale = shades([grid])
    return [*grid_lines(grid, width, height, scale, unicode=unicode, color=color)]


def made(values, xs=None, ys=None, *, log=False, **options):
    values = np.array(values, float)
    xs = np.arange(values.shape[1], dtype=float) if xs is None else np.array(xs)
    ys = np.arange(values.shape[0], dtype=float) if ys is None else np.array(ys)
    return Grid("", Axis("width"), Axis("depth"), Axis("v", log=log), xs, ys, values, **options)


def test_the_largest_y_is_on_top():
    drawn = lines(made([[0, 0], [1, 1]], ys=[5.0, 10.0]), height=2)
    assert drawn[:3] == ["depth", "10 " + "@" * 16, " 5 " + "." * 16]
    assert drawn[4].strip() == "width"


def test_signs_tell_values_below_a_centre_from_those_above():
    values = [[1e-4, 1e-2, 1, 1e2, 1e4]]
    drawn = lines(made(values, log=True, center=1.0), height=1)
    assert [drawn[1][2 + 8 * n] for n in range(5)] == [*"Vv.+#"]
    assert any("V 0.0001 to 0.0" in line for line in drawn)


def test_cells_without_a_value_say_why():
    marks = np.array([["nan", ""]], dtype=object)
    drawn = lines(made([[np.nan, 1.0]], marks=marks), height=1)
    assert drawn[1].startswith("0 ??nan???")


def test_contours_and_words_are_written_over_the_cells():
    edge = Line("edge", np.array([0.0, 3.0]), np.array([1.0, 1.0]))
    other = Line("other", np.array([0.0, 3.0]), np.array([0.0, 0.0]), dashed=True)
    word = Word("ordered", 1.5, 2.0)
    drawn = lines(made(np.ones((3, 4)), contours=(edge, other), words=(word,)), height=3)
    assert "ordered" in drawn[1]
    assert "*" * 20 in drawn[2]
    assert "o" * 20 in drawn[3]
    assert "* edge   o other" in drawn


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("shape", [(1, 1), (5, 10), (50, 300)])
def test_no_line_is_wider_than_asked(width, shape):
    grid = made(np.arange(shape[0] * shape[1]).reshape(shape))
    for unicode, color in ((False, False), (True, True)):
        drawn = lines(grid, width, 20, unicode=unicode, color=color)
        assert max(len(ESCAPE.sub("", line)) for line in drawn) <= width
        assert len(drawn) <= 20 + 8


def test_colours_are_those_of_the_scale():
    drawn = lines(made([[0.0, 1.0]]), height=1, color=True)
    assert drawn[1].count("\x1b[97;48;2;68;1;84m") == 8  # viridis begins with #440154, dark
    assert drawn[1].count("\x1b[30;48;2;253;231;37m") == 8  # and ends with #fde725, light


def test_ascii_is_ascii():
    drawn = lines(made([[1e-3, 1.0, np.nan, 0.0]], log=True, center=1.0))
    assert all(line.isascii() for line in drawn)


def test_names_are_places():
    drawn = lines(made([[1.0, 2.0], [3.0, 4.0]], ["zeros", "normal"], ["relu", "tanh"]), height=2)
    assert drawn[1].startswith("tanh ")
    assert drawn[3].split() == ["zeros", "normal"]
