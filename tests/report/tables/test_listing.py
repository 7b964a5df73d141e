"""Lists at any width: nothing is lost, no word breaks, no text returns to the edge."""

from collections import Counter

import pytest

from initlab.catalog import TABLES
from initlab.report.tables.listing import LEAST_TEXT, listing, wrapped

ROWS = [
    ["mse", "regression", "squared error; its minimiser is the mean"],
    ["poisson_nll", "regression counts", "a count under a Poisson rate"],
]
HEADER = ["name", "task", "about"]


def test_a_wide_list_has_a_line_a_row():
    assert listing("LOSSES", HEADER, ROWS) == (
        "LOSSES\n"
        "  name         task               about\n"
        "  -----------  -----------------  ----------------------------------------\n"
        "  mse          regression         squared error; its minimiser is the mean\n"
        "  poisson_nll  regression counts  a count under a Poisson rate\n"
    )


def test_text_wraps_within_its_column():
    assert listing("LOSSES", HEADER, ROWS, width=60).splitlines()[3:] == [
        "  mse          regression  squared error; its minimiser is",
        "                           the mean",
        "  poisson_nll  regression  a count under a Poisson rate",
        "               counts",
    ]


def test_where_columns_do_not_fit_texts_stand_below_the_name():
    assert listing("LOSSES", HEADER, ROWS, width=40).splitlines() == [
        "LOSSES",
        "  mse",
        "    squared error; its minimiser is the",
        "      mean",
        "    task: regression",
        "  poisson_nll",
        "    a count under a Poisson rate",
        "    task: regression counts",
    ]


def test_an_empty_column_is_left_out():
    rows = [["relu", "", "max(0, x)"], ["tanh", "", "saturates"]]
    assert listing("X", HEADER, rows).splitlines()[1].split() == ["name", "about"]
    assert "task" not in listing("X", HEADER, rows, width=12)


def test_a_list_of_nothing_says_so():
    assert listing("NONE", HEADER, []) == "NONE\n  none\n"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("kind", TABLES)
def test_every_table_of_the_catalog_at_any_width(kind, width):
    rows = [[r.name, " ".join(map(str, r.parameters)), r.about] for r in TABLES[kind].values()]
    text = listing(kind, ["name", "parameters", "about"], rows, width=width)
    body = text.splitlines()[1:]
    assert all(line.startswith("  ") for line in body)
    for line in body:  # only a word that is longer goes beyond
        assert len(line) <= width or len(line.split()) == 1, line
    shown = Counter(text.split())
    assert not Counter(" ".join(map(" ".join, rows)).split()) - shown


def test_the_last_column_is_never_narrower_than_can_be_read():
    text = listing("X", HEADER, [["n" * 20, "", "long text " * 20]], width=20 + 4 + LEAST_TEXT)
    assert max(map(len, text.splitlines())) > LEAST_TEXT
    assert "name" in text.splitlines()[1]
    narrower = listing("X", HEADER, [["n" * 20, "", "long text " * 20]], width=23 + LEAST_TEXT)
    assert "name" not in narrower.splitlines()[1]


@pytest.mark.parametrize("width", [1, 5, 10, 40, None])
def test_wrapped_text_keeps_its_words(width):
    text = "a word, log-probabilities and nn.functional.cross_entropy"
    lines = wrapped(text, width, "  ")
    assert " ".join(" ".join(lines).split()) == text
    assert all(line.startswith("  ") for line in lines[1:])
    assert wrapped("", width) == [""]
