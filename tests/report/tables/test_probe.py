"""What a person reads of a probe: findings, the trunk folded where nothing happens, coverage."""

import math
import re
from dataclasses import replace

import pytest
from probe_examples import (
    COPIES,
    EXPLODES,
    LOST,
    SOMETIMES,
    UNUSED,
    broken,
    probe,
    site,
    trunk,
)
from rich.console import Console

from initlab.probe.result import Coverage, Fix, Summary
from initlab.report.tables import rendering
from initlab.report.tables.probe.findings import (
    counted,
    finding_markdown,
    finding_text,
    verdict,
    worst_first,
)
from initlab.report.tables.probe.folding import FEW, Fold, folded, named_in
from initlab.report.tables.probe.medians import LEVELS, median, rows_of, sites_of
from initlab.report.tables.probe.sites import shortened, site_summary
from initlab.report.tables.probe.words import above, below, coverage_lines, run_line


def view(found, level="trunk", width=80, *, unicode=True):
    """All that is shown at a width."""
    console = Console(width=width, color_system=None)
    drawn, _ = rendering.table(site_summary(found, level, width), width, unicode=unicode)
    with console.capture() as table:
        console.print(drawn)
    return f"{above(found, width)}\n{table.get()}\n{below(found, width)}"


def cells(found, level="trunk"):
    """The rows of a table as dictionaries."""
    summary = site_summary(found, level)
    return [dict(zip(summary.header, row, strict=True)) for row in summary.rows]


# the verdict and findings ------------------------------------------------------------------------


def test_the_first_line_says_what_was_probed_and_what_came_of_it():
    assert verdict(probe()) == "net.py:build (3 seeds): healthy: nothing found"
    found = probe(EXPLODES, LOST, COPIES, UNUSED, SOMETIMES)
    assert above(found, 100).splitlines()[0] == (
        "net.py:build (3 seeds): 5 findings: 1 error, 2 warnings, 1 note, 1 seed-dependent"
    )
    assert verdict(probe(LOST, seeds=(0,))) == "net.py:build: 1 finding: 1 warning"
    assert counted([UNUSED, UNUSED]) == "2 findings: 2 notes"


def test_findings_come_the_worst_first_and_otherwise_as_they_were():
    assert worst_first([SOMETIMES, UNUSED, LOST, COPIES, EXPLODES]) == [
        EXPLODES, LOST, COPIES, UNUSED, SOMETIMES,
    ]  # fmt: skip


def test_a_finding_has_its_evidence_place_seeds_and_lines_to_paste():
    assert finding_text(EXPLODES, 60) == (
        "error[gradient-explodes] blocks.3: s grows x 1.6e4 from the\n"
        "  output to blocks.3, most of it in blocks.2\n"
        "  at net.py:12, in 3 of 3 seeds\n"
        "  fix: tanh's critical gain\n"
        "    for m in model.modules():\n"
        "        if isinstance(m, nn.Linear):\n"
        "            critical(m)\n"
    )


def test_a_parameter_is_named_before_its_module_and_nothing_is_the_model():
    assert finding_text(COPIES, 80).startswith("warning[identical-parameters] blocks.1.weight:")
    whole = replace(COPIES, parameter="", seeds=(0,), of=1)
    assert finding_text(whole, 80) == (
        "warning[identical-parameters] the model: equal to blocks.0.weight\n"
    )


@pytest.mark.parametrize(
    ("fix", "line"),
    [
        (Fix("f", verified=True, before="1.6e4", after="12"),
         "  tried: clears it: before 1.6e4, after 12"),
        (Fix("f", verified=False, before="1.7e5", after="1.4e5"),
         "  tried: does not clear it: before 1.7e5, after 1.4e5"),
        (Fix("f", verified=True), "  tried: clears it"),
        (Fix("f", ("x",), verified=False), "  tried: does not clear it"),
        (Fix("tried: a, b", verified=False), "  fix: tried: a, b"),
        (Fix("f"), "  fix: f"),
    ],
)  # fmt: skip
def test_a_fix_that_was_tried_says_what_came_of_it(fix, line):
    assert finding_text(replace(LOST, fix=fix), 80).splitlines()[-1] == line


def test_lines_that_mend_two_findings_are_shown_once():
    text = above(probe(EXPLODES, replace(LOST, fix=EXPLODES.fix)), 80)
    assert text.count("critical(m)") == 1
    assert text.splitlines()[-1] == "  fix: tanh's critical gain, as above"


def test_a_file_of_a_package_is_named_from_the_package_on():
    where = "/usr/lib/python3/site-packages/transformers/models/bert.py:566"
    line = finding_text(replace(LOST, where=where), 80).splitlines()[1]
    assert line == "  at transformers/models/bert.py:566, in 1 of 3 seeds"


def test_code_is_never_broken():
    long = "model.apply(" + "a, " * 60 + "b)"
    lines = finding_text(replace(LOST, fix=Fix("x " * 60, (long,))), 40).splitlines()
    assert f"    {long}" in lines
    assert all(len(line) <= 40 for line in lines if line != f"    {long}")


# sites -------------------------------------------------------------------------------------------


def test_the_median_of_seeds_counts_nan_as_infinite():
    assert median([3.0, None, 1.0, 2.0]) == 2
    assert median([1.0, math.inf, math.inf]) == math.inf
    assert math.isnan(median([1.0, math.nan, math.nan]))
    assert median([1.0, 2.0, math.nan]) == 2
    assert median([None]) is None


def test_s_is_relative_to_that_of_the_same_seed_at_the_end_of_the_trunk():
    rows = [
        site("x", 0, seed=0, sensitivity=8.0), site("y", 1, seed=0, sensitivity=2.0),
        site("x", 0, seed=1, sensitivity=30.0), site("y", 1, seed=1, sensitivity=3.0),
    ]  # fmt: skip
    found = cells(probe(rows=rows, seeds=(0, 1)))
    # medians of 8/2, 30/3 and of 1, 1
    assert [row["s/s_out"] for row in found] == ["7", "1"]


def test_without_a_gradient_at_the_output_nothing_is_relative_to_it():
    rows = [site("x", 0, sensitivity=8.0), site("y", 1, sensitivity=0.0)]
    shown = cells(probe(rows=rows, seeds=(0,)))
    assert [row["s"] for row in shown] == ["8", "0"]
    assert "s/s_out" not in shown[0]


def test_a_last_place_without_the_batch_in_front_is_passed_over():
    rows = [
        site(name, k, sensitivity=s)
        for k, (name, s) in enumerate(zip("xyz", (8.0, 4.0, None), strict=True))
    ]
    shown = cells(probe(rows=rows, seeds=(0,)))
    assert [row["s/s_out"] for row in shown] == ["2", "1", "-"]  # 8/4, 4/4


def test_a_site_that_only_some_seeds_have_is_shown_in_its_place():
    rows = [row for row in trunk(3) if row["seed"] == 1 or row["path"] != "blocks.1"]
    names = [s.name for s in sites_of(probe(rows=rows), "trunk")]
    assert names == ["x", *(f"blocks.{k}{op}" for k in range(3) for op in (" : tanh", "")), "head"]


def test_levels_are_rows_of_the_trunk_of_modules_and_of_all():
    found = probe()
    kinds = [{row["kind"] for row in rows_of(found, level)} for level in LEVELS]
    assert kinds == [{"module", "op"}, {"module"}, {"module", "op"}]
    assert all(row["trunk"] is not None for row in rows_of(found, "trunk"))
    assert len(rows_of(found, "ops")) == len(found.site_rows)


@pytest.mark.parametrize("level", ["modules", "ops"])
def test_other_levels_are_not_folded_and_have_gains(level):
    found = probe(rows=trunk(40))
    shown = cells(found, level)
    assert len(shown) == len({row["site"] for row in rows_of(found, level)})
    assert {"forward", "backward"} <= set(shown[0])
    assert "ln gain" not in shown[0]


def test_predictions_are_shown_where_there_are_any():
    assert "pred rms" not in cells(probe())[0]
    rows = [*trunk(2)]
    rows[1] = rows[1] | {"predicted_rms": 0.5}
    shown = cells(probe(rows=rows))
    assert [row["pred rms"] for row in shown] == ["-", "0.5", *["-"] * 4]
    assert "pred grad" not in shown[0]


def test_nothing_measured_is_said():
    assert "nothing was measured" in view(probe(rows=()))


# folding -----------------------------------------------------------------------------------------


def names(rows):
    return [row.name for row in rows]


def fold_of(found):
    return folded(sites_of(found, "trunk"), found.findings)


def test_a_short_trunk_is_shown_whole():
    found = probe(rows=trunk((FEW - 2) // 2))
    assert len(fold_of(found)) == FEW
    assert not any(isinstance(row, Fold) for row in fold_of(found))


def test_what_is_healthy_is_folded_into_a_row_between_first_and_last():
    assert names(fold_of(probe(rows=trunk(30)))) == ["x", "blocks.0 ... blocks.29", "head"]
    row = cells(probe(rows=trunk(30)))[1]
    assert row["site"] == "blocks.0 ... blocks.29 (60)"
    # all three seeds have one value: no range
    assert (row["rms"], row["signal"], row["ln gain"]) == ("1.01", "0.5", "+0.00")


def test_a_fold_has_the_range_of_its_numbers_and_the_sum_of_its_gains():
    rows = [site(f"blocks.{k}", k, rms=1 + k, d_ln_s=0.1) for k in range(20)]
    row = cells(probe(rows=rows, seeds=(0,)))[1]
    # sites 1 to 18 of 20: rms 2 to 19, a factor below ten; 18 gains of 0.1
    assert row == {
        "site": "blocks.1 ... blocks.18 (18)", "shape": "4x8", "rms": "2..19",
        "signal": "0.5", "s/s_out": "1", "ln gain": "+1.80",
    }  # fmt: skip


def test_what_findings_name_is_shown_with_its_neighbours():
    shown = names(fold_of(probe(replace(EXPLODES, site="blocks.7 : tanh"), rows=trunk(30))))
    assert shown == [
        "x", "blocks.0 ... blocks.6", "blocks.6", "blocks.7 : tanh", "blocks.7",
        "blocks.8 ... blocks.29", "head",
    ]  # fmt: skip


def test_a_module_that_is_named_is_shown_where_it_begins_and_ends():
    rows = [site(f"body.{k}.fc", k) for k in range(9)] + [site("head.fc", 9)]
    sites = sites_of(probe(rows=rows, seeds=(0,)), "trunk")
    assert named_in(sites, [replace(EXPLODES, site="body")]) == {0, 8}
    assert named_in(sites, [replace(EXPLODES, site="bod")]) == set()
    assert named_in(sites, [replace(EXPLODES, site="body.2.fc")]) == {2}
    assert named_in(sites, [replace(COPIES, parameter="body.1.fc.weight")]) == {1}
    assert named_in(sites, [replace(COPIES, parameter="weight")]) == set()


def test_the_largest_jump_is_shown():
    rows = list(trunk(30, seeds=(0,)))
    rows[21] = rows[21] | {"d_ln_s": -3.0}
    assert "blocks.10 : tanh" in names(fold_of(probe(rows=rows, seeds=(0,))))
    rows[31] = rows[31] | {"d_ln_s": math.nan}
    assert "blocks.15 : tanh" in names(fold_of(probe(rows=rows, seeds=(0,))))


def test_a_signal_that_dies_slowly_is_not_folded_into_one_row():
    rows = [site(f"blocks.{k}", k, rms=0.5**k, sensitivity=0.5**k) for k in range(200)]
    rows = fold_of(probe(rows=rows, seeds=(0,)))
    folds = [row for row in rows if isinstance(row, Fold)]
    assert len(folds) == 8
    assert {len(fold.sites) for fold in folds} <= {24, 25}
    assert sum(len(fold.sites) for fold in folds) == 198


@pytest.mark.parametrize("bad", [0.0, math.nan, math.inf])
def test_a_stretch_where_numbers_stop_being_such_is_shown_in_parts(bad):
    rows = [site(f"blocks.{k}", k, rms=1.0 if k < 50 else bad) for k in range(100)]
    rows = fold_of(probe(rows=rows, seeds=(0,)))
    assert len(rows) == 10
    shown = [row["rms"] for row in cells(probe(rows=[r | {"seed": 0} for r in _raw(bad)]))]
    assert shown[1] == "1"
    assert shown[-2] == {"0.0": "0", "nan": "nan", "inf": "inf"}[str(bad)]


def _raw(bad):
    return [site(f"blocks.{k}", k, rms=1.0 if k < 50 else bad) for k in range(100)]


def test_a_fold_hides_no_number_that_is_none():
    rows = [site(f"blocks.{k}", k, signal=math.nan if k == 7 else 0.5) for k in range(18)]
    shown = [row["signal"] for row in cells(probe(rows=rows, seeds=(0,)))]
    # sites 1 to 16 in five parts, the third of which is 7 to 9
    assert shown == ["0.5", "0.5", "0.5", "0.5..nan", "0.5", "0.5", "0.5"]


def test_ranges_are_short_enough_for_a_line():
    rows = [site(f"b.{k}", k, rms=1e-27 * (1 + k), signal=4e-3 + 1e-5 * k) for k in range(18)]
    shown = cells(probe(rows=rows, seeds=(0,)))
    assert shown[1]["rms"] == "2e-27..2e-26"  # sites 1 to 16 of 18
    assert shown[1]["signal"] == "0.004"  # both ends, in one digit


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("blocks.0.fc", "blocks.9.act", "blocks.0 ... blocks.9"),
        ("blocks.0.fc", "blocks.0.act", "blocks.0.fc ... blocks.0.act"),
        ("blocks.0", "blocks.0.act", "blocks.0 ... blocks.0.act"),
        ("blocks.0", "blocks.0", "blocks.0"),
        ("stem", "blocks.0.act", "stem ... blocks"),
        (" : add", "stem", " : add ... stem"),
    ],
)
def test_a_fold_is_named_by_what_differs_first(first, last, name):
    rows = [site(first, 0), site(f"{last}#2" if first == last else last, 1)]
    assert Fold(tuple(sites_of(probe(rows=rows, seeds=(0,)), "trunk"))).name == name


# width -------------------------------------------------------------------------------------------

LONG = "bert.encoder.layer.11.attention.output.LayerNorm"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_view_fits_its_width(level, width):
    rows = [
        site(f"bert.encoder.layer.{k // 2}.attention.output.LayerNorm{op}", k,
             rms=1e-12 * 7**k, predicted_rms=1e5, shape="128x512x4096")
        for k, op in enumerate([" : native_layer_norm", ""] * 15)
    ]  # fmt: skip
    found = probe(EXPLODES, replace(LOST, site=rows[7]["site"]), rows=rows, seeds=(0,))
    lines = view(found, level, width).splitlines()
    assert max(map(len, lines)) <= width
    assert all(word in "\n".join(lines) for word in ("site", "rms", "s/s_out"))


def test_a_long_path_is_shortened_from_the_left_and_explained():
    assert shortened(LONG) == "b.e.l.11.a.output.LayerNorm"
    assert shortened("blocks.3 : tanh") == "blocks.3 : tanh"
    assert shortened("a" * 50) == "a" * 50
    rows = [site(LONG, 0)]
    said = f"b.e.l.11.a.output.LayerNorm: {LONG}."
    assert said in view(probe(rows=rows, seeds=(0,)))


@pytest.mark.parametrize("level", LEVELS)
def test_everything_can_be_said_in_ascii(level):
    found = probe(EXPLODES, LOST, COPIES, UNUSED, SOMETIMES, rows=trunk(30))
    assert view(found, level, unicode=False).isascii()


@pytest.mark.parametrize("level", LEVELS)
def test_text_of_others_cannot_command_a_terminal(level):
    shown = view(broken(), level)
    assert not [c for c in shown if not c.isprintable() and c != "\n"]
    assert "\\x1b[2J" in shown
    markdown = finding_markdown(broken().findings[0])
    assert not [c for c in markdown if not c.isprintable() and c != "\n"]


def test_lines_that_are_titles_are_not_indented():
    text = above(probe(EXPLODES, LOST), 80) + below(probe(), 80)
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert [re.split(r"[\[ ]", title)[0] for title in titles] == [
        "net.py:build", "error", "warning", "runs", "coverage", "notes",
    ]  # fmt: skip


# below the table ---------------------------------------------------------------------------------


def test_a_run_is_one_line():
    run = Summary(3, "logits 4x10", 4, 22, 1.25, 3.5, 0.9, 2.5, 2.3512)
    line = "seed 3: logits 4x10, batch 4, K 2.5, loss 2.35, s/s_out 0.9 to 3.5"
    assert run_line(run) == line
    nothing = Summary(0, "y", None, 0, None, None, None, None, None)
    assert run_line(nothing) == "seed 0: y"


def test_coverage_says_what_was_seen_and_what_could_not_be():
    assert coverage_lines(Coverage(212, 210, 400, 3, ("TorchScript: a", "vmap"))) == [
        "210 of 212 autograd nodes labelled, 3 of 400 ops without values",
        "cannot see: TorchScript: a; vmap",
    ]
    assert len(coverage_lines(Coverage(1, 1))) == 1


# Markdown ----------------------------------------------------------------------------------------


def test_markdown_has_a_finding_as_an_item_and_its_code_as_a_block():
    assert finding_markdown(EXPLODES) == (
        "- **error\\[gradient-explodes\\]** blocks.3: s grows x 1.6e4 from the output to"
        " blocks.3, most of it in blocks.2\n"
        "  - at net.py:12, in 3 of 3 seeds\n"
        "  - fix: tanh's critical gain\n"
        "\n"
        "    ```python\n"
        "    for m in model.modules():\n"
        "        if isinstance(m, nn.Linear):\n"
        "            critical(m)\n"
        "    ```\n"
    )


def test_a_fence_is_longer_than_any_in_the_code():
    text = finding_markdown(replace(LOST, fix=Fix("f", ("````", "x"))))
    assert "    `````python\n    ````\n    x\n    `````\n" in text
