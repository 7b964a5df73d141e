"""Predicted against measured: a dot for every run that has both."""

import math

import pytest

from initlab.report.page import agreement
from initlab.report.page.agreement import agreements
from initlab.report.page.points import points_of

pytestmark = pytest.mark.xdist_group("page")  # the sweep is made once


def drawable(*cells):
    return all(cell and math.isfinite(float(cell)) and float(cell) > 0 for cell in cells)


def test_dots_are_the_runs_of_the_csv(swept):
    std, gradient = agreements(points_of(swept.source.runs))
    band = ("predicted_std_p50", "std_last", "predicted_std_p10", "predicted_std_p90")
    wanted = [row for row in swept.runs if drawable(*(row[name] for name in band[:2]))]
    assert std.dots["run"] == [int(row["run"]) for row in wanted]
    for name, column in zip(("predicted", "measured", "from", "to"), band, strict=True):
        cells = [float(row[column]) if row[column] else None for row in wanted]
        assert std.dots[name] == [c if c is None else pytest.approx(c, rel=1e-4) for c in cells]
    lost = len(swept.runs) - len(wanted)
    assert std.notes == [
        f"Not drawn, of 18 runs: {lost} at 0, not finite, not measured or not predicted."
    ]
    row = swept.runs[gradient.dots["run"][0]]
    ratio = float(row["grad_std_first"]) / float(row["grad_std_last"])
    assert gradient.dots["measured"][0] == pytest.approx(ratio, rel=1e-4)


def test_runs_without_a_band_are_compared_with_infinite_width(swept_of):
    swept = swept_of("unbanded", band=0)
    std, _ = agreements(points_of(swept.source.runs))
    assert std.dots["predicted"] == [pytest.approx(float(swept.runs[0]["predicted_std"]), rel=1e-4)]
    assert "from" not in std.dots


def test_very_many_dots_are_thinned_and_it_is_said(swept, monkeypatch):
    monkeypatch.setattr(agreement, "MOST_DOTS", 4)
    std, _ = agreements(points_of(swept.source.runs))
    assert len(std.dots["run"]) == 4
    assert std.notes[-1].endswith("4 are drawn, at equal distances.")
