"""What is drawn of a probe equals its rows, and whatever a model is, something is drawn."""

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from report.page.probes import EXPLODES, SOMETIMES, UNUSED, chain, modelled

from initlab.catalog.probe_rules import GRADIENT_WARNING
from initlab.probe.result import Finding
from initlab.report.drawing.charts import chart, picture
from initlab.report.drawing.terminal import draw
from initlab.report.figures.probe import MOST_MARKED, MOST_NAMED, probe_figure
from initlab.report.figures.probe_trunk import trunk_of


def strong(figure, label, *, dashed=False):
    """The line of a label that is not of a single seed."""
    (found,) = [
        line for panel in figure.panels for line in panel.lines
        if line.label == label and line.dashed == dashed and not line.faint
    ]  # fmt: skip
    return found


def faint(figure, label):
    return [ln for panel in figure.panels for ln in panel.lines if ln.label == label and ln.faint]


def column(probe, name, seed):
    return [row[name] for row in probe.trunk_rows() if row["seed"] == seed]


def uprights(figure, panel=0):
    return {rule.x: rule.label for rule in figure.panels[panel].rules if rule.x is not None}


def told(figure):
    return " ".join(figure.notes)


def drawn(figure):
    """It in characters; that it can be drawn in a file as well."""
    chart(figure).to_dict()
    return draw(figure, 80, 9, unicode=False, color=False)


@pytest.mark.parametrize("name", ["rms", "signal"])
def test_lines_are_medians_of_the_rows_and_the_seeds_themselves(name):
    probe = modelled(growth=1.1)
    figure = probe_figure(probe)
    seeds = [column(probe, name, seed) for seed in (0, 1, 2)]
    wanted = [statistics.median(values) for values in zip(*seeds, strict=True)]
    np.testing.assert_array_equal(strong(figure, name).y, wanted)
    np.testing.assert_array_equal(strong(figure, name).x, range(92))
    np.testing.assert_array_equal([line.y for line in faint(figure, name)], seeds)


def test_s_is_over_s_at_the_output_of_its_own_seed():
    probe = modelled(backward=1.2)
    seeds = [column(probe, "sensitivity", seed) for seed in (0, 1, 2)]
    ratios = [[s / values[-1] for s in values] for values in seeds]
    line = strong(probe_figure(probe), "s")
    np.testing.assert_allclose(line.y, np.median(ratios, axis=0), rtol=1e-15)
    assert line.y[-1] == 1
    assert [line.y.tolist() for line in faint(probe_figure(probe), "s")] == ratios


def test_thresholds_of_the_rules_are_marked_in_the_panel_of_s():
    _, backward = probe_figure(modelled()).panels
    levels = {rule.y: rule.label for rule in backward.rules if rule.y is not None}
    assert levels == {
        GRADIENT_WARNING: "gradient-explodes above 100",
        1 / GRADIENT_WARNING: "gradient-vanishes below 1/100",
    }


def test_theory_is_dashed_where_it_knows_the_rms():
    assert strong(probe_figure(modelled(growth=1.1, predicted=True)), "rms", dashed=True).y[
        2
    ] == pytest.approx(1.21)
    lines = [line for panel in probe_figure(modelled()).panels for line in panel.lines]
    assert not any(line.dashed for line in lines)


def test_characters_have_no_faint_lines():
    figure = probe_figure(modelled(), seeds=False)
    assert [line.faint for panel in figure.panels for line in panel.lines] == [False] * 3
    assert "faint" not in told(figure)
    assert "median over seeds 0, 1, 2" in told(figure)


def test_findings_are_marked_at_their_places_and_others_are_named():
    figure = probe_figure(modelled(UNUSED, SOMETIMES, EXPLODES))
    assert uprights(figure) == {8: "gradient-explodes", 91: "signal-lost"}
    assert uprights(figure, 1) == uprights(figure)
    assert "Marked: gradient-explodes at blocks.2.act (place 8); signal-lost" in told(figure)
    assert "Not marked: unused-parameter at spare.weight." in told(figure)


def test_a_few_places_are_marked_the_worst_ones():
    levels = ["note", "error", "warning", "note", *["note"] * 2 * MOST_NAMED]
    many = [Finding(f"rule-{n}", level, f"blocks.{n}.fc", "") for n, level in enumerate(levels)]
    figure = probe_figure(modelled(*many, Finding("beside", "error", "blocks.1.fc", "")))
    assert len(uprights(figure)) == MOST_MARKED
    assert uprights(figure) == {1: "rule-0", 4: "rule-1, beside", 7: "rule-2"}
    assert f"; {len(many) - MOST_MARKED - MOST_NAMED} more." in told(figure)


@pytest.mark.parametrize(
    ("site", "place"),
    [("blocks.2", 9), ("blocks.2.act", 8), ("blocks", 90), ("x", 0), ("block", None), ("", None)],
)
def test_a_finding_is_about_a_site_or_else_about_the_end_of_a_module(site, place):
    assert trunk_of(modelled()).place_of(Finding("a", "note", site, "")) == place


def test_without_a_gradient_a_note_says_so():
    rows = [row | {"trunk": None} for row in chain(2)]
    figure = probe_figure(modelled(EXPLODES, rows=rows))
    assert "there is no trunk, as no output has a gradient" in drawn(figure)
    assert "Not marked: gradient-explodes at blocks.2.act." in told(figure)


def test_a_trunk_of_one_site_is_a_point():
    figure = probe_figure(modelled(rows=chain(0, seeds=(4,))[:1], seeds=(4,)))
    assert strong(figure, "s").y.tolist() == [1]
    assert "Measured in seed 4." in drawn(figure)


def test_what_is_nan_counts_as_infinite_and_is_told():
    figure = probe_figure(modelled(nan_from=60))
    assert np.isinf(strong(figure, "rms").y).nonzero()[0].tolist() == [*range(60, 92)]
    text = " ".join(drawn(figure).split())
    assert "rms: 32 values are infinite (place in the trunk 60 to 91)" in text
    assert "What is nan counts as infinite." in text
    assert "s is not drawn for seeds 0, 1, 2: at the output it is 0, unknown or not" in text
    assert len(figure.panels) == 1


def test_nothing_finite_is_drawn_as_nothing():
    assert "all 92 values are infinite" in drawn(probe_figure(modelled(nan_from=0)))


def test_s_of_0_at_the_output_has_no_scale():
    rows = [row | {"sensitivity": 0.0} if row["seed"] == 1 else row for row in chain()]
    probe = modelled(rows=rows)
    figure = probe_figure(probe)
    assert "s is not drawn for seed 1:" in told(figure)
    assert len(faint(figure, "s")) == 2
    ratios = [np.array(s) / s[-1] for s in (column(probe, "sensitivity", n) for n in (0, 2))]
    np.testing.assert_allclose(strong(figure, "s").y, np.mean(ratios, axis=0))


def test_one_seed_that_turns_nan_is_told_where_the_median_is_drawn():
    rows = [
        row | ({"rms": math.nan} if row["seed"] == 2 and (row["trunk"] or 0) > 89 else {})
        for row in chain()
    ]
    figure = probe_figure(modelled(rows=rows))
    assert "0 or not finite, and left out: rms of seed 2 at 2 places." in told(figure)
    assert np.isfinite(strong(figure, "rms").y).all()
    assert [len(line.x) for line in faint(figure, "rms")] == [92, 92, 90]


def test_without_a_batch_there_is_no_signal():
    rows = [row | {"signal": None} for row in chain(3)]
    figure = probe_figure(modelled(rows=rows))
    assert {line.label for line in figure.panels[0].lines} == {"rms"}
    assert "times rms, over s" in told(figure)


def test_trunks_that_differ_are_joined_by_their_sites():
    gone = {"blocks.1.fc", "blocks.1.act", "blocks.1 : add"}  # as LayerDrop has it
    rows = [row for row in chain(4) if not (row["seed"] == 0 and row["site"] in gone)]
    probe = modelled(rows=rows)
    figure = probe_figure(probe)
    others = [column(probe, "rms", seed) for seed in (1, 2)]
    np.testing.assert_allclose(strong(figure, "rms").y[4:7], np.mean(others, axis=0)[4:7])
    first = column(probe, "rms", 0)
    seeds = [first[:4] + [np.nan] * 3 + first[4:], *others]
    np.testing.assert_allclose(strong(figure, "rms").y, np.nanmedian(seeds, axis=0))
    extra = {**rows[0], "seed": 0, "site": "own", "trunk": 20}
    assert "1 site is not drawn" in told(probe_figure(modelled(rows=[*rows, extra])))


def test_a_long_trunk_is_drawn_at_every_place():
    figure = probe_figure(modelled(blocks=500))
    assert not faint(figure, "s")
    assert [len(line.x) for line in chart_lines(figure)] == [1502] * 3


def chart_lines(figure):
    return [line for panel in figure.panels for line in panel.lines]


def test_hostile_names_stay_text():
    evil = "</script><b>\x1b[31m\n\ufffe\udcff"
    finding = replace(EXPLODES, site=evil, rule=evil)
    rows = [row | {"site": evil} if row["trunk"] == 3 else row for row in chain(2)]
    figure = probe_figure(modelled(finding, target=evil, rows=rows))
    picture(figure, "svg")  # what is no XML would end the process
    text = drawn(figure)
    assert "\x1b" not in text
    assert r"\x1b[31m\n\ufffe\udcff" in text
