"""CSV as json and jsonl; several tables as one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initlab.report import formats

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
