"""The explain view on narrow terminals, its pairs of classes, and verdicts about their causes."""

import math
import re

import pytest
import torch
from explained import blocks, calls, computed, draw, pair

from initlab.losslab.explain.tables import Grid, code, laid_out
from initlab.losslab.explain.view import explain

NARROW = 40
every_call = pytest.mark.parametrize(("name", "operands", "options"), list(calls()))

pytestmark = [
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss"),
    pytest.mark.filterwarnings("ignore:nn.KLDivLoss"),
]


def verdicts(name, taken, chosen=None, **settings):
    text = explain(computed(name, taken, chosen, **settings))
    return " ".join(line.strip() for line in blocks(text).get("VERDICTS", []))


# width --------------------------------------------------------------------------------------------


@every_call
def test_a_narrow_view_has_the_same_words_and_no_long_line(name, operands, options):
    e = computed(name, operands, options, reduction="all")
    wide, narrow = explain(e), explain(e, width=NARROW)
    long = [line for line in narrow.splitlines() if len(line) > NARROW]
    # one word, or Python without a space in its brackets
    assert all(re.fullmatch(r"\s+(\w+ = )?\S+(  # .*)?", line) for line in long), long
    # the same words in the same order, but for tables
    for block in ("CONTRACT", "FORMULA", "REDUCTION", "VERDICTS", "TORCH"):
        words = [" ".join(blocks(text).get(block, [])).split() for text in (wide, narrow)]
        assert words[0] == words[1], block
    for block in ("VALUES", "GRADIENT"):
        words = [set(" ".join(blocks(text)[block]).split()) for text in (wide, narrow)]
        assert words[0] == words[1], block
    compile("\n".join(blocks(narrow)["TORCH"]), "torch", "exec")  # still Python


def test_a_wide_table_is_cut_between_columns_and_keeps_its_labels():
    grid = Grid(["", "one", "two", "three"], [["[0]", "1", "22", "3"], ["[1]", "4", "5", "666"]])
    assert laid_out([grid], 22, full=False) == [
        "     one  two  three",
        "[0]    1   22      3",
        "[1]    4    5    666",
    ]
    assert laid_out([grid], 14, full=False) == [
        "     one  two",
        "[0]    1   22",
        "[1]    4    5",
        "",
        "     three",
        "[0]      3",
        "[1]    666",
    ]


def test_a_label_that_leaves_no_room_for_a_column_stands_above():
    grid = Grid(["d mean / d input", "torch"], [["[0]", "0.1000"]])
    assert laid_out([grid], 16, full=False) == ["d mean / d input", "      torch", "[0]  0.1000"]


@pytest.mark.parametrize("full", [False, True])
def test_a_short_view_has_few_rows_and_says_how_many_more(full):
    grid = Grid(["", "n"], [[f"[{i}]", str(i)] for i in range(5)], few=2, total=9)
    lines = laid_out([grid], 40, full=full)
    assert lines[-1] == ("... and 4 more" if full else "... and 7 more")
    assert len(lines) == (7 if full else 4)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("input = torch.tensor([1.0, 2.0])", ["input = torch.tensor([1.0,", "    2.0])"]),
        ("print('a, b c d e f g h i j k')", ["print('a, b c d e f g h i j k')"]),
        ("x = torch.load('x.pt')  # float32 (2, 3)", ["x = torch.load('x.pt')  # float32 (2, 3)"]),
        ("from torch.nn import functional as F", ["from torch.nn import functional as F"]),
    ],
)
def test_python_is_broken_within_brackets_only(line, parts):
    assert code(line, 26) == parts


# pairs --------------------------------------------------------------------------------------------


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


# verdicts claim what they checked -----------------------------------------------------------------


def logs(*p):
    return torch.tensor([p]).double().log()


@pytest.mark.parametrize(
    ("x", "t", "said"),
    [
        # sums by hand: .9995 of the target; .8 of e^x has a positive divergence of ln 1.25
        (logs(0.2, 0.5, 0.3), [[0.2, 0.5, 0.2995]], "the target sums to 0.9995, not to 1"),
        (logs(0.25, 0.5, 0.26), [[0.25, 0.5, 0.25]], "e^input sums to 1.01, not to 1"),
        (
            logs(0.25, 0.5, 0.26),
            [[0.25, 0.5, 0.2495]],
            "the target sums to 0.9995 and e^input sums to 1.01, not to 1",
        ),
        (logs(0.2, 0.5, 0.1), [[0.25, 0.5, 0.25]], ""),
        (logs(0.2, 0.5, 0.3), [[0.2, 0.5, 0.3]], ""),
    ],
)
def test_a_negative_divergence_names_the_side_that_is_off(x, t, said):
    words = verdicts("kl_div", pair(x, t), allow=frozenset({"not-log-prob", "not-normalised"}))
    assert said in words
    assert ("not to 1" in words) == bool(said)


@pytest.mark.parametrize(
    ("name", "taken", "cause", "instead"),
    [
        # -ln .25 and -ln 1 average to ln 2, but nothing here is even
        ("cross_entropy", pair(logs(0.25, 0.75).repeat(2, 1) * torch.tensor([[1], [0.0]])
                               + torch.tensor([[0.0, 0], [50, 0]]), [0, 0]),
         "knows nothing", "as costly as guessing evenly"),
        ("bce", pair([0.25, 1.0], [1, 1]), "knows nothing", "as costly as answering 1/2"),
        # ln 3 > ln 2, of a class that is the likeliest: nothing is confidently wrong
        ("cross_entropy", pair([[0.4, 0.4, 0.2]], [2]), "confidently", "worse than guessing"),
        # -log p of 0 and a slope of -1 on both sides: no kink
        ("nll", pair([[0.0, -math.inf]], [0]), "kink", ""),
        ("kl_div", pair([[0.0, -math.inf]], [[1.0, 0]]), "kink", ""),
        # a pair on the kink has a gradient
        ("margin_ranking", {"input1": [1.0], "input2": [1.0], "target": [1]},
         "no gradient", "0 of 1 pairs are active"),
        ("cosine_embedding", {"input1": [[0.0, 0]], "input2": [[1.0, 0]], "target": [1]},
         "orthogonal", "a vector of length 0"),
    ],
)  # fmt: skip
def test_a_verdict_claims_no_cause_that_is_not_there(name, taken, cause, instead):
    allow = frozenset({"non-finite", "not-log-prob"})
    words = verdicts(name, taken, allow=allow)
    assert cause not in words
    assert instead in words


def test_frequencies_are_learnt_only_where_the_predictions_are_the_frequencies():
    t = torch.tensor([0] * 15 + [1] * 5)
    prior = torch.tensor([15.0, 5]).log().expand(20, 2)
    learnt = "only the class frequencies are learnt"
    assert learnt in verdicts("cross_entropy", pair(prior, t))
    # the smoothed frequencies .725 and .275 are best where targets are smoothed by .1
    smoothed = torch.tensor([0.725, 0.275]).log().expand(20, 2)
    words = verdicts("cross_entropy", pair(smoothed, t), {"label_smoothing": 0.1})
    assert learnt in words
    assert "= 0.000 over" in words


def test_the_floor_is_reached_only_at_the_floor():
    q = torch.tensor([0.95, 0.05])  # of smoothing .1; a loss 1 % above it can go lower
    assert "it cannot go lower" in verdicts(
        "cross_entropy", pair(q.log()[None], [0]), {"label_smoothing": 0.1}
    )
    near = torch.tensor([0.93, 0.07])
    words = verdicts("cross_entropy", pair(near.log()[None], [0]), {"label_smoothing": 0.1})
    assert "against the floor" in words
    assert "it cannot go lower" not in words


def test_ignored_samples_show_no_nan():
    taken = pair([[1.0, 2], [3, 4]], [0, -100])
    for name, given in (("cross_entropy", None), ("nll", "logits")):
        text = explain(computed(name, taken, **({"given": given} if given else {})))
        assert "nan" not in text
        (row,) = [line for line in blocks(text)["VALUES"] if "-100" in line]
        assert row.split() == ["[1]", "-100", "0", "0.0000"]


def test_a_difference_is_told_in_absolute_numbers_and_a_kink_is_checked():
    # |x - t| at its corner: torch says 0, so do central differences; relu's hinge says -1 and -1/2
    e = computed("margin_ranking", {"input1": [1.0], "input2": [1.0], "target": [1]})
    lines = blocks(explain(e))["GRADIENT"]
    assert "they differ by up to 0.5, at [0]: a kink of the loss" in lines
    # torch holds p (1 - p) at 1e-12: x - t over it is -1e-8/1e-12 in place of -1
    near = computed("bce", pair([1 - 1e-13], [1]), dtype="float64", reduction="sum")
    text = explain(near)
    assert "of the largest" not in text
    assert re.search(r"they differ by up to \S+, at \[0\]: rounding, or an eps of torch's", text)
