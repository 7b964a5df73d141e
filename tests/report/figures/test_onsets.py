"""Rules where curves turn nan."""

from dataclasses import dataclass

import numpy as np

from initlab.report.figures.onsets import MOST_RULES, onset_rules


@dataclass
class Curve:
    """Of one run, or of some."""

    label: str
    runs: tuple[int, ...]


def test_curves_that_turn_nan_at_one_layer_share_a_rule():
    curves = [Curve("a", (0,)), Curve("b", (1,)), Curve("c", (2, 3))]
    rules, notes = onset_rules(curves, np.array([31, 31, np.nan, 35]))
    assert [(rule.label, rule.x) for rule in rules] == [
        ("nan at layer 31 (2 lines)", 31), ("nan at layer 35 (c)", 35),
    ]  # fmt: skip
    assert notes == []


def test_the_only_curve_needs_no_name():
    rules, _ = onset_rules([Curve("a", (0,))], np.array([31.0]))
    assert rules[0].label == "nan at layer 31"


def test_more_than_a_few_rules_are_told():
    curves = [Curve(str(n), (n,)) for n in range(MOST_RULES + 3)]
    rules, notes = onset_rules(curves, np.arange(MOST_RULES + 3.0))
    assert len(rules) == MOST_RULES
    assert notes == ["3 more lines turn nan, from layer 6 on."]


def test_many_curves_have_one_rule_where_the_first_turns_nan():
    curves = [Curve(str(n), (n,)) for n in range(60)]
    rules, _ = onset_rules(curves, np.where(np.arange(60) > 47, np.arange(60.0), np.nan))
    assert [(rule.label, rule.x) for rule in rules] == [("12 of 60 turn nan, from layer 48 on", 48)]
