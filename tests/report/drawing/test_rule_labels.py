"""Names of rules stand where nothing else does."""

import numpy as np

from initlab.report.drawing.end_labels import EndLabel
from initlab.report.drawing.rule_labels import rule_labels
from initlab.report.drawing.scales import panel_scales
from initlab.report.figure import Axis, Line, Panel, Rule

X = np.arange(100.0)
SIZE = (640, 360)
HIGH = Line("a", X, 90 + X / 10)  # far above where names of rules stand
LEVEL = Line("b", X, 0 * X)
POINT = Line("b", X[:1], 0 * X[:1])


def places(*rules, lines=(HIGH, LEVEL), ends=()):
    panel = Panel("", Axis("layer"), Axis("y"), lines, rules=rules)
    (scales,) = panel_scales([panel])
    found = rule_labels(panel, scales, SIZE, ends)
    return [(at.x, at.row, at.leftward) for at in found]


def test_a_name_stands_at_the_bottom_right_of_its_rule_or_left_at_the_edge():
    rules = Rule("nan at layer 31", x=31.0), Rule("nan at layer 99", x=99.0)
    assert places(*rules, lines=(HIGH, POINT)) == [(31, 0, False), (99, 0, True)]


def test_names_of_rules_that_are_close_do_not_cross_the_other_rule():
    # 4 layers are 26 pixels, a name about 98: it stands on the side where there is no rule
    rules = Rule("nan at layer 31", x=31.0), Rule("nan at layer 35", x=35.0)
    assert [leftward for _, _, leftward in places(*rules)] == [True, False]


def test_a_name_does_not_stand_on_a_line():
    # y runs from -4 to 104: a name at -4 is in row 0, the level line in row 1, 13 pixels up
    below = [EndLabel("a name in the lowest row", 20.0, -4.0)]
    assert places(Rule("nan at 31", x=31.0), ends=below) == [(31, 2, False)]
    assert places(Rule("nan at 31", x=31.0), ends=below, lines=(HIGH, POINT)) == [(31, 1, False)]
    crowded = tuple(Line(str(n), X, 0 * X + n) for n in range(0, 100, 2))
    assert len(places(Rule("nan at layer 31", x=31.0), lines=crowded)) == 1  # somewhere it must


def test_a_name_does_not_stand_on_that_of_a_line_or_of_another_rule():
    rules = Rule("one and the same", x=31.0), Rule("one and the same", x=31.0)
    first, second = places(*rules, lines=(HIGH, POINT))
    assert first != second
    ends = [EndLabel("a name", 32.0, 0.0)]
    assert places(rules[0], lines=(HIGH, POINT), ends=ends) != [first]
    # that of a level rule is 13.3 to 26.3 pixels up: in row 1, and a little in row 2
    level, below = Rule("a level rule", y=-1.0), [EndLabel("a name", 4.0, -4.0)]
    assert places(Rule("x", x=5.0), level, lines=(HIGH, POINT), ends=below) == [(5, 3, False)]


def test_a_panel_too_narrow_for_a_name_has_it_all_the_same():
    ((_, _, leftward),) = places(Rule("long " * 40, x=50.0))
    assert not leftward
