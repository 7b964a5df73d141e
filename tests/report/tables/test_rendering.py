"""Tables that fit their width: a row a line, nothing cut, what is left out is said."""

import io
import re

import pytest
from rich.console import Console

from initlab.report.tables import rendering
from initlab.report.tables.columns import Column, Summary, plain

WIDTHS = [40, 60, 80, 100, 132, 200]


def picture(width):
    return ["#" * width, "-" * width]


WIDE = Summary(
    (
        Column("activation", ("leaky_relu", "tanh")),
        Column("init", ("trunc_normal(std=2)", "he")),
        Column("std last", ("1.39e22", "0.65"), 2, ("std: s.",), number=True),
        Column("range", ("1.3e22 - 1.9e22", "0.64 - 0.66"), 9, ("range: r.",), extra=True),
        Column("forward", ("nan at 31 3/5", "steady"), 1),
        Column("signal", tuple(picture(12)), 3, ("signal: p.",), draw=picture),
    ),
    title="name: a title",
    subtitle="100 x 256",
    more="--wide",
)


def drawn(summary, width, *, unicode=True, color=None):
    shown, size = rendering.table(summary, width, unicode=unicode)
    console = Console(
        width=size,
        file=io.StringIO(),
        force_terminal=True,
        color_system=color,
        legacy_windows=False,
    )
    console.print(shown)
    return console.file.getvalue()


def words(text):
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("unicode", [True, False])
def test_a_row_is_a_line_and_no_cell_is_cut_at_any_width(width, unicode):
    text = drawn(WIDE, width, unicode=unicode)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in text
    assert text.isascii() or unicode
    (row,) = [line for line in lines if "leaky_relu" in line]
    assert "trunc_normal(std=2)" in row
    left_out = text.partition("Left out: ")[2]
    for column in WIDE.columns[2:5]:
        assert (column.cells[0] in row) != (column.name in left_out)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_legend_explains_what_is_shown_and_nothing_else(width):
    text = drawn(WIDE, width)
    heading = next(line for line in text.splitlines() if "init" in line)
    for column in WIDE.columns:
        for line in column.legend:
            assert (line in text) == (column.name in heading)


def test_columns_go_by_their_rank():
    # labels need 10 + 1 + 19, "forward" 13 more: 44 in all with two blanks
    assert "Left out: std last, signal, range (--wide)." in drawn(WIDE, 45).replace("\n", " ")
    assert "Left out: range (--wide)." in drawn(WIDE, 70)
    assert "Left out" not in drawn(WIDE, 100)
    assert "Left out" not in drawn(WIDE, None)


def test_a_picture_is_drawn_as_wide_as_there_is_room():
    lengths = [len(re.search("#+", drawn(WIDE, width))[0]) for width in (60, 62, 200)]
    assert lengths[0] < lengths[1] < lengths[2] == 12


@pytest.mark.parametrize("width", WIDTHS)
def test_title_and_subtitle_stand_above(width):
    assert drawn(WIDE, width).splitlines()[:2] == ["name: a title", "100 x 256"]


def test_a_verdict_has_its_colour():
    shown = drawn(WIDE, 80, color="standard")
    assert "\x1b[31mnan at 31 3/5" in shown
    assert "\x1b[32msteady" in shown


def test_titles_of_what_is_compared_are_a_line_each():
    text = drawn(Summary(WIDE.columns, titles=("a: " + "long " * 30, "b: short")), 60)
    assert [line[:2] for line in text.splitlines()][4:6] == ["a:", "b:"]
    assert "..." in text


# small tables -------------------------------------------------------------------------------------

LONG = "a long description of something that goes on and on and on, and then some more"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_long_text_is_wrapped_beside_its_name_and_not_cut(width):
    text = drawn(plain(("name", "about"), [("kaiming_uniform", LONG)]), width)
    assert "kaiming_uniform" in text
    for word in LONG.split():
        assert word in text
    assert all(not line[:1].isalpha() for line in text.splitlines()[3:])


def test_of_small_tables_the_last_columns_are_left_out_first():
    header, row = [f"column{i}" for i in range(9)], [f"cell-{i}" for i in range(9)]
    text = drawn(plain(header, [row, row]), 40)
    assert max(map(len, text.splitlines())) <= 40
    assert "cell-3" in text
    assert "cell-8" not in text
    assert "column8" in text.partition("Left out: ")[2]


def test_what_is_spare_goes_before_the_last():
    header, row = ["a", "why", "verdict"], ["cell", "because", "steady"]
    text = drawn(plain(header, [row, row], spare=["why"]), 14)
    assert "steady" in text
    assert "because" not in text


def test_a_single_row_that_does_not_fit_is_a_card():
    header, row = [f"column{i}" for i in range(9)], [f"cell-{i}" for i in range(9)]
    lines = drawn(plain(header, [row]), 40).splitlines()
    assert [line.split() for line in lines] == [[a, b] for a, b in zip(header, row, strict=True)]


@pytest.mark.parametrize("width", [10, 40, 200])
def test_without_unicode_everything_is_ascii(width):
    assert drawn(plain(("a", "b"), [("1", "2")], "caption"), width, unicode=False).isascii()


def test_with_unicode_a_line_is_below_the_headings():
    assert not drawn(plain(("a", "b"), [("1", "2")]), 40).isascii()


@pytest.mark.parametrize("text", ["[bold]x", "[/]", "[/b] x", "a [0, 1]", ":smile:", "\\[x"])
@pytest.mark.parametrize("width", [12, 200])
def test_a_title_and_a_cell_are_text_and_not_markup(text, width):
    shown = drawn(Summary((Column("a", (text,)), Column("b", ("1",))), title=text), width)
    assert words(shown).count(words(text)) == 2


def test_a_table_without_rows_is_drawn():
    for width in (20, 200):
        assert drawn(plain(("name", "about"), []), width)


# markdown -----------------------------------------------------------------------------------------


def test_markdown_is_a_table_with_title_and_legend():
    text = "".join(rendering.markdown(WIDE))
    assert text.startswith("**name: a title**\n\n100 x 256\n\n| activation | init | std last |")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1
    assert len(rows) == 4
    assert "std: s. range: r. signal: p." in text
    assert "Left out" not in text


def test_markdown_escapes_what_would_be_a_cell_or_a_tag():
    text = "".join(rendering.markdown(Summary((Column("a", ("x | <b>",)),), title="*<b>*")))
    assert "| x \\| \\<b\\> |" in text
    assert "\\*\\<b\\>\\*" in text
