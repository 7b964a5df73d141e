"""Colours of points: their own while there are enough, else those of a field."""

import re
from importlib import resources

import pandas as pd
import pytest

from initlab.report.drawing import colors
from initlab.report.page.coloring import VARIABLES, coloring_of
from initlab.report.page.points import points_of

pytestmark = pytest.mark.xdist_group("page")  # the sweep is made once


def test_few_points_have_their_own_colours(swept):
    coloring = coloring_of(points_of(swept.source.runs))
    assert (coloring.field, len(set(coloring.of_point))) == ("", 6)


def test_many_points_have_the_colour_of_a_field(swept):
    runs = swept.source.runs.copy()
    runs["init.std"] = [float(n // 3) for n in range(len(runs))]
    runs = runs.loc[runs.index.repeat(3)].reset_index(drop=True)
    runs["width"] = [10 + n % 3 for n in range(len(runs))]
    coloring = coloring_of(points_of(runs))
    assert coloring.field == "activation"
    assert coloring.legend["tanh"] == "var(--blue)"  # as in every other picture
    assert set(coloring.of_point) == set(coloring.legend.values())


def test_the_style_sheet_has_every_colour_twice_and_the_light_ones_are_the_palette():
    style = (resources.files("initlab.report.page") / "page.css").read_text()
    for color in colors.PALETTE:
        name = VARIABLES[color][4:-1]
        assert len(re.findall(rf"{name}: #", style)) == 2


def test_points_that_grow_in_steps_have_a_scale_that_dark_paper_lifts(swept):
    runs = pd.concat([swept.source.runs.head(1)] * 5, ignore_index=True)
    coloring = coloring_of(points_of(runs.assign(run=range(5), width=[8, 16, 32, 64, 128])))
    assert list(coloring.legend) == ["width 8", "width 16", "width 32", "width 64", "width 128"]
    assert len(set(coloring.of_point)) == 5
    scale = colors.colors(coloring.legend).values()
    assert [color[20:27] for color in coloring.of_point] == list(scale)
