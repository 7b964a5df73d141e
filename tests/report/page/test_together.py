"""Several sweeps as one: their points in one table and in the same charts."""

import dataclasses
from pathlib import Path

import pytest

from initlab.report.page import together as module
from initlab.report.page.data import section_of
from initlab.report.page.together import together

pytestmark = pytest.mark.xdist_group("page")  # the sweep is made once


@pytest.fixture(scope="module")
def sections(swept, swept_of):
    other = swept_of("other", init="{scheme: xavier_normal, gain: 2}", depth=5)
    return [section_of(swept.source), section_of(other.source)]


def test_points_keep_their_numbers_and_have_the_names_of_their_sweeps(sections):
    joined = together(sections)
    assert joined.points.names == [
        *(f"shown: {name}" for name in sections[0].points.names),
        "other",  # it has one point
    ]
    assert joined.points.forward == [w for s in sections for w in s.points.forward]
    assert joined.expected == [why for s in sections for why in s.expected]
    for place, alone in enumerate(sections[0].curves):
        assert joined.curves[place].curves[: len(alone.curves)] == alone.curves
    last = joined.curves[0].curves[6]
    alone = sections[1].curves[0].curves[0]
    assert last["value"] == pytest.approx(alone["value"])


def test_fields_of_one_sweep_only_are_fields_of_all(sections):
    joined = together(sections)
    assert joined.points.axes[:3] == ("spec", "depth", "activation")
    assert {"init.std", "init.gain"} <= set(joined.points.runs)


def test_sweeps_of_one_name_are_told_apart_by_their_folders(sections):
    first, second = (
        dataclasses.replace(s, source=dataclasses.replace(s.source, name="x", path=Path(path)))
        for s, path in zip(sections, ("a/x", "b/x"), strict=True)
    )
    names = together([first, second]).points.names
    assert names[0].startswith("a/x: ")
    assert names[-1] == "b/x"


def test_a_sweep_given_twice_is_two(sections):
    names = together([sections[1], sections[1]]).points.names
    assert names == ["1 other", "2 other"]


def test_one_sweep_and_very_many_points_are_not_compared(sections, monkeypatch):
    assert together(sections[:1]) is None
    monkeypatch.setattr(module, "MOST_CURVES", 6)
    assert together(sections) is None
