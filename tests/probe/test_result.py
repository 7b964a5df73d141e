"""Records of what was found: frames, what fails, and what a test run is told."""

import pytest
from probe_examples import COPIES, EXPLODES, LOST, SOMETIMES, UNUSED

from initlab.probe.result import (
    LEVELS,
    PARAMETER_COLUMNS,
    SITE_COLUMNS,
    Coverage,
    Finding,
    Fix,
    Probe,
    Summary,
)


def probe(*findings, sites=(), parameters=()):
    rows = tuple({**dict.fromkeys(SITE_COLUMNS), **row} for row in sites)
    of = tuple({**dict.fromkeys(PARAMETER_COLUMNS), **row} for row in parameters)
    runs = (Summary(0, "", 8, 0, None, None, None, None, None),)
    return Probe("net.py:build", (0, 1), findings, rows, of, runs, Coverage())


def test_levels_from_the_worst():
    assert LEVELS == ("error", "warning", "note", "seed-dependent")


@pytest.mark.parametrize(
    ("level", "failing"),
    [
        ("error", [EXPLODES]),
        ("warning", [EXPLODES, LOST, COPIES]),
        ("note", [EXPLODES, LOST, COPIES, UNUSED]),
        ("seed-dependent", [EXPLODES, LOST, COPIES, UNUSED, SOMETIMES]),
    ],
)
def test_what_fails_is_of_a_level_or_worse(level, failing):
    found = probe(EXPLODES, LOST, COPIES, UNUSED, SOMETIMES)
    assert found.failing(level) == failing
    with pytest.raises(AssertionError):
        found.assert_healthy(level)


def test_notes_and_findings_of_some_seeds_fail_nobody():
    found = probe(UNUSED, SOMETIMES)
    assert found.failing() == []
    found.assert_healthy()
    found.assert_healthy("error")


def test_a_level_that_there_is_not():
    with pytest.raises(ValueError, match="not in tuple"):
        probe().failing("fatal")


def test_the_assertion_lists_findings_and_their_code():
    with pytest.raises(AssertionError) as error:
        probe(EXPLODES, COPIES, UNUSED).assert_healthy()
    lines = str(error.value).splitlines()
    assert lines[0] == "net.py:build: 2 findings"
    assert lines[1].startswith(f"  {EXPLODES}")
    assert EXPLODES.where in lines[1]
    assert lines[2:5] == [f"    {line}" for line in EXPLODES.fix.code]
    assert lines[5] == f"  {COPIES}"
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (Finding("r", "error", "a.b", "is bad"), "error[r] a.b: is bad"),
        (Finding("r", "note", "a", "m", parameter="a.w"), "note[r] a.w: m"),
        (Finding("r", "warning", "", "m"), "warning[r] the model: m"),
    ],
)
def test_a_finding_in_words(finding, text):
    assert str(finding) == text


def test_frames_have_all_columns_and_the_trunk_its_order():
    rows = [
        {"seed": 1, "site": "a", "trunk": 0},
        {"seed": 0, "site": "c", "trunk": 2},
        {"seed": 0, "site": "beside", "trunk": None},
        {"seed": 0, "site": "b", "trunk": 1},
    ]
    found = probe(sites=rows, parameters=[{"seed": 0, "name": "w"}])
    assert list(found.sites.columns) == list(SITE_COLUMNS)
    assert list(found.sites["site"]) == ["a", "c", "beside", "b"]
    assert [row["site"] for row in found.trunk_rows()] == ["b", "c", "a"]
    assert list(found.trunk["site"]) == ["b", "c", "a"]
    assert list(found.parameters["name"]) == ["w"]
    assert list(found.parameters.columns) == list(PARAMETER_COLUMNS)


def test_frames_of_nothing_have_columns_too():
    assert list(probe().trunk.columns) == list(SITE_COLUMNS)
    assert len(probe().parameters) == 0


def test_every_column_says_what_it_means():
    assert all(SITE_COLUMNS.values())
    assert all(PARAMETER_COLUMNS.values())
    assert Fix("in words").verified is None
