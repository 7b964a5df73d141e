"""The explain view on narrow terminals: tables, words and lines of Python."""

import re

import pytest
from explained import blocks, calls, computed, pair

from initlab.losslab.explain.tables import Grid, code, laid_out
from initlab.losslab.explain.view import explain

NARROW = 40
every_call = pytest.mark.parametrize(("name", "operands", "options"), list(calls()))

pytestmark = [
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss"),
    pytest.mark.filterwarnings("ignore:nn.KLDivLoss"),
]


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


def test_a_label_without_which_the_table_is_whole_stands_above():
    grid = Grid(["d mean / d input", "torch", "by differences"], [["[0]", "0.1", "0.1"]])
    assert laid_out([grid], 30, full=False) == [
        "d mean / d input",
        "     torch  by differences",
        "[0]    0.1             0.1",
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


def test_ignored_samples_show_no_nan():
    taken = pair([[1.0, 2], [3, 4]], [0, -100])
    for name, given in (("cross_entropy", None), ("nll", "logits")):
        text = explain(computed(name, taken, **({"given": given} if given else {})))
        assert "nan" not in text
        (row,) = [line for line in blocks(text)["VALUES"] if "-100" in line]
        assert row.split() == ["[1]", "-100", "0", "0.0000"]
