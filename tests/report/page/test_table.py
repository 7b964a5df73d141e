"""The table of points."""

import re

import pytest

from initlab.report.page.coloring import coloring_of
from initlab.report.page.points import points_of
from initlab.report.page.table import table

pytestmark = pytest.mark.xdist_group("page")  # the sweep is made once


def made(swept, drawn=range(6), expected=None):
    points = points_of(swept.source.runs)
    expected = expected or [""] * len(points)
    return table(points, coloring_of(points), expected, list(drawn), swept.source.name)


def heads(text):
    return re.findall(r"<th scope.*?>([^<]+)</th>", text)


def row(text, point):
    return re.search(rf'<tr data-point="{point}">(.*?)</tr>', text)[1]


def test_columns_are_the_axes_and_what_became_of_them(swept):
    assert heads(made(swept)) == [
        "activation", "init.std", "forward", "std last", "predicted", "backward", "grad ratio",
        "predicted ratio", "why",
    ]  # fmt: skip


def test_without_gradients_there_is_no_column_of_them(swept_of):
    assert heads(made(swept_of("blind", record="forward"), [0])) == [
        "activation", "init", "forward", "std last", "predicted", "why",
    ]  # fmt: skip


def test_a_row_says_why_in_both_ways(swept):
    why = row(made(swept, expected=["a < b", *[""] * 5]), 0)
    assert "<b>predicted</b> a &lt; b" in why
    assert "<b>measured</b> std x " in why


def test_numbers_are_as_short_as_those_of_a_table_in_the_terminal(swept):
    runs = swept.source.runs.assign(std_last=0.000257123, predicted_grad_std=12345.6)
    swept = type("Changed", (), {"source": type("Source", (), {"runs": runs, "name": "x"})})
    found = row(made(swept), 0)
    assert 'data-order="0.000257123">2.57e-4<' in found
    assert 'data-order="12345.6">1.23e4<' in found


def test_fields_of_the_spec_have_all_their_digits(swept):
    runs = swept.source.runs
    runs = runs.assign(width=[12345 + run % 2 for run in runs["run"]])
    swept = type("Changed", (), {"source": type("Source", (), {"runs": runs, "name": "x"})})
    assert 'data-order="12345.0">12345<' in row(made(swept), 0)


def test_a_point_without_a_curve_cannot_be_chosen(swept):
    text = made(swept, drawn=[1])
    assert "disabled" in row(text, 0)
    assert "disabled" not in row(text, 1)


@pytest.mark.parametrize(("place", "word"), [(0.5, "inside"), (2.0, "outside")])
def test_a_mark_says_whether_the_median_lies_in_the_band(swept, place, word):
    runs = swept.source.runs
    runs = runs.assign(predicted_std_p10=0.4, predicted_std_p50=0.6, predicted_std_p90=1.0)
    runs.loc[0:2, ["std_last", "predicted_nan_onset"]] = [[place, float("nan")]] * 3
    swept = type("Changed", (), {"source": type("Source", (), {"runs": runs, "name": "x"})})
    found = row(made(swept), 0)
    assert f'class="{word}" title="measured: {word} the band"' in found
    assert "0.6" in found
    assert "0.4 to 1" in found


def test_a_band_without_an_upper_end_and_a_first_seed_that_failed(swept):
    runs, nan = swept.source.runs.copy(), float("nan")
    columns = ["status", "std_last", "predicted_std_p10", "predicted_std_p50", "predicted_std_p90",
               "predicted_nan_onset", "nan_onset", "predicted_std"]  # fmt: skip
    runs = runs.astype(dict.fromkeys(columns[1:], float))
    runs.loc[0:2, columns] = [
        ["failed", nan, nan, nan, nan, nan, nan, nan],
        ["ok", 3e36, 1e35, 1e37, nan, 9, nan, 1e40],
        ["ok", nan, 1e35, 1e37, nan, 9, 7, 1e40],
    ]
    swept = type("Changed", (), {"source": type("Source", (), {"runs": runs, "name": "x"})})
    found = re.sub("<[^>]*>", "", row(made(swept), 0))
    # of 3e36 and infinity the median is the finite one, which lies in the band
    assert "3e36 3e36 to nan" in found
    assert "1e37 ✓ inside 1e35 to inf" in found
