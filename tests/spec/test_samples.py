"""Samples from a file: which tables are read, and what is no table."""

import hashlib
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from initlab.errors import SpecError
from initlab.spec.samples import read_samples

# tables -----------------------------------------------------------------------------------------

TABLE = [[1.0, -2.5, 3.0], [4e-3, 5.0, 1e300]]


@pytest.mark.parametrize(
    "text",
    [
        "1,-2.5,3\n0.004,5,1e300\n",
        "1, -2.5, 3\r\n4e-3, 5, 1e300",  # spaces, lines of Windows, none at the end
        "# three features\n\n1,-2.5,3\n\n.004,+5,1e300\n\n",  # comments and blank lines
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "x.txt", "x"])
def test_a_table_of_text_is_rows_of_numbers(tmp_path, text, name):
    path = tmp_path / name
    path.write_text(text, newline="")
    rows = read_samples(str(path)).rows
    assert rows.dtype == np.float64
    assert rows.tolist() == TABLE


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int64", "int8", "uint8", ">f4"]
)
def test_an_array_of_any_real_numbers_becomes_float64(tmp_path, dtype):
    saved = np.arange(6).reshape(2, 3).astype(dtype)  # exact in each of them
    np.save(tmp_path / "x.npy", saved)
    rows = read_samples(str(tmp_path / "x.npy")).rows
    assert rows.dtype == np.float64
    assert rows.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(("text", "shape"), [("1,2,3\n", (1, 3)), ("1\n2\n3\n", (3, 1))])
def test_one_row_and_one_column_are_told_apart(tmp_path, text, shape):
    path = tmp_path / "x.csv"
    path.write_text(text)
    rows = read_samples(str(path)).rows
    assert rows.shape == shape
    assert rows.ravel().tolist() == [1, 2, 3]


def test_samples_are_of_the_bytes_that_were_hashed(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("1,2\n")
    read = read_samples(str(path))
    assert read.digest == hashlib.sha256(b"1,2\n").hexdigest()
    assert not read.changed()
    path.write_text("1,2\n3,4\n")
    assert read.rows.tolist() == [[1, 2]]
    assert read.changed()
    again = read_samples(str(path))
    assert again != read
    path.write_text("1,2\n")  # as it was, at another time
    assert not read.changed()
    assert read_samples(str(path)) == read
    path.unlink()
    assert read.changed()


def test_a_pipe_in_its_place_has_changed_and_is_not_waited_for(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("1,2\n")
    read = read_samples(str(path))
    path.unlink()
    os.mkfifo(path)
    assert read.changed()


def test_a_batch_takes_its_rows_only(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("1\n2\n3\n")
    read = read_samples(str(path))
    assert read.first(2).rows.ravel().tolist() == [1, 2]
    assert read.first(2) == read  # one file
    assert read.first(3) is read


# what is none -----------------------------------------------------------------------------------


def samples(tmp_path, kind):
    """A file that holds no table of 16 x 4 numbers."""
    rows = {
        "empty.npy": b"",
        "empty.csv": b"",
        "words.csv": b"a,b,c,d\n",
        "ragged.csv": b"1,2,3,4\n1,2\n",
        "binary.csv": b"\xff\xfe\x00\x01",
        "nan.csv": b"1,2,3,nan\n" * 20,
        "few.csv": b"1,2,3,4\n" * 15,
        "wide.csv": b"1,2,3,4,5\n" * 20,
        "inf.csv": b"1,-inf,inf,4\n" * 20,
        "gap.csv": b"1,,3,4\n" * 20,
        "semicolons.csv": b"1;2;3;4\n" * 20,
        "comments.csv": b"# nothing else\n",
    }
    arrays = {
        "complex.npy": np.full((20, 4), 1j),
        "flags.npy": np.full((20, 4), fill_value=True),
        "text.npy": np.full((20, 4), "1"),
        "cube.npy": np.ones((20, 4, 1)),
        "vector.npy": np.ones(20),
        "scalar.npy": np.array(1.0),
        "rowless.npy": np.ones((0, 4)),
        "nan.npy": np.full((20, 4), np.nan),
    }
    path = tmp_path / kind
    if kind in rows:
        path.write_bytes(rows[kind])
    elif kind in arrays:
        np.save(path, arrays[kind])
    elif kind in ("folder.npy", "folder.csv"):
        path.mkdir()
    elif kind == "archive.npy":
        with path.open("wb") as file:
            np.savez(file, x=np.ones((20, 4)))
    elif kind == "pickled.npy":
        np.save(path, np.array([[None] * 4] * 20), allow_pickle=True)
    elif kind == "half.npy":
        np.save(path, np.ones((20, 4)))
        path.write_bytes(path.read_bytes()[:200])
    return path


NO_NUMBERS = "is not a table of numbers, one sample a row, without a header: "
NO_TABLE = "needs a table of samples x features, has shape "
# what is said; after NO_NUMBERS, numpy's own words follow where they are not given here
REFUSED = {
    "empty.npy": NO_NUMBERS,
    "words.csv": NO_NUMBERS,
    "ragged.csv": NO_NUMBERS,
    "binary.csv": NO_NUMBERS,
    "gap.csv": NO_NUMBERS,
    "semicolons.csv": NO_NUMBERS,
    "half.npy": NO_NUMBERS,
    "pickled.npy": NO_NUMBERS,
    "archive.npy": NO_NUMBERS + "holds no real numbers",
    "complex.npy": NO_NUMBERS + "holds no real numbers",
    "flags.npy": NO_NUMBERS + "holds no real numbers",
    "text.npy": NO_NUMBERS + "holds no real numbers",
    "empty.csv": NO_TABLE + "(0, 1)",
    "comments.csv": NO_TABLE + "(0, 1)",
    "rowless.npy": NO_TABLE + "(0, 4)",
    "cube.npy": NO_TABLE + "(20, 4, 1)",
    "vector.npy": NO_TABLE + "(20,)",
    "scalar.npy": NO_TABLE + "()",
    "nan.csv": "20 of 80 values are not finite",
    "inf.csv": "40 of 80 values are not finite",
    "nan.npy": "80 of 80 values are not finite",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_table_is_refused(tmp_path, kind):
    words = REFUSED[kind]
    whole = re.escape(words) + (".+" if words == NO_NUMBERS else "")
    with pytest.raises(ValueError, match=f"^{whole}$"):
        read_samples(str(samples(tmp_path, kind)))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("missing.npy", FileNotFoundError),
        ("missing.csv", FileNotFoundError),
        ("folder.npy", IsADirectoryError),
        ("folder.csv", IsADirectoryError),
    ],
)
def test_what_the_system_refuses_is_its_error(tmp_path, kind, error):
    with pytest.raises(error):
        read_samples(str(samples(tmp_path, kind)))


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_never_carried_out(tmp_path):
    path, trace = tmp_path / "x.npy", tmp_path / "trace"
    np.save(path, np.array([[Touch(trace)]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_samples(str(path))
    path.write_bytes(pickle.dumps(Touch(trace)))  # without numpy's header
    with pytest.raises(ValueError, match="not a table"):
        read_samples(str(path))
    assert not trace.exists()
    np.load(path, allow_pickle=True)  # who does carry it out leaves the trace
    assert trace.exists()


# in a spec --------------------------------------------------------------------------------------

NO_TABLES = [
    "empty.npy",
    "empty.csv",
    "words.csv",
    "ragged.csv",
    "binary.csv",
    "nan.csv",
    "few.csv",
    "wide.csv",
    "folder.npy",
    "archive.npy",
    "pickled.npy",
    "complex.npy",
    "cube.npy",
    "half.npy",
    "missing.npy",
]


@pytest.mark.parametrize("kind", NO_TABLES)
def test_a_file_that_is_no_table_of_samples_is_refused(plan_of, tmp_path, kind):
    path = samples(tmp_path, kind)
    with pytest.raises(SpecError) as error:
        plan_of(input={"name": "file", "path": str(path)})
    (problem,) = error.value.problems
    assert problem.path == "input.path"
    assert kind in problem.message
