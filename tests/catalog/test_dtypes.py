"""Number formats: their records hold what torch says of them."""

import pytest
import torch

from initlab.catalog.dtypes import DTYPES


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=lambda dtype: dtype.name)
def test_a_record_is_torch_s(dtype):
    info = torch.finfo(getattr(torch, dtype.name))
    assert dtype.bytes == info.bits // 8
    assert dtype.largest == info.max
    # IEEE 754: subnormals are multiples of eps times the smallest normal number
    assert dtype.smallest == info.smallest_normal * info.eps


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=lambda dtype: dtype.name)
def test_random_numbers_are_drawn_in_a_dtype_that_holds_every_number_of_it(dtype):
    drawn = DTYPES[dtype.drawn_in]
    assert drawn.largest >= dtype.largest
    assert drawn.smallest <= dtype.smallest
    assert drawn.drawn_in == drawn.name
