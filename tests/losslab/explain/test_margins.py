"""Pairs of a right and a wrong class, as the explain view writes them out."""

import math
import re

import pytest
import torch
from explained import blocks, computed, draw, pair

from initlab.losslab.explain.view import explain


def test_the_pairs_of_a_label_list_are_those_of_the_chapter():
    # x [.1 .2 .4 .8], right 0 and 3: 1.1 + 1.3 + .4 + .6 = 3.4, over 4 classes .85
    text = explain(computed("multilabel_margin", pair([[0.1, 0.2, 0.4, 0.8]], [[0, 3, -1, -1]])))
    formula = " ".join(line.strip() for line in blocks(text)["FORMULA"])
    terms = "(1 - (0.1 - 0.2)) + (1 - (0.1 - 0.4)) + (1 - (0.8 - 0.2)) + (1 - (0.8 - 0.4))"
    assert f"[0]: ({terms}) / 4 = 0.8500" in formula
    rows = [line.split() for line in blocks(text)["VALUES"]]
    assert ["0,", "1", "0.1000", "0.2000", "1.1000", "1.1000", "active"] in rows
    assert ["3,", "2", "0.8000", "0.4000", "0.6000", "0.6000", "active"] in rows
    assert "their sum 3.4000 is divided by C = 4" in text


def test_the_pairs_of_a_class_and_the_plain_hinge():
    # scores 13, -7, 11 by a margin of 10: max(0, -10) + max(0, 8) = 8, of 3 classes 2.6667
    text = explain(computed("multi_margin", pair([[13.0, -7, 11]], [0]), {"margin": 10}))
    formula = "[0]: (max(0, 10 - 13 + (-7)) + max(0, 10 - 13 + 11)) / 3 = 2.6667"
    assert formula in text
    rows = [line.split() for line in blocks(text)["VALUES"]]
    assert ["0,", "1", "13", "-7", "-10", "0.0000"] in rows
    assert ["0,", "2", "13", "11", "8", "8.0000", "active"] in rows
    words = " ".join(text.split())
    assert "their sum 8.0000 is the plain hinge (Weston & Watkins); torch divides by C = 3" in words


@pytest.mark.parametrize(("full", "rows"), [(False, 6), (True, 200)])
def test_of_many_pairs_the_largest_are_shown(full, rows):
    x = torch.linspace(0, 3, 301)
    text = explain(computed("multi_margin", pair(x[None], [0])), full=full)
    lines = blocks(text)["VALUES"]
    start = next(i for i, line in enumerate(lines) if line.startswith("right, wrong"))
    shown = [int(line.split()[1]) for line in lines[start + 1 : start + 1 + rows]]
    assert shown == list(range(300, 300 - rows, -1))
    assert lines[start + 1 + rows] == f"... and {300 - rows} more"


@pytest.mark.parametrize("seed", range(5))
def test_pairs_add_up_to_the_loss(seed):
    x, ids = draw(4, 6, seed=seed), torch.arange(4)
    lists = torch.tensor([[0, 3, -1, 5, -1, 1], [-1] * 6, [0, 1, 2, 3, 4, 5], [2, 2, -1, 0, 0, 0]])
    for name, t, options in (
        ("multi_margin", ids, {"p": 1, "margin": 0.7}),
        ("multi_margin", ids, {"p": 2}),
        ("multilabel_margin", lists, {}),
    ):
        allowed = frozenset({"duplicate-label"})
        e = computed(name, pair(x, t), options, reduction="none", allow=allowed)
        lines = blocks(explain(e, full=True))["VALUES"]
        rows = [line.split() for line in lines if re.match(r"\s*\d+, \d+ ", line)]
        total = math.fsum(float(row[5]) for row in rows)
        # hinges of four decimals
        assert total / 6 == pytest.approx(float(e.working.losses.max()), abs=1e-4)
        assert all((float(row[4]) > 0) == (row[-1] == "active") for row in rows)
