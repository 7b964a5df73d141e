"""Arrays as Python prints them: read back, and never evaluated."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from initlab.errors import InputError
from initlab.losslab.operands.limits import MOST
from initlab.losslab.operands.pasted import parsed
from initlab.losslab.operands.reading import read
from initlab.userfiles import TooLarge

finite = st.floats(allow_nan=True, allow_infinity=True, width=32)
shapes = array_shapes(min_dims=1, max_dims=3, max_side=4)


@settings(deadline=None)  # torch is loaded in the first example
@given(arrays(np.float32, shapes, elements=finite))
def test_what_numpy_prints_is_read_back(array):
    """repr and str of numpy have all digits; str has blanks in place of commas."""
    for text in (repr(array), str(array), str(array.tolist())):
        np.testing.assert_array_equal(read(text, "--input").tensor.numpy().astype("f4"), array)
    assert read(repr(array), "--input").tensor.dtype == torch.float32  # printed beside it


@settings(deadline=None)  # torch is loaded in the first example
@given(arrays(np.int64, shapes, elements=st.integers(-(2**40), 2**40)))
def test_whole_numbers_stay_whole(array):
    for text in (repr(array), str(array), repr(torch.from_numpy(array))):
        found = read(text, "--target").tensor
        assert found.dtype == torch.int64
        np.testing.assert_array_equal(found.numpy(), array)


@settings(deadline=None)  # torch is loaded in the first example
@given(arrays(np.float32, shapes, elements=st.floats(-1e3, 1e3, width=32)))
def test_what_torch_prints_is_read_to_its_four_digits(array):
    x = torch.from_numpy(array)
    for made in (x, x.clone().requires_grad_(), x.clone().requires_grad_() * 1, x.double()):
        found = read(repr(made), "--input").tensor
        assert found.shape == made.shape
        # printed with four decimals, or with four digits of the largest
        torch.testing.assert_close(
            found.double(), made.detach().double(), rtol=1e-4, atol=6e-5 * float(1 + x.abs().max())
        )
    assert read(repr(x.double()), "--input").tensor.dtype == torch.float64


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("tensor([[0.2, 0.8]], grad_fn=<MulBackward0>)", [[0.2, 0.8]]),
        ("tensor([0.2], device='cuda:0', dtype=torch.float64, requires_grad=True)", [0.2]),
        ("torch.tensor([1, 2])", [1, 2]),
        ("np.array([1., 2.])", [1, 2]),
        ("Parameter containing:\ntensor([1., 2.], requires_grad=True)", [1, 2]),
        ("[1. 2. 3.]", [1, 2, 3]),
        ("[[1. 2.]\n [3. 4.]]", [[1, 2], [3, 4]]),
        ("(1, 2)", [1, 2]),
        ("[1, 2,]", [1, 2]),
        ("[True, False]", [True, False]),
        ("[np.float64(0.5), tensor(2.)]", [0.5, 2]),
        ("tensor(0.5)", 0.5),
    ],
)
def test_ways_of_printing(text, value):
    found = read(text, "--input").tensor
    torch.testing.assert_close(found.double(), torch.tensor(value).double(), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2, ..., 9]", '"..." stands for values that were not printed'),
        ("tensor([1, __import__('os')])", "no JSON and no array"),
        ("[1 2, 3]", "no JSON and no array"),
        ("[1, 2", "it ends too early"),
        ("tensor([1, 2]) + 1", "unexpected"),
        ("tensor([1+2j])", "unexpected"),
        ("tensor([], size=(0, 3))", "the shape of an empty array, which cannot be pasted"),
        ("tensor([300], dtype=torch.uint8)", "has numbers that are none of torch.uint8"),
        ("tensor([1], dtype=torch.complex64)", "is none of real numbers that torch knows"),
        ("[[1, 2], [3]]", "entry 1 has shape"),
    ],
)
def test_what_cannot_be_pasted(text, says):
    with pytest.raises(InputError, match=re.escape(says)):
        read(text, "--input")


@settings(deadline=None)  # torch is loaded in the first example
@given(st.text(alphabet="0123456789.,[]()tensoarry= <>_'\n", max_size=40))
def test_any_text_is_an_array_or_refused(text):
    try:
        found = type(parsed(f"[{text}", "--input", MOST)[0]).__name__
    except InputError as error:
        found = error.message[:9]
    assert found in ("list", "--input: ")


def test_no_memory_is_taken_for_too_many():
    with pytest.raises(TooLarge):
        parsed("[" + "1 " * 1000 + "]", "--input", 7999)
