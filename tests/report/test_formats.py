"""CSV as json, jsonl and Markdown; tables that fit their width and cut nothing."""

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from initlab.report import formats, tables
from initlab.report.summary import Summary

CSV = [
    "run,name,std,onset,reason\n",
    "0,tanh,0.5,,\n",
    '1,"a ""b"", c",nan,31,"two\n',
    'lines"\n',
    "2,007,-inf,-3,1e-3\n",
]
ROWS = [
    {"run": 0, "name": "tanh", "std": 0.5, "onset": None, "reason": None},
    {"run": 1, "name": 'a "b", c', "std": "nan", "onset": 31, "reason": "two\nlines"},
    {"run": 2, "name": 7, "std": "-inf", "onset": -3, "reason": "1e-3"},
]


def strictly(text):
    """JSON as its standard has it: NaN and Infinity are no numbers there."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


# json -------------------------------------------------------------------------------------------


def test_json_is_one_array_with_null_for_empty_and_words_for_nan():
    assert strictly("".join(formats.json_array(formats.json_lines(CSV)))) == ROWS


def test_jsonl_is_an_object_a_line():
    lines = "".join(formats.json_lines(CSV)).splitlines()
    assert [strictly(line) for line in lines] == ROWS


def test_no_rows_are_an_empty_array():
    assert strictly("".join(formats.json_array(formats.json_lines(["run,seed\n"])))) == []
    assert "".join(formats.json_lines(["run,seed\n"])) == ""


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_keep_every_bit_in_json(number):
    (line,) = formats.json_lines(["x\n", f"{number!r}\n"])
    assert strictly(line)["x"] == number


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("", None),
        ("nan", "nan"),
        ("inf", "inf"),
        ("-inf", "-inf"),
        ("1e999", "1e999"),
        ("1.0", 1.0),
        ("12", 12),
        ("-12", -12),
        ("float32", "float32"),
        ("3x4", "3x4"),
        ("infinity", "infinity"),
        (" ", " "),
        ("--5", "--5"),
    ],
)
def test_cells_are_numbers_words_or_nothing(cell, value):
    found = formats.cell_value("std", cell)
    assert found == value
    assert type(found) is type(value)


@given(st.text(max_size=12) | st.text("0123456789-+.e_²٣ ", max_size=6))
def test_any_cell_has_a_value_that_json_can_say(cell):
    strictly(json.dumps(formats.cell_value("std", cell)))


@pytest.mark.parametrize("text", ["1e5", "007", "12", "nan"])
def test_text_that_looks_like_a_number_stays_text(text):
    table = f"spec,input.path,reason,std\n{text},{text},{text},{text}\n".splitlines(keepends=True)
    (line,) = formats.json_lines(table)
    found = strictly(line)
    assert [found[name] for name in ("spec", "input.path", "reason")] == [text] * 3
    assert found["std"] == formats.cell_value("std", text)


# several tables ---------------------------------------------------------------------------------


def test_tables_are_joined_with_their_names_and_the_union_of_their_columns():
    first, second = ["run,a,b\n", "0,1,\n"], ["run,b,c\n", "0,2,x\n", '1,3,"y,z"\n']
    assert "".join(formats.joined([("one", first), ("two", second)])) == (
        'spec,run,a,b,c\none,0,1,,\ntwo,0,,2,x\ntwo,1,,3,"y,z"\n'
    )


def test_joined_tables_are_json_too():
    def tables():
        return [
            ("one", ["run,a\n", "0,1\n", '1,"two\n', 'lines"\n']),
            ("two", ["run,a\n", "0,2\n"]),
        ]

    rows = [
        {"spec": "one", "run": 0, "a": 1},
        {"spec": "one", "run": 1, "a": "two\nlines"},
        {"spec": "two", "run": 0, "a": 2},
    ]
    assert (
        strictly("".join(formats.json_array(formats.json_lines(formats.joined(tables()))))) == rows
    )
    lines = "".join(formats.json_lines(formats.joined(tables()))).splitlines()
    assert [strictly(line) for line in lines] == rows


def test_joining_tables_without_rows_leaves_the_header():
    assert "".join(formats.joined([("one", ["a\n"]), ("two", ["b\n"])])) == "spec,a,b\n"


# markdown ---------------------------------------------------------------------------------------


def test_markdown_is_a_table():
    summary = Summary(("a", "b"), (("1", "x | y"), ("2", "")))
    lines = "".join(tables.markdown(summary)).splitlines()
    assert lines == ["| a | b |", "| --- | --- |", "| 1 | x \\| y |", "| 2 |  |"]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}


# tables -----------------------------------------------------------------------------------------

WIDE = Summary(
    ("activation", "init", "std last", "forward", "grad ratio", "backward", "log10 std"),
    (
        (
            "leaky_relu(negative_slope=0.25)",
            "trunc_normal(mean=0.1, std=0.02)",
            "1.39e22 [1.3e22, 1.9e22]",
            "3 nan at 31-35, 2 exploding",
            "1.02e4 [7.5e3, 1.1e4]",
            "4 steady, 1 nan",
            "▁▂▃▄▅▆▇█▁▂▃x",
        ),
        ("tanh", "he", "0.65 [0.64, 0.66]", "steady", "-", "-", "▄▄▄▄▄▄▄▄▄▄▄▄"),
    ),
    "Median [10 %, 90 %] over 5 seeds.",
)
NARROW = Summary(("a", "std last"), (("x", "0.65 [0.64, 0.66]"), ("y", "steady")), "Caption.")


def drawn(summary, width, *, title="a title", unicode=True, wrap=0):
    console = Console(
        width=width,
        file=io.StringIO(),
        force_terminal=True,
        color_system=None,
        legacy_windows=False,
    )
    console.print(tables.table(summary, title, width=width, unicode=unicode, wrap=wrap))
    return console.file.getvalue()


def words(text):
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("summary", [WIDE, NARROW])
@pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_cell_is_cut_at_any_width(summary, width, unicode):
    text = drawn(summary, width, unicode=unicode)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for cell in [cell for row in summary.rows for cell in row]:
        # a range, parameters or a list of verdicts may go on over several lines, beside other cells
        for part in re.split(r" (?=\[)|(?<=,) |(?=\()", cell):
            assert part in text
    for name in summary.header:
        assert name in text


def test_a_wide_terminal_shows_a_row_a_line():
    lines = drawn(WIDE, 200).splitlines()
    (line,) = [line for line in lines if "leaky_relu" in line]
    assert all(cell in line for cell in WIDE.rows[0])


def test_a_narrow_terminal_shows_a_block_a_row():
    lines = drawn(WIDE, 40).splitlines()
    assert len([line for line in lines if "std last" in line]) == 2
    (line,) = [line for line in lines if "0.65 [0.64, 0.66]" in line]
    assert line.split()[:2] == ["std", "last"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_title_and_caption_are_whole(width):
    text = words(drawn(WIDE, width))
    assert words("a title") in text
    assert words(WIDE.caption) in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_long_text_is_wrapped_and_not_cut(width):
    about = "a long description of something that goes on and on and on, and then some more"
    text = drawn(Summary(("name", "about"), (("kaiming_uniform", about),)), width, wrap=1)
    assert "kaiming_uniform" in text
    assert "…" not in text
    for word in about.split():
        assert word in text


def test_without_unicode_the_frame_is_ascii():
    summary = Summary(("a", "b"), (("1", "2"),), "caption")
    for width in (10, 40, 200):
        assert drawn(summary, width, unicode=False).isascii()
    assert not drawn(summary, 40).isascii()


@pytest.mark.parametrize("text", ["[bold]x", "[/]", "[/b] x", "a [0, 1]", ":smile:", "\\[x"])
@pytest.mark.parametrize("width", [12, 200])
def test_a_title_and_a_cell_are_text_and_not_markup(text, width):
    shown = drawn(Summary(("a", "b"), ((text, "1"),)), width, title=text)
    assert words(shown).count(words(text)) == 2


def test_a_summary_without_rows_is_drawn():
    for width in (20, 200):
        assert drawn(Summary(("name", "about"), (), ""), width, title="") is not None
