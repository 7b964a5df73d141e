"""What a page holds of a sweep."""

import dataclasses
import shlex
from pathlib import Path

import pytest

from initlab.report.bands import inside_band
from initlab.report.page import curves
from initlab.report.page.data import section_of
from initlab.report.page.markup import body
from initlab.report.predictions import prediction_rows

pytestmark = pytest.mark.xdist_group("page")  # the sweep is made once


def test_theorys_reasons_are_those_of_predict(swept):
    rows = prediction_rows(swept.source.plan)
    assert section_of(swept.source).expected == [row["why"] for row in rows]


def test_a_part_of_a_sweep_has_the_reasons_of_its_own_points(swept):
    plan, runs = swept.source.plan, swept.source.runs
    cut = plan.cut(2, 3)
    kept = runs[runs["run"].isin(cut.numbers)].reset_index(drop=True)
    section = section_of(dataclasses.replace(swept.source, plan=cut, runs=kept))
    whole = section_of(swept.source)
    wanted = [whole.expected[whole.points.names.index(name)] for name in section.points.names]
    assert section.expected == wanted


def test_without_a_journal_theory_gives_no_reasons(swept):
    assert section_of(dataclasses.replace(swept.source, plan=None)).expected == [""] * 6


def test_commands_are_quoted_for_a_shell(swept):
    provenance = {"command": ["/usr/bin/initlab", "sweep", "a b.yaml", "--set", "init={x: 1}"]}
    source = dataclasses.replace(swept.source, path=Path("my results/x"), provenance=provenance)
    section = section_of(source)
    assert shlex.split(section.command) == [
        "initlab", "sweep", "my results/x/spec.yaml", "--out", "again",
    ]  # fmt: skip
    assert section.commanded == "initlab sweep 'a b.yaml' --set 'init={x: 1}'"


def test_surprising_runs_are_named_or_it_is_said_that_there_are_none(swept):
    runs = swept.source.runs.assign(surprise=0.0, forward_verdict="vanishing")
    calm = section_of(dataclasses.replace(swept.source, runs=runs)).surprises
    assert calm == ["None of 18: each lies within 5 standard deviations of its band."]
    runs.loc[4, "surprise"] = 7.0
    (told,) = section_of(dataclasses.replace(swept.source, runs=runs)).surprises
    assert told.startswith("tanh, std 3 seed 1: std ")
    assert "lies +7.0 standard deviations off the band" in told


def test_a_run_within_its_band_is_not_among_those_that_surprise(swept):
    runs = swept.source.runs.assign(surprise=0.0, forward_verdict="vanishing")
    band = ["predicted_std", "predicted_std_p10", "predicted_std_p90"]
    runs.loc[4, ["std_last", *band]] = [0.5, 1.0, 0.2, 2.0]
    runs.loc[4, "forward_verdict"] = "steady"
    section = section_of(dataclasses.replace(swept.source, runs=runs))
    assert section.surprises == ["None of 18: each lies within 5 standard deviations of its band."]
    (told,) = section.misleading
    assert "though 50% off infinite width" in told
    assert "<h3>Within the band, though far from infinite width</h3>" in body([section], None)


def test_runs_within_their_band_are_counted_as_the_csv_has_them(swept):
    known = [row for row in swept.runs if row["predicted_std_p10"] and row["std_last"] != "nan"]
    inside = [
        row
        for row in known
        if float(row["predicted_std_p10"])
        <= float(row["std_last"])
        <= float(row["predicted_std_p90"])
    ]
    found, compared = inside_band(section_of(swept.source).points.runs)
    assert ((found & compared).sum(), compared.sum()) == (len(inside), len(known))


def test_thinning_is_told(swept, monkeypatch):
    assert section_of(swept.source).thinning == ""
    monkeypatch.setattr(curves, "MOST_CURVES", 3)
    assert section_of(swept.source).thinning.startswith("Of 6 points 3 have a curve")
