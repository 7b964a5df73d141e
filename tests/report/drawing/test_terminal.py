"""Figures in characters, read back from their rows and columns."""

import re

import numpy as np
import pytest

from initlab.report.drawing import terminal
from initlab.report.figure import Axis, Band, Figure, Line, Panel, Rule

X = np.arange(100.0)
LOG = Axis("std", log=True)


def figure(*lines, y=LOG, rules=(), notes=()):
    """A figure of one panel."""
    return Figure("a sweep", (Panel("", Axis("layer"), y, lines, (), tuple(rules)),), notes)


def draw(figure, *, width=80, height=17, unicode=False, color=False):
    """Its text."""
    return terminal.draw(figure, width, height, unicode=unicode, color=color)


def body(text, sides="|"):
    """The rows between the axes, top first, and the number beside each."""
    rows = [re.fullmatch(rf"\s*(\S*) [{sides}](.*)[{sides}]", line) for line in text.splitlines()]
    return [(row[1], row[2]) for row in rows if row]


def cells(text, mark):
    """(row from the top, column) of every mark."""
    rows = [row for _, row in body(text)]
    return [(i, j) for i, row in enumerate(rows) for j, c in enumerate(row) if c == mark]


def test_a_steady_line_stays_in_one_row():
    found = cells(draw(figure(Line("tanh", X, 0.65 + 0.01 * np.sin(X)))), "+")
    assert len({row for row, _ in found}) == 1
    assert {column for _, column in found} == set(range(len(body(draw(figure()))[0][1])))


def test_an_exploding_line_rises_from_the_bottom_to_the_top():
    found = cells(draw(figure(Line("relu", X, 1.67**X))), "+")
    by_column = sorted(found, key=lambda cell: (cell[1], -cell[0]))
    rows = [row for row, _ in by_column]
    assert rows == sorted(rows, reverse=True)
    assert rows[0] >= 14
    assert rows[-1] <= 1


def test_numbers_beside_the_rows_are_those_of_the_axis():
    text = draw(figure(Line("relu", X, 10.0 ** (X / 5))))  # from 1 to 1e19.8
    numbers = {float(number): row for row, (number, _) in enumerate(body(text)) if number}
    assert set(numbers) == {1, 1e5, 1e10, 1e15, 1e20}
    for value, row in numbers.items():
        if value == 1e20:  # above the line's end
            continue
        column = next(c for r, c in cells(text, "+") if r == row)
        at = 10.0 ** (99 * column / (len(body(text)[0][1]) - 1) / 5)
        assert abs(np.log10(at / value)) < 2  # a row is 1.3 decades high


def test_where_a_run_turns_nan_stands_a_bar_in_every_row():
    rule = Rule("nan at layer 31", x=31.0)
    text = draw(figure(Line("identity", X[:31], 16.0 ** X[:31]), rules=[rule]))
    rows = [row for _, row in body(text)]
    bars = {row.rfind("|") for row in rows if "|" in row}
    assert bars == {len(rows[0]) - 1}  # layer 31 is the last one there
    assert "| nan at layer 31\n" in text


def test_a_rule_whose_label_does_not_say_where_it_is_says_so():
    text = draw(figure(Line("a", X, X + 1), rules=[Rule("edge", x=31.0), Rule("one", y=1.0)]))
    assert "| edge (layer 31)\n" in text
    assert "- one (std 1)\n" in text


def test_every_line_has_a_mark_of_its_own_and_a_legend():
    text = draw(figure(*(Line(name, X, X * 0 + 10.0**n) for n, name in enumerate("abcd"))))
    assert "+ a   x b   o c   * d\n" in text
    rows = {mark: {row for row, _ in cells(text, mark)} for mark in "+xo*"}
    assert all(len(row) == 1 for row in rows.values())
    assert sorted(rows, key=lambda mark: -min(rows[mark])) == ["+", "x", "o", "*"]


def test_a_prediction_is_dotted_below_what_was_measured():
    text = draw(figure(Line("a", X, X * 0 + 1), Line("a", X, X * 0 + 30, dashed=True)))
    assert "+ a   . predicted\n" in text
    ((row,), columns) = ({r for r, _ in cells(text, ".")}, [c for _, c in cells(text, ".")])
    assert row < cells(text, "+")[0][0]
    assert 20 < len(columns) < 40


def test_without_colour_there_is_no_escape_and_in_ascii_nothing_else():
    lines = Line("a", X, X + 1), Line("b", X, X + 2)
    assert "\x1b" not in draw(figure(*lines), unicode=True)
    assert draw(figure(*lines), unicode=False).isascii()


def test_with_colour_lines_are_braille_in_their_colours():
    text = draw(
        figure(Line("tanh", X, X + 1), Line("relu", X, X * 9 + 2)), unicode=True, color=True
    )
    assert "\x1b[38;2;0;114;178m" in text  # tanh's blue, #0072B2
    assert "\x1b[38;2;213;94;0m" in text  # relu's vermillion, #D55E00
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert any("\u2801" <= c <= "\u28ff" for c in plain)
    assert max(map(len, plain.splitlines())) <= 80


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_no_line_is_wider_than_asked(width):
    lines = [Line(f"a long name number {n}", X, X + n + 1) for n in range(9)]
    text = draw(figure(*lines, notes=("a note of many words " * 9,)), width=width)
    assert max(map(len, text.splitlines())) <= width


def test_text_of_others_cannot_command_the_terminal():
    text = draw(Figure("\x1b[2J", (Panel("\x1b[1m", Axis("x"), LOG, ()),), ("\x1b[3m",)))
    assert "\x1b" not in text


def test_notes_say_what_is_left_out():
    text = draw(figure(Line("relu", X, np.where(X > 96, 0, 0.5**X))), width=100)
    assert "relu: 3 values are 0 (layer 97 to 99), which a log axis cannot show\n" in text


def test_notes_are_of_what_characters_draw_and_that_is_no_band():
    panel = Panel("", Axis("layer"), LOG, (Line("a", X, X + 1),), (Band("a", X, X + 1, X + 2),))
    text = draw(Figure("", (panel,), ("Measured.",), band_notes=("Spread: of the seeds.",)))
    assert text.endswith("\nMeasured.\n")
    assert "pread" not in text


def test_panels_stand_one_below_the_other():
    panel = Panel("first", Axis("layer"), LOG, (Line("a", X, X + 1),))
    other = Panel("second", Axis("layer"), Axis("cosine"), (Line("a", X, X / 99),))
    text = draw(Figure("", (panel, other)))
    assert text.index("first") < text.index("std, log scale") < text.index("second")
    assert len(body(text)) == 34


def test_nothing_has_axes():
    assert len(body(draw(figure()))) == 17
