"""Findings of several seeds as one list."""

import pytest

from initlab.probe.result import Finding
from initlab.probe.seeds import combined


def found(rule="gradient-explodes", level="error", site="a", parameter="", **evidence):
    return Finding(rule, level, site, f"at {site}", evidence, parameter, f"net.py:{site}")


def one(several, fixed=()):
    (finding,) = combined(several, range(len(several)), fixed)
    return finding


def test_nothing_in_no_seed():
    assert combined([[], [], []], (0, 1, 2)) == ()


def test_what_holds_in_every_seed_keeps_its_level():
    finding = one([[found()]] * 3)
    assert (finding.level, finding.seeds, finding.of) == ("error", (0, 1, 2), 3)


def test_what_holds_in_some_is_seed_dependent_and_says_in_which():
    (finding,) = combined([[], [found()], []], (7, 8, 9))
    assert (finding.level, finding.seeds, finding.of) == ("seed-dependent", (8,), 3)


@pytest.mark.parametrize(
    "rule",
    [
        "parameter-nonfinite",
        "parameter-uninitialised",
        "nonfinite-forward",
        "nonfinite-backward",
        "no-symmetry-breaking",
        "identical-parameters",
        "double-softmax",
    ],
)
def test_what_is_wrong_in_itself_needs_one_seed(rule):
    finding = one([[], [found(rule, parameter="w")], []])
    assert (finding.level, finding.seeds) == ("error", (1,))


def test_the_mildest_level_counts():
    levels = ("error", "warning", "note")
    finding = one([[found(level=level, site=level)] for level in levels])
    assert (finding.level, finding.site) == ("note", "note")
    assert one([[found(level="error")], [found(level="error")]]).level == "error"
    assert one([[found(level="warning")], [found(level="error")]]).level == "warning"


def test_the_message_is_that_of_the_seed_in_the_middle_and_the_numbers_are_medians():
    finding = one([[found(site=str(k), factor=float(k), end=f"e{k}")] for k in (5, 1, 3)])
    assert (finding.site, finding.message, finding.where) == ("3", "at 3", "net.py:3")
    assert finding.evidence == {"factor": 3.0, "end": "e5"}


def test_of_factors_below_one_too():
    # vanishing: 1e-3 is the middle of these
    finding = one([[found(site=str(k), factor=k)] for k in (1e-4, 1e-3, 1e-2)])
    assert finding.site == "0.001"


def test_flags_stay_what_they_are():
    several = [[found(factor=2.0, batch_norm=True)], [found(factor=4.0, batch_norm=True)]]
    assert one(several).evidence == {"factor": 3.0, "batch_norm": True}


def test_evidence_that_a_seed_does_not_have():
    several = [[found(factor=2.0)], [found()]]
    assert one(several).evidence == {"factor": 2.0}


def test_several_of_a_rule_are_one_finding_that_names_them():
    of_seed = [found("parameter-nonfinite", parameter=f"l{k}.w") for k in range(6)]
    finding = one([of_seed, of_seed])
    assert finding.parameter == "l0.w"
    assert finding.message == "at a; the same of l1.w, l2.w, l3.w, ... (6 in all)"
    two = one([of_seed[:2]])
    assert two.message == "at a; the same of l1.w (2 in all)"


def test_copies_that_no_seed_changes_are_none():
    copies = [found("identical-parameters", "warning", parameter=p) for p in ("table", "w")]
    finding = one([copies, copies], fixed={"table"})
    assert (finding.parameter, finding.message) == ("w", "at a")
    assert combined([copies[:1]] * 2, (0, 1), {"table"}) == ()
    # that of other rules is not asked
    constant = [[found("no-symmetry-breaking", parameter="table")]]
    assert one(constant, fixed={"table"}).parameter == "table"


def test_the_worst_come_first():
    of_seed = [
        found("a", "note"),
        found("b", "warning"),
        found("c", "error"),
        found("d", "warning"),
    ]
    several = [[*of_seed, found("e", "error")], of_seed]
    names = [(f.rule, f.level) for f in combined(several, (0, 1))]
    assert names == [
        ("c", "error"),
        ("b", "warning"),
        ("d", "warning"),
        ("a", "note"),
        ("e", "seed-dependent"),
    ]


def test_each_seed_has_its_findings():
    with pytest.raises(ValueError, match="shorter"):
        combined([[]], (0, 1))
