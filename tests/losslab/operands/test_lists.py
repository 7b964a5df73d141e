"""Nested lists as arrays: the same as numpy's where it has them, and quick to say why not."""

from collections import deque

import numpy as np
import pytest
import torch

from initlab.errors import InputError
from initlab.losslab.operands.lists import DEEPEST, array_of
from initlab.losslab.operands.reading import literal

HERE = "--input"


def read(value):
    return array_of(value, HERE, 1 << 30, lambda level: [x.tolist() for x in level])


@pytest.mark.parametrize(
    "value",
    [1, 1.5, True, [], [[]], [[], []], [1], [1, 2.5], [True, False], [True, 2], [[1, 2], [3, 4]],
     [[[1.0]], [[2.0]]], (1, 2), [(1, 2), [3, 4]], range(3), deque([1, 2]), [np.float32(1)],
     [np.int8(1), 2], [2**53 + 1], [-(2**63)], [float("nan"), 1], np.float64(1)],
    ids=str,
)  # fmt: skip
def test_arrays_are_those_of_numpy(value):
    expected = np.array(value)
    found = read(value)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([2**63, 1], [2.0**63, 1.0]),
        ([2**64, -1], [2.0**64, -1.0]),
        ([1.5, 10**300], [1.5, 1e300]),
        (["nan", "INF", "+inf", "-inf", 1], [np.nan, np.inf, np.inf, -np.inf, 1]),
        ([np.longdouble(1.5)], [1.5]),
        ([torch.ones(2), [3, 4]], [[1, 1], [3, 4]]),
        ([np.ones(2), torch.zeros(2)], [[1, 1], [0, 0]]),
        ([torch.tensor(1.0), torch.tensor(2.0)], [1, 2]),
    ],
    ids=str,
)
def test_what_numpy_has_in_another_way_or_not_at_all(value, expected):
    found = literal(value, HERE).tensor
    assert found.dtype == torch.float64
    np.testing.assert_array_equal(found.numpy(), np.array(expected))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([[1, 2], [3]], ": entry 1 has shape (1), entry 0 has (2)"),
        ([[[1], [2]], [[3], [4, 5]]], "[1]: entry 1 has shape (2), entry 0 has (1)"),
        ([[[1], [2]], [[3, 4], [5, 6]]], ": entry 1 has shape (2, 2), entry 0 has (2, 1)"),
        ([[1, 2], [[3], 4]], ": entry 1 has shape (2, 1), entry 0 has (2)"),
        ([[1, 2], [3, [4]]], "[1]: entry 1 has shape (1), entry 0 has ()"),
        ([1, []], ": entry 1 has shape (0), entry 0 has ()"),
        ([[], [1]], ": entry 1 has shape (1), entry 0 has (0)"),
        ([torch.ones(2), torch.ones(3)], ": entry 1 has shape (3), entry 0 has (2)"),
        ([[1, 2], [3, None]], "[1][1]: needs a number, got null"),
        ([[[1, 2]], [[3, "x"]]], '[1][0][1]: needs a number, got "x"'),
        ([[1, 10**400]], "[0][1]: is too large for a float64"),
        ([-(10**400)], "[0]: is too large for a float64"),
        ([10**5000], "[0]: is too large for a float64"),
        (None, ": needs a number, got null"),
        ([{1j: 2}], "[0]: needs a number, got dict"),
        ([b"12"], "[0]: needs a number, got "),
    ],
    ids=lambda x: str(x)[:30] if not isinstance(x, list) else "",
)
def test_the_first_that_does_not_fit_is_named(value, said):
    with pytest.raises(InputError) as caught:
        literal(value, HERE)
    assert caught.value.message.startswith(HERE + said)


def test_lists_end_somewhere():
    circle = []
    circle.append(circle)
    deep = 1
    for _ in range(DEEPEST):
        deep = [deep]
    assert read(deep).ndim == DEEPEST
    for value in (circle, [deep]):
        with pytest.raises(InputError, match="deeper than 16 levels"):
            read(value)


def test_a_long_text_among_many_numbers_is_named_in_short():
    with pytest.raises(InputError) as caught:  # numpy would ask for 20,001 texts of a million
        read([0.1] * 20_000 + ["a" * 1_000_000])
    assert caught.value.message.startswith(f'{HERE}[20000]: needs a number, got "aaa')
    assert len(caught.value.message) < 120
