"""Tables of numbers as text: whatever separates them, with headers, and what is refused."""

import io
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from initlab.errors import InputError
from initlab.losslab.operands.delimited import table
from initlab.losslab.operands.limits import MOST
from initlab.losslab.operands.reading import read
from initlab.losslab.operands.source import Wanted
from initlab.userfiles import TooLarge

ROWS = [[0.5, 1.25], [-3.0, 2.0]]


def read_table(text, most=MOST):
    return table(text, Wanted("--input", (), most))


@pytest.mark.parametrize("delimiter", [" ", ",", ";", "\t", ", ", "; ", "   "])
@pytest.mark.parametrize("header", ["", "a{}b\n", '"a"{}"b"\n', "# made by hand\n"])
def test_separators_and_headers(delimiter, header):
    text = header.replace("{}", delimiter) + "".join(
        delimiter.join(map(str, row)) + "\n" for row in ROWS
    )
    found = read_table(text)
    assert found.array.tolist() == ROWS
    assert [f.rule for f in found.findings] == (["header"] if header else [])


finite = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(deadline=None)  # torch is loaded in the first example
@given(
    arrays(np.float64, array_shapes(min_dims=1, max_dims=2, max_side=5), elements=finite),
    st.sampled_from([" ", ",", ";", "\t"]),
    st.sampled_from(["", "epoch loss", "x"]),
)
def test_what_savetxt_writes_is_read_back(array, delimiter, header):
    """`%.18e` has all digits of a float64; one column is a vector, as savetxt writes one."""
    file = io.StringIO()
    np.savetxt(file, array, delimiter=delimiter, header=header)
    found = read_table(file.getvalue()).array
    expected = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    np.testing.assert_array_equal(found, expected)


@settings(deadline=None)  # torch is loaded in the first example
@given(st.text(alphabet="0123456789.,;-+e \t\n#abc\"'_", max_size=40))
def test_any_text_is_a_table_or_refused(text):
    try:
        found = read_table(text).array.dtype.name
    except InputError as error:
        found = error.message[:9]
    assert found in ("int64", "float64", "--input: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0,5;1,2\n", "line 1 is no row of numbers: '0,5;1,2'; cell 1 is '0,5', a decimal comma"),
        ("1.5;2\n1,5;2\n", "line 2 .*cell 1 is '1,5', a decimal comma"),
        ("1 2 3\n4 5\n", "line 2 has 2 numbers, the first has 3"),
        ("a,b\nc,d\n", "line 1 is no row"),
        ("1,2\n3,x\n", "line 2 is no row of numbers: '3,x'; cell 2 is 'x'"),
        ("1,,2\n", "cell 2 is empty"),
        (",x\n0,0.5\n1,0.25\n2,0.125\n", "the first column has no name and counts the 3 rows"),
        ("# only\n# comments\n", "is empty but for comments"),
    ],
)
def test_what_is_no_table(text, says):
    with pytest.raises(InputError, match=says):
        read_table(text)


def test_a_column_that_counts_is_kept_and_told():
    """It may be data; where it has no name beside others that have one, it is refused above."""
    found = read_table("0,0.5\n1,0.25\n2,0.125\n")
    assert found.array.shape == (3, 2)
    (said,) = found.findings
    assert (said.rule, said.level) == ("header", "warning")
    assert "counts the rows" in said.message


def test_class_ids_stay_whole_and_1_5_alone_is_two_numbers():
    assert read_table("0\n2\n1\n").array.dtype == np.int64
    assert read_table("1,5\n").array.tolist() == [[1, 5]]


def test_no_memory_is_taken_for_too_many():
    with pytest.raises(TooLarge):
        read_table("1 " * 1000, 7999)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0,5;1,25\n-3,0;2,0\n", ROWS),
        (",a,b\n0,0.5,1.25\n1,-3,2\n", ROWS),
        ("\ta\tb\n0\t0.5\t1.25\n1\t-3\t2\n", ROWS),
        ("a b\n1  0.5  1.25\n2 -3    2\n", ROWS),
        ('"";"x"\n1;0.5\n2;-3\n', [0.5, -3]),
        ('"x"\n1 0.5\n2 -3\n', [0.5, -3]),
    ],
    ids=["decimal comma", "pandas", "tabs", "R", "R, semicolons", "R, one column"],
)
def test_the_fix_of_a_file_is_followed(tmp_path, monkeypatch, text, values):
    """What pandas' to_csv and R's write.table and write.csv2 make, and the command as printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my rows.csv").write_text(text)
    with pytest.raises(InputError) as refused:
        read("my rows.csv", "--input")
    command, _, operand = refused.value.fix.partition(", then --input ")
    subprocess.run(["bash", "-c", command], check=True)
    assert read(operand, "--input").tensor.tolist() == values
