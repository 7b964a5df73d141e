"""Operands from what a user types, pipes or saves; and what is said of what cannot be read."""

import io
import json
import math
import os
import pickle
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest
import torch

from initlab.errors import InputError
from initlab.losslab.operands.reading import Read, decode, literal, read

INF, NAN = math.inf, math.nan
HERE = "--input"
NOBODY = 65534  # the user of that name


def same(tensor, values, dtype=torch.float64):
    expected = torch.tensor(values, dtype=dtype)
    assert tensor.dtype == dtype
    assert tensor.shape == expected.shape
    torch.testing.assert_close(tensor, expected, rtol=0, atol=0, equal_nan=True)


def saved(save, *arguments, **options):
    """The bytes that a function writes."""
    buffer = io.BytesIO()
    save(buffer, *arguments, **options)
    return buffer.getvalue()


def npy(array, **options):
    return saved(np.save, array, **options)


def pt(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def refused(content, *, names=(), where=HERE):
    """What is said of bytes or text that cannot be read; it begins with the operand."""
    with pytest.raises(InputError) as caught:
        decode(content, where, names) if isinstance(content, bytes) else read(content, where, names)
    message = caught.value.message
    assert message.startswith(where)
    assert len(message) < 500
    assert caught.value.exit_code == 2
    return message


@pytest.fixture
def stdin(monkeypatch):
    def give(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return give


# inline ------------------------------------------------------------------------------------------

FLOAT, INT, BOOL = torch.float64, torch.int64, torch.bool


@pytest.mark.parametrize(
    ("text", "values", "dtype"),
    [
        ("[1, 2]", [1, 2], INT),
        ("[[1, 2], [3, 4]]", [[1, 2], [3, 4]], INT),
        ("[1.0, 2]", [1, 2], FLOAT),
        ("  [0.5]\n", [0.5], FLOAT),
        ("[.5, 1., -.5, 1.e3]", [0.5, 1, -0.5, 1000], FLOAT),
        ("[[.5],[1.]]", [[0.5], [1]], FLOAT),
        ("[1.5e-3, 2E5]", [0.0015, 2e5], FLOAT),
        ("[nan, inf, -inf]", [NAN, INF, -INF], FLOAT),
        ("[NaN, Infinity, -Infinity]", [NAN, INF, -INF], FLOAT),
        ("[NAN, Inf, -INF]", [NAN, INF, -INF], FLOAT),
        ('["nan", "inf", "-inf", "+inf", "INF", 1]', [NAN, INF, -INF, INF, INF, 1], FLOAT),
        ("[true, false]", [True, False], BOOL),
        ("[true, 2]", [1, 2], INT),
        ("[]", [], FLOAT),
        ("[[], []]", [[], []], FLOAT),
        ("[[[1]]]", [[[1]]], INT),
        ("[9007199254740993]", [2**53 + 1], INT),  # no float64 has it
        ("[-9223372036854775808]", [-(2**63)], INT),
        ("[18446744073709551616]", [2.0**64], FLOAT),
        ("[9223372036854775808]", [2.0**63], FLOAT),
        ('{"input": [1, 2]}', [1, 2], INT),
        ('{"x": [1, 2]}', [1, 2], INT),  # the only one
        ("0.5", 0.5, FLOAT),
        (".5", 0.5, FLOAT),
        ("1.", 1.0, FLOAT),
        ("-3", -3, INT),
        ("+3", 3, INT),
        ("1e-3", 0.001, FLOAT),
        ("nan", NAN, FLOAT),
        ("-inf", -INF, FLOAT),
        ("Infinity", INF, FLOAT),
        ("0.2,0.8", [0.2, 0.8], FLOAT),
        ("1,2,3", [1, 2, 3], INT),
        ("1, 2.5", [1, 2.5], FLOAT),
        (" 1 , -2 ", [1, -2], INT),
        ("nan,1", [NAN, 1], FLOAT),
        ("9223372036854775808", 2.0**63, FLOAT),
    ],
)
def test_numbers_that_are_typed(text, values, dtype):
    found = read(text, HERE, ["input"])
    assert found.literal
    same(found.tensor, values, dtype)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2", "is no JSON"),
        ("[1,,2]", "is no JSON"),
        ("[1, 2]]", "is no JSON"),
        ("[0x10]", "is no JSON"),
        ("[None]", "is no JSON"),
        ("[1, two]", "is no JSON"),
        ("{1: 2}", "is no JSON"),
        ("[null]", "[0]: needs a number, got null"),
        ("[[1, 2], [3, null]]", "[1][1]: needs a number, got null"),
        ('[1, "two"]', '[1]: needs a number, got "two"'),
        ('["1"]', '[0]: needs a number, got "1"'),
        ('[{"a": 1}]', '[0]: needs a number, got {"a": 1}'),
        ("[[1, 2], [3]]", "entry 1 has shape (1), entry 0 has (2)"),
        ("[[1], [2], [3, 4], [5]]", "entry 2 has shape (2), entry 0 has (1)"),
        ("[1, [2]]", "entry 1 has shape (1), entry 0 has ()"),
        ("[[[1, 2], [3]]]", f"{HERE}[0]: entry 1 has shape (1)"),
        ("[[], [1]]", "entry 1 has shape (1), entry 0 has (0)"),
        ('[[1, "nan"], ["nan"]]', "entry 1 has shape (1), entry 0 has (2)"),
        ("[" + "9" * 400 + "]", "is too large for a float64"),
        ("[" + "9" * 5000 + "]", "has an integer of too many digits"),
        ("9" * 5000, ""),
        ("1e400x", "cannot be read"),
        ("[" * 100_000 + "]" * 100_000, "nested too deep"),
        ("[" * 500 + "1" + "]" * 500, ""),
        ("[" * 65 + "1" + "]" * 65, ""),
        ('{"a": 1, "b": 2}', "holds a, b, not input or inputs"),
        ("{}", "holds nothing, not input or inputs"),
        ("", "is empty"),
        ("   ", "is empty"),
        ("1;2", "'1;2' is no list of numbers, and as a file cannot be read: No such file"),
        ("1 2", "is no list of numbers"),
        ("1,,2", "is no list of numbers"),
        ("1,", "is no list of numbers"),
        (",", "is no list of numbers"),
        ("1,x", "is no list of numbers"),
        ("0,5;1", "is no list of numbers"),
        ("x\0y", "is no name of a file"),
        ("x" * 5000, ""),
        ("½", "is no list of numbers"),
        ("²", "is no list of numbers"),
        ("1,²", "is no list of numbers"),
        ("1_0", "is no list of numbers"),
        ("0.5,1_0", "is no list of numbers"),
        ("0.5_0", "is no list of numbers"),
        ("1e1_0", "is no list of numbers"),
        ("\u0661", "is no list of numbers"),
        ("\uff11\uff0c5", "is no list of numbers"),
        ("[1_0]", "is no JSON"),
        ("[\u0661]", "is no JSON"),
        ("1" * 400, f"{'1' * 20}... is too large for a float64"),
        ("-" + "1" * 5000, "... is too large for a float64"),
        ("0.5," + "1" * 400, "... is too large for a float64"),
        ("[0.5, " + "1" * 400 + "]", "[1]: is too large for a float64"),
        ("[.5, " + "1" * 400 + "]", "[1]: is too large for a float64"),
        ("[.5, " + "1" * 5000 + "]", "has an integer of too many digits"),
        ("[nan, " + "1" * 5000 + "]", "has an integer of too many digits"),
        ("[" * 100_000 + ".5" + "]" * 100_000, "nested too deep"),
        ("[" * 100_000 + "nan" + "]" * 100_000, "nested too deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deep"),
        ('{"input": [1], "input": [2]}', "the key 'input' stands twice; the first would be lost"),
        ('{"input": [.5], "x": [2], "x": [nan]}', "the key 'x' stands twice"),
        ('[{"a": 1, "a": 2}]', "the key 'a' stands twice"),
        ("/dev/zero", "is a device, not a file"),
    ],
)
def test_text_that_holds_no_numbers(text, said):
    assert said in refused(text, names=["input", "inputs"])


def test_numbers_of_python():
    assert literal(0.5, HERE).tensor.ndim == 0
    same(literal([1, 2.5], HERE).tensor, [1, 2.5])
    same(literal((1, 2), HERE).tensor, [1, 2], INT)
    same(literal([(1, 2), [3, 4]], HERE).tensor, [[1, 2], [3, 4]], INT)
    same(literal([True], HERE).tensor, [True], BOOL)
    same(literal([np.float32(0.5)], HERE).tensor, [0.5], torch.float32)
    kept = Read(torch.ones(2), literal=False)
    assert literal(kept, HERE) is kept


@pytest.mark.parametrize(
    "value",
    [None, "x", object(), [object()], {"a": 1}, [{}], 1j, [1j], {1, 2}, b"12", [b"1"], range,
     [[1], 2], ["x"], [None], np.array(["x"]), np.array([None]), np.array([1j]), torch.tensor([1j]),
     [torch.ones(1), torch.ones(2)], np.zeros(1, [("a", "f4")]), 10**400, [10**400]],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_number_of_python_is_refused(value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=f"^{HERE}"):
            literal(value, HERE)


# CSV ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "values", "dtype"),
    [
        (b"1\n2\n3\n", [1, 2, 3], INT),
        (b"1\n2\n3", [1, 2, 3], INT),
        (b"0.5\n2\n", [0.5, 2], FLOAT),
        (b"1,2\n3,4\n", [[1, 2], [3, 4]], INT),
        (b"1, 2\n 3 ,4\n", [[1, 2], [3, 4]], INT),
        (b"1.0,2\n3,4\n", [[1, 2], [3, 4]], FLOAT),
        (b"1,2\r\n3,4\r\n", [[1, 2], [3, 4]], INT),
        (b"\xef\xbb\xbf1,2\n3,4\n", [[1, 2], [3, 4]], INT),
        (b"\n1,2\n\n3,4\n\n", [[1, 2], [3, 4]], INT),
        (b"nan,inf\n-inf,NaN\n", [[NAN, INF], [-INF, NAN]], FLOAT),
        (b"1e3\n-2E-1\n", [1000, -0.2], FLOAT),
        (b"5\n", [5], INT),
        (b"1,2\n", [[1, 2]], INT),
        (b"-1\n+1\n", [-1, 1], INT),
        (b"100000000000000000000\n1\n", [1e20, 1], FLOAT),
    ],
)
def test_csv(content, values, dtype):
    found = decode(content, HERE)
    assert found.literal
    same(found.tensor, values, dtype)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"1,2\na,b\n", "line 2 is no row of numbers: 'a,b'"),
        (b"1,2\n3\n", "line 2 has 1 numbers, the first has 2"),
        (b"1,2\n3,4\n5,6,7\n", "line 3 has 3 numbers, the first has 2"),
        (b"1,2\n3,\n", "line 2 is no row of numbers"),
        (b"", "is empty"),
        (b"\n \n\r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"hello\n", "line 1 is no row of numbers: 'hello'"),
        ("é".encode("latin-1"), "is neither JSON, CSV, NPY, NPZ nor a tensor"),
        (bytes(range(129, 256)), "is neither JSON, CSV, NPY, NPZ nor a tensor"),
        (bytes(range(128, 256)), ""),
        ("1\n2\n".encode("utf-16"), ""),
        (b"1\0\n", "line 1 is no row of numbers"),
        (b"\x00\x01\x02\x03", "line 1 is no row of numbers"),
        (b"\x7fELF\x02\x01\x01", ""),
        (b"\x89PNG\r\n\x1a\n", ""),
        (b"\x1f\x8b\x08\x00", ""),
        (b"1_0\n2\n", "line 1 is no row of numbers: '1_0'"),
        (b"1,2\n1,1_0\n", "line 2 is no row of numbers: '1,1_0'"),
        ("1\n\u0662\n".encode(), "line 2 is no row of numbers"),
    ],
)
def test_what_is_no_csv(content, said):
    assert said in refused(content)


# JSON files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b"[1.5, 2]", [1.5, 2]),
        (b" \n[1.5, 2]\n", [1.5, 2]),
        (b"\xef\xbb\xbf[1.5, 2]", [1.5, 2]),
        (b"[\r\n 1.5,\r\n 2]", [1.5, 2]),
        (b"[.5, nan]", [0.5, NAN]),
        (b'{"input": [1.5], "target": [2.5]}', [1.5]),
        (b'{"inputs": [1.5], "target": [2.5]}', [1.5]),
        (b'{"target": [2.5]}', [2.5]),
        (b'{"input": 0.5, "target": 1.5}', 0.5),
    ],
)
def test_json(content, values):
    same(decode(content, HERE, ["input", "inputs"]).tensor, values)


def test_the_first_name_of_an_operand_decides():
    same(decode(b'{"inputs": [2.5], "input": [1.5]}', HERE, ["input", "inputs"]).tensor, [1.5])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": [1], "b": [2]}', "holds a, b, not input or inputs"),
        (b'{"input": "x"}', 'needs a number, got "x"'),
        (b'{"input": null}', "needs a number, got null"),
        (b'{"input": {"a": 1}}', "needs a number"),
        (b"[1, 2", "is no JSON"),
        (b"[1, 2]\n[3, 4]", "is no JSON"),
        (b"{}", "holds nothing"),
        (b'{"input": [1], "input": [2]}', "the key 'input' stands twice; the first would be lost"),
        (b'{"target": [.5], "input": [1], "target": [2]}', "the key 'target' stands twice"),
        (b'{"input": ' + b"[" * 100_000, "nested too deep"),
        (b'{"input": [.5, ' + b"[" * 100_000, "nested too deep"),
        (b'{"input": [.5, ' + b"1" * 5000 + b"]}", "has an integer of too many digits"),
    ],
)
def test_what_is_no_operand_in_json(content, said):
    assert said in refused(content, names=["input", "inputs"])


# NPY, NPZ ----------------------------------------------------------------------------------------

NATIVE = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "?"]


@pytest.mark.parametrize("dtype", NATIVE)
def test_npy_keeps_its_dtype(dtype):
    array = np.array([[1, 0], [1, 1]], dtype=dtype)
    found = decode(npy(array), HERE)
    assert not found.literal
    assert found.tensor.dtype == torch.from_numpy(array).dtype
    assert found.tensor.tolist() == array.tolist()


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i4", ">i8", ">f2", ">i2"])
def test_npy_of_the_other_byte_order(dtype):
    found = decode(npy(np.array([1, 258, -3], dtype=dtype)), HERE).tensor
    assert found.tolist() == [1, 258, -3]
    assert str(found.dtype).endswith(str(8 * np.dtype(dtype).itemsize))


@pytest.mark.parametrize("dtype", ["u2", "u4", "u8"])
def test_npy_of_unsigned_numbers(dtype):
    assert decode(npy(np.array([1, 2], dtype=dtype)), HERE).tensor.tolist() == [1, 2]


def test_npy_of_any_layout():
    array = np.arange(6.0).reshape(2, 3)
    for given in (np.asfortranarray(array), array[::-1], array[:, ::2], array.T):
        assert decode(npy(given), HERE).tensor.tolist() == given.tolist()
        assert literal(given, HERE).tensor.tolist() == given.tolist()
    assert decode(npy(np.float32(2.5)), HERE).tensor.shape == ()
    assert decode(npy(np.zeros((0, 3))), HERE).tensor.shape == (0, 3)


def test_an_array_that_cannot_be_written_to_is_read_without_a_word():
    array = np.arange(3.0)
    array.flags.writeable = False
    assert literal(array, HERE).tensor.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([1j]), "holds complex128, needs real numbers"),
        (np.array(["x"]), "holds <U1"),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), "needs real numbers"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "needs real numbers"),
        (np.array([1], dtype="m8[s]"), "needs real numbers"),
        (np.array([1.0], dtype=np.longdouble), "needs real numbers"),
        (np.array([b"x"]), "needs real numbers"),
    ],
)
def test_npy_of_something_else(array, said):
    assert said in refused(npy(array))


def test_npy_of_objects_is_not_unpickled():
    content = npy(np.array([Trap(), None], dtype=object), allow_pickle=True)
    assert "allow_pickle" in refused(content)
    assert not Trap.sprung


@pytest.mark.parametrize("cut", [6, 8, 10, 40, 128, 130])
def test_npy_that_is_cut_off(cut):
    refused(npy(np.arange(100.0))[:cut])


def test_npy_that_promises_too_much():
    content = npy(np.zeros(4))
    for much in (b"9", b"99999999999999"):
        spaces = b" " * (len(much) - 1)
        refused(content.replace(b"(4,), }" + spaces, b"(" + much + b",), }"))


def npz(**arrays):
    return saved(np.savez, **arrays)


def test_npz_of_one_array():
    assert decode(npz(anything=np.array([1.5])), HERE, ["input"]).tensor.tolist() == [1.5]


@pytest.mark.parametrize("name", ["input", "inputs"])
def test_npz_of_several_by_name(name):
    content = npz(**{name: np.array([1.5]), "target": np.array([2.5])})
    assert decode(content, HERE, ["input", "inputs"]).tensor.tolist() == [1.5]


def test_npz_that_is_compressed():
    content = saved(np.savez_compressed, input=np.float32([1.5]), target=np.float32([2.5]))
    assert decode(content, HERE, ["input"]).tensor.dtype == torch.float32


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (npz(a=np.ones(1), b=np.ones(1)), "holds a, b, not input or inputs"),
        (npz(input=np.array([1j])), "complex128"),
        (npz(), ""),
        (npz(a=np.ones(3))[:60], ""),
        (npz(a=np.ones(300))[:-30], ""),
        (b"PK\x03\x04", ""),
        (b"PK\x03\x04" + b"x" * 100, ""),
    ],
)
def test_npz_that_holds_no_operand(content, said):
    assert said in refused(content, names=["input", "inputs"])


def test_npz_of_an_array_that_stands_twice():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings(action="ignore"):
        archive.writestr("input.npy", npy(np.ones(1)))
        archive.writestr("input.npy", npy(np.zeros(1)))
    assert "the array 'input' stands twice" in refused(buffer.getvalue(), names=["input"])


def test_npz_of_objects_is_not_unpickled():
    content = saved(np.savez, a=np.array([Trap()], dtype=object), allow_pickle=True)
    refused(content)
    assert not Trap.sprung


# PT ----------------------------------------------------------------------------------------------


class Trap:
    """Unpickling it would be seen."""

    sprung = False

    def __reduce__(self):
        return spring, ()


def spring():
    Trap.sprung = True


TENSOR = torch.tensor([[1.0, 2.0]])


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "value",
    [
        TENSOR,
        {"input": TENSOR, "target": torch.ones(3)},
        {"inputs": TENSOR, "target": torch.ones(3)},
        {"weight": TENSOR},
        torch.nn.Parameter(TENSOR.clone()),
        {"input": torch.nn.Parameter(TENSOR.clone()), "b": 1},
        TENSOR.to_sparse(),
        TENSOR.clone().requires_grad_(),
        TENSOR.T.contiguous().T,
    ],
    ids=[
        "tensor",
        "dict",
        "alias",
        "only",
        "parameter",
        "dict of parameter",
        "sparse",
        "grad",
        "T",
    ],
)
def test_pt(value, legacy):
    content = pt(value, _use_new_zipfile_serialization=not legacy)
    found = decode(content, HERE, ["input", "inputs"])
    assert not found.literal
    assert not found.tensor.requires_grad
    assert found.tensor.tolist() == [[1, 2]]
    assert found.tensor.layout == torch.strided


@pytest.mark.parametrize(
    "dtype",
    [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.int16,
     torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool],
    ids=str,
)  # fmt: skip
def test_pt_keeps_its_dtype(dtype):
    found = decode(pt(torch.tensor([1, 0]).to(dtype)), HERE).tensor
    assert found.dtype == dtype
    assert found.tolist() == [1, 0]


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2], ids=str)
def test_a_float_of_8_bits_is_refused_which_torch_cannot_even_compare(dtype):
    said = f"holds a tensor of {dtype}, needs real numbers"
    assert said in refused(pt(torch.ones(2).to(dtype)))


def test_pt_of_a_list_of_numbers():
    found = decode(pt([1.5, 2.5]), HERE)
    assert found.literal
    assert found.tensor.tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.tensor([1j]), "complex64, needs"),
        ({"a": TENSOR, "b": TENSOR}, "holds a, b, not input or inputs"),
        ({}, "holds nothing"),
        ({"input": "x"}, "needs a number"),
        ("text", "needs a number"),
        (None, "needs a number"),
        ({"input": {"deeper": TENSOR}}, "needs a number"),
        ({1: TENSOR, (2, 3): TENSOR}, "holds 1, (2, 3), not"),
        (torch.empty(2, device="meta"), "real numbers"),
        (Trap(), "cannot be read"),
        ({"input": Trap()}, "cannot be read"),
        (torch.nn.Linear(1, 1), "cannot be read"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_pt_of_something_else(value, said, legacy):
    content = pt(value, _use_new_zipfile_serialization=not legacy)
    assert said in refused(content, names=["input", "inputs"])
    assert not Trap.sprung


def test_quantized_tensors_are_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates them
        quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    with pytest.raises(InputError, match=f"^{HERE}: holds a tensor of torch.qint8"):
        literal(quantized, HERE)


def compressed():
    """A tensor in the layout that torch calls a beta."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pt(torch.eye(2).to_sparse_csr())


@pytest.mark.parametrize(
    "content", [pickle.dumps([1, 2], protocol=4), compressed()], ids=["pickle", "compressed"]
)
def test_warnings_of_torch_are_not_for_the_reader_of_a_file(content):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            assert decode(content, HERE).tensor.tolist() == [[1, 0], [0, 1]]
        except InputError as error:
            assert "weights_only" not in error.message  # noqa: PT017  # advice to run any code
    assert [str(w.message) for w in caught] == []


BEYOND = """
import io, torch
from initlab.errors import InputError
from initlab.losslab.operands.reading import decode
sparse = torch.sparse_coo_tensor([[{index}]], [1.0], (2,), check_invariants=False)
buffer = io.BytesIO()
torch.save(sparse, buffer)
try:
    decode(buffer.getvalue(), "--input")
except InputError as error:
    print(error.message)
"""


@pytest.mark.parametrize("index", [10**12, -(10**12)])
def test_a_sparse_tensor_with_an_index_beyond_its_size_writes_no_foreign_memory(index):
    done = subprocess.run(
        [sys.executable, "-c", BEYOND.format(index=index)], capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"ended by {done.returncode}"
    assert done.stdout.startswith("--input: cannot be read as an array")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_plain_pickle_is_not_run(protocol):
    refused(pickle.dumps(Trap(), protocol=protocol))
    refused(pickle.dumps({"input": Trap()}, protocol=protocol))
    assert not Trap.sprung


def test_the_trap_springs_where_pickles_run():
    try:
        pickle.loads(pickle.dumps(Trap()))  # noqa: S301
        assert Trap.sprung
    finally:
        Trap.sprung = False


@pytest.mark.parametrize("cut", [5, 50, 200, -10])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_pt_that_is_cut_off(cut, legacy):
    refused(pt(torch.arange(100.0), _use_new_zipfile_serialization=not legacy)[:cut])


# files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"[1.5, 2.5]"),
        ("a.csv", b"1.5\n2.5\n"),
        ("a.npy", npy(np.array([1.5, 2.5]))),
        ("a.npz", npz(x=np.array([1.5, 2.5]))),
        ("a.pt", pt(torch.tensor([1.5, 2.5], dtype=torch.float64))),
        ("with spaces, and [brackets].npy", npy(np.array([1.5, 2.5]))),
        ("é.csv", b"1.5\n2.5\n"),
        ("no_suffix", b"1.5\n2.5\n"),
        ("lies.csv", npy(np.array([1.5, 2.5]))),  # the first bytes decide
    ],
)
def test_a_file_of_any_kind(tmp_path, monkeypatch, name, content):
    (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    for path in (name, str(tmp_path / name), f"./{name}"):
        assert read(path, HERE).tensor.tolist() == [1.5, 2.5]


def test_a_broken_file_is_named_beside_the_operand(tmp_path):
    path = tmp_path / "broken.npy"
    path.write_bytes(npy(np.arange(9.0))[:70])
    assert refused(str(path)).startswith(f"{HERE} {path}: cannot be read as an array: ")
    path.write_bytes(b"")
    assert refused(str(path)) == f"{HERE} {path}: is empty"


def test_files_that_cannot_be_opened(tmp_path):
    assert "No such file" in refused(str(tmp_path / "none.npy"))
    assert "Is a directory" in refused(str(tmp_path))
    (tmp_path / "x.npy").write_bytes(b"")
    assert "Not a directory" in refused(str(tmp_path / "x.npy" / "y"))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "symbolic links" in refused(str(loop))


def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "secret.npy"
    path.write_bytes(npy(np.ones(1)))
    assert read(str(path), HERE).tensor.tolist() == [1]
    path.chmod(0)
    me = os.geteuid()
    try:
        if me == 0:  # root reads everything, and so becomes somebody else
            os.seteuid(NOBODY)
        assert "Permission denied" in refused(str(path))
    finally:
        os.seteuid(me)


def test_numbers_go_before_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1").write_text("[9]")
    assert read("1", HERE).tensor.tolist() == 1
    assert read("./1", HERE).tensor.tolist() == [9]


# standard input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"[1.5, 2.5]", b"1.5\n2.5\n", npy(np.array([1.5, 2.5])), npz(x=np.array([1.5, 2.5])),
     pt(torch.tensor([1.5, 2.5]).double()), b'{"input": [1.5, 2.5], "target": [0]}'],
    ids=["json", "csv", "npy", "npz", "pt", "mapping"],
)  # fmt: skip
def test_standard_input_of_any_kind(stdin, content):
    stdin(content)
    assert read("-", HERE, ["input"]).tensor.tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"hello", b"[1, 2", b"\x80", b"\x93NUMPY", b"\xff"]
)
def test_standard_input_that_cannot_be_read(stdin, content):
    stdin(content)
    refused("-")


# many shapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 3), (1, 1, 1, 2)])
def test_an_array_comes_back_as_it_was_from_every_source(shape):
    array = np.asarray(np.arange(math.prod(shape), dtype=np.float64).reshape(shape) + 0.5)
    for found in (
        decode(npy(array), HERE),
        decode(npz(x=array), HERE),
        decode(pt(torch.from_numpy(array)), HERE),
        literal(array, HERE),
        literal(torch.from_numpy(array), HERE),
    ):
        assert found.tensor.shape == shape
        assert found.tensor.tolist() == array.tolist()
    if array.size:  # an empty list has no shape beyond its first 0
        assert read(json.dumps(array.tolist()), HERE).tensor.tolist() == array.tolist()


def test_what_is_read_is_a_copy():
    array = np.ones(2)
    found = literal(array, HERE).tensor
    array[0] = 5
    assert found.tolist() == [1, 1]
