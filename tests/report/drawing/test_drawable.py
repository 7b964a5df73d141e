"""What reaches a drawer: finite, positive on log axes; and the notes that count the rest."""

import numpy as np
import pytest

from initlab.report.drawing.drawable import MOST_POINTS, drawable
from initlab.report.figure import Axis, Band, Figure, Grid, Line, Panel, Rule

X = np.arange(6.0)
LOG, LINEAR = Axis("std", log=True), Axis("cosine")
NAN, INF = np.nan, np.inf


def of(*lines, y=LOG, bands=(), rules=()):
    """A figure of one panel."""
    return Figure("", (Panel("", Axis("layer"), y, lines, tuple(bands), tuple(rules)),))


def drawn(figure):
    """Its only panel, as drawn."""
    (panel,) = drawable(figure).panels
    return panel


def test_a_line_without_gaps_is_drawn_as_it_is():
    figure = of(Line("a", X, X + 1))
    assert drawn(figure).lines[0].y.tolist() == [1, 2, 3, 4, 5, 6]
    assert drawable(figure).notes == ()


def test_a_line_is_cut_where_a_log_axis_cannot_show_it():
    panel = drawn(of(Line("a", X, np.array([1.0, 0, 2, -3, INF, 4]))))
    assert [(line.x.tolist(), line.y.tolist()) for line in panel.lines] == [
        ([0], [1]), ([2], [2]), ([5], [4]),
    ]  # fmt: skip


def test_a_linear_axis_shows_zeros_and_what_is_negative():
    panel = drawn(of(Line("a", X, np.array([1.0, 0, -2, NAN, INF, 4])), y=LINEAR))
    assert [line.y.tolist() for line in panel.lines] == [[1, 0, -2], [4]]


@pytest.mark.parametrize(
    ("y", "notes"),
    [
        ([1, 2, 3, 0, 0, 0], ["a: 3 values are 0 (layer 3 to 5), which a log axis cannot show"]),
        ([1, 2, 3, 4, 5, 0], ["a: 1 value is 0 (layer 5), which a log axis cannot show"]),
        ([1, 2, -1, 3, 4, 5], ["a: 1 value is negative (layer 2), which a log axis cannot show"]),
        ([INF, INF, 3, 4, 5, 6], ["a: 2 values are infinite (layer 0 to 1)"]),
        ([-INF, 0, 3, 4, 5, 6],
         ["a: 1 value is 0 (layer 1), which a log axis cannot show",
          "a: 1 value is infinite (layer 0)"]),
        ([1, 2, NAN, 3, NAN, NAN], ["a: 1 value is nan (layer 2)"]),  # at the end it just ends
        ([NAN] * 6, ["a: all 6 values are nan (layer 0 to 5)"]),
        ([0] * 6, ["a: all 6 values are 0 (layer 0 to 5), which a log axis cannot show"]),
    ],
)  # fmt: skip
def test_what_is_left_out_is_told(y, notes):
    assert list(drawable(of(Line("a", X, np.array(y, float)))).notes) == notes


def test_a_prediction_is_told_as_one():
    (note,) = drawable(of(Line("a", X, X, dashed=True))).notes
    assert note.startswith("a (predicted): 1 value is 0 (layer 0)")


def test_many_lines_that_leave_something_out_are_told_together():
    lines = [Line(f"line {n}", X, np.where(X > 3, 0, 1.0)) for n in range(7)]
    notes = drawable(of(*lines)).notes
    assert len(notes) == 5
    assert notes[-1] == "3 more lines leave out 6 values that are 0"


def test_a_band_has_both_sides_or_none():
    band = Band("a", X, np.array([1.0, 1, 0, 1, 1, 1]), np.array([2.0, 2, 2, 2, INF, 2]))
    found = drawn(of(Line("a", X, X + 1), bands=[band])).bands
    assert [part.x.tolist() for part in found] == [[0, 1], [3], [5]]


def test_a_rule_that_no_axis_shows_is_left_out():
    rules = [Rule("up", x=3.0), Rule("level", y=0.0), Rule("lost", x=NAN)]
    assert [rule.label for rule in drawn(of(Line("a", X, X + 1), rules=rules)).rules] == ["up"]


def test_long_lines_are_thinned_by_the_rule_that_is_told():
    x = np.arange(MOST_POINTS * 2.5)
    figure = drawable(of(Line("a", x, x + 1)))
    line = figure.panels[0].lines[0]
    assert line.x[:3].tolist() == [0, 3, 6]
    assert line.x[-1] == x[-1]  # 12,499 is no multiple of 3
    assert figure.notes == ("Lines are drawn at every 3rd of 12,500 points.",)


def test_cells_of_a_grid_that_no_axis_shows_are_nan_and_told():
    values = np.array([[1.0, 0, INF], [-1, 2, 3]])
    grid = Grid("", Axis("x"), Axis("y"), Axis("ratio", log=True), X[:3], X[:2], values)
    figure = drawable(Figure("", (grid,)))
    np.testing.assert_array_equal(figure.panels[0].values, [[1, NAN, NAN], [NAN, 2, 3]])
    assert figure.panels[0].marks.tolist() == [["", "0", "inf"], ["< 0", "", ""]]
    assert figure.notes == (
        "ratio: 1 cell is 0, drawn as the lowest.",
        "ratio: 1 cell is inf, drawn as the highest.",
        "ratio: 1 cell is < 0, not drawn.",
    )


def test_a_row_of_a_grid_at_a_place_that_no_axis_shows_is_left_out():
    log = Axis("x", log=True)
    grid = Grid("", log, Axis("y"), Axis("v"), X[:3], X[:2], np.arange(6.0).reshape(2, 3))
    (found,) = drawable(Figure("", (grid,))).panels
    assert (found.xs.tolist(), found.values.tolist()) == ([1, 2], [[1, 2], [4, 5]])


def test_nothing_is_drawable():
    assert drawn(of()).lines == ()
    assert drawn(of(Line("a", X[:0], X[:0]))).lines == ()
