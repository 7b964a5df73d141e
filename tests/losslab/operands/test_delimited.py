"""Tables of numbers as text: whatever separates them, with headers, and what is refused."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from initlab.errors import InputError
from initlab.losslab.operands.delimited import table
from initlab.losslab.operands.limits import MOST
from initlab.userfiles import TooLarge

ROWS = [[0.5, 1.25], [-3.0, 2.0]]


@pytest.mark.parametrize("delimiter", [" ", ",", ";", "\t", ", ", "; ", "   "])
@pytest.mark.parametrize("header", ["", "a{}b\n", '"a"{}"b"\n', "# made by hand\n"])
def test_separators_and_headers(delimiter, header):
    text = header.replace("{}", delimiter) + "".join(
        delimiter.join(map(str, row)) + "\n" for row in ROWS
    )
    found = table(text, "--input", MOST)
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
    found = table(file.getvalue(), "--input", MOST).array
    expected = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    np.testing.assert_array_equal(found, expected)


@settings(deadline=None)  # torch is loaded in the first example
@given(st.text(alphabet="0123456789.,;-+e \t\n#abc\"'_", max_size=40))
def test_any_text_is_a_table_or_refused(text):
    try:
        found = table(text, "--input", MOST).array.dtype.name
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
        table(text, "--input", MOST)


def test_a_column_that_counts_is_kept_and_told():
    """It may be data; where it has no name beside others that have one, it is refused above."""
    found = table("0,0.5\n1,0.25\n2,0.125\n", "--input", MOST)
    assert found.array.shape == (3, 2)
    (said,) = found.findings
    assert (said.rule, said.level) == ("header", "warning")
    assert "counts the rows" in said.message


def test_class_ids_stay_whole_and_1_5_alone_is_two_numbers():
    assert table("0\n2\n1\n", "--target", MOST).array.dtype == np.int64
    assert table("1,5\n", "--input", MOST).array.tolist() == [[1, 5]]


def test_no_memory_is_taken_for_too_many():
    with pytest.raises(TooLarge):
        table("1 " * 1000, "--input", 7999)
