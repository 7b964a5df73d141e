"""The same colour for the same thing."""

import json

import numpy as np

from initlab.report.drawing.charts import chart
from initlab.report.drawing.colors import BLUE, PALETTE, VERMILLION, VIRIDIS, colors, colors_of
from initlab.report.drawing.terminal import draw
from initlab.report.figure import Axis, Figure, Line, Panel


def test_what_is_compared_most_has_its_own_colour_whatever_stands_beside_it():
    assert colors(["tanh", "relu"]) == {"tanh": BLUE, "relu": VERMILLION}
    assert colors(["elu", "selu", "relu", "tanh, depth 50"])["tanh, depth 50"] == BLUE


def test_labels_have_different_colours_as_long_as_there_are_some():
    names = ["tanh", "relu", *(f"name{chr(97 + n)}" for n in range(len(PALETTE) - 2))]
    assert len(set(colors(names).values())) == len(PALETTE)


def test_more_labels_than_colours_repeat_them():
    names = [f"name{chr(97 + n)}" for n in range(26)]
    assert set(colors(names).values()) == set(PALETTE)


def test_numbers_have_the_colours_of_a_scale_by_size():
    found = colors(["std 1", "std 0.1", "std 1e-5", "std 10"])
    assert found["std 1e-5"] == VIRIDIS[0]
    assert found["std 10"] == VIRIDIS[-1]
    assert list(found) == ["std 1", "std 0.1", "std 1e-5", "std 10"]


def test_numbers_of_different_things_are_no_scale():
    assert VIRIDIS[0] not in colors(["std 1", "std 2", "gain 1", "gain 2"]).values()


def test_a_line_has_its_colour_though_others_cannot_be_drawn():
    x = np.arange(3.0)
    lines = [Line(f"std {n}", x, x + n) for n in range(1, 6)]
    axes = Axis("layer"), Axis("std", log=True)
    whole = Figure("", (Panel("", *axes, tuple(lines)),))
    partly = Figure("", (Panel("", *axes, (Line("std 1", x, x * np.nan), *lines[1:])),))
    assert colors_of(partly) == colors_of(whole)
    drawn = json.dumps(chart(partly).to_dict())
    assert f'"range": {json.dumps(list(colors_of(whole).values()))}' in drawn
    text = draw(partly, 80, 9, unicode=True, color=True)
    red, green, blue = (int(colors_of(whole)["std 5"][i : i + 2], 16) for i in (1, 3, 5))
    assert f"38;2;{red};{green};{blue}m" in text
