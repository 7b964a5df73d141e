"""Statistics against NumPy in float64, and against exact sums where NumPy's squares overflow."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from probe_runs import rows

from initlab.probe.recording.statistics import norm, readable, statistics

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def by_numpy(x, batch=None):
    """rms, mean, std, absmax and signal, of numbers whose squares float64 holds."""
    a = torch.view_as_real(x).double().numpy() if x.is_complex() else x.double().numpy()
    found = {
        "rms": np.sqrt(np.mean(a**2)),
        "mean": a.mean(),
        "std": a.std(),
        "absmax": np.abs(a).max(),
        "signal": None,
    }
    if batch is not None:
        found["signal"] = np.sqrt(a.var(0, ddof=1).mean())
    return found


def agree(x, batch=None, rel=1e-9):
    """Within the rounding of sums in float64; differences are of a size to the rms."""
    found, wanted = statistics(x, batch), by_numpy(x, batch)
    for name, value in wanted.items():
        if value is None:
            assert getattr(found, name) is None
        else:
            near = pytest.approx(value, rel=rel, abs=1e-12 * wanted["absmax"])
            assert getattr(found, name) == near, name
    assert norm(x) == pytest.approx(wanted["rms"] * math.sqrt(x.numel() * parts(x)), rel=rel)


def parts(x):
    return 2 if x.is_complex() else 1


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (4, 1), (4, 5), (4, 5, 6), (1, 3)])
def test_every_dtype_and_shape(dtype, shape):
    agree((3 + 2 * rows(*shape)).to(dtype))
    if len(shape) > 1 and shape[0] > 1:
        agree((3 + 2 * rows(*shape)).to(dtype), batch=shape[0])


def test_complex_numbers_count_as_two():
    x = torch.complex(rows(4, 5), 3 * rows(4, 5, seed=1))
    agree(x)
    agree(x, batch=4)
    assert statistics(x).shape == (4, 5)
    assert statistics(x).dtype == "complex64"


def test_views_of_any_strides():
    x = rows(6, 8, 4)
    for view in (x.permute(2, 0, 1), x[::2, 1:7:3], x[:1].expand(5, 8, 4)):
        assert not view.is_contiguous()
        agree(view)
        agree(view, batch=view.shape[0])
    assert statistics(x[:1].expand(5, 8, 4), 5).signal == 0  # every sample is the same memory


def test_large_tensors_are_read_in_parts(monkeypatch):
    monkeypatch.setattr("initlab.probe.recording.statistics.AT_ONCE", 10)
    for shape in ((4, 33), (40, 3), (100,)):
        agree(rows(*shape), batch=shape[0] if len(shape) > 1 else None)


@pytest.mark.parametrize(
    ("dtype", "factor"),
    [
        (torch.float32, 1e38),  # its squares overflow from 1.8e19
        (torch.float32, 1e-40),  # below its normal numbers
        (torch.float64, 1e300),  # its squares overflow from 1.3e154
        (torch.float64, 1e-310),
        (torch.float64, 1e150),
        (torch.float64, 1e-150),
        (torch.float16, 1e4),
        (torch.bfloat16, 1e38),
    ],
)
@pytest.mark.parametrize("batch", [None, 4])
def test_huge_and_tiny_numbers_have_the_statistics_of_ordinary_ones(dtype, factor, batch):
    # |x| from 1/4 to 3/4 and factors of which products round to few digits
    x = (torch.arange(1, 21).reshape(4, 5) / 28).to(torch.float64) * factor
    x = x.to(dtype)
    plain = by_numpy((x.double() / factor), batch)
    found = statistics(x, batch)
    for name, value in plain.items():
        if value is not None:
            assert getattr(found, name) == pytest.approx(value * factor, rel=1e-8), name
    assert norm(x) == pytest.approx(plain["rms"] * factor * math.sqrt(20), rel=1e-8)


@pytest.mark.parametrize("dtype", FLOATS)
def test_constants_vary_by_nothing(dtype):
    x = torch.full((8, 3), 0.1, dtype=dtype)  # no float is 0.1
    found = statistics(x, 8)
    assert found.rms == pytest.approx(float(x[0, 0]), rel=1e-15)
    # the mean's own rounding, 2^-53 of it, may be left
    assert found.std <= 1e-16
    assert found.signal <= 1e-16
    zero = statistics(torch.zeros(8, 3, dtype=dtype), 8)
    assert (zero.rms, zero.mean, zero.std, zero.signal, zero.absmax) == (0, 0, 0, 0, 0)
    assert norm(torch.zeros(8, 3, dtype=dtype)) == 0


@pytest.mark.parametrize("spread", [1e-3, 1e-2, 1.0, 1.1, 10.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_small_spread_about_a_large_mean_is_exact(spread, dtype):
    # 1e-3 beside 1e4 is a part of 1e-14 of the mean square: sums of squares have lost it
    x = (1e4 + spread * rows(16, 400).double()).to(dtype)
    wanted = by_numpy(x, 16)
    found = statistics(x, 16)
    assert found.std == pytest.approx(wanted["std"], rel=1e-6)
    assert found.signal == pytest.approx(wanted["signal"], rel=1e-6)


def test_signal_is_what_is_left_of_a_pattern_that_all_samples_share():
    x = 1e4 * rows(1, 400).double() + 1e-3 * rows(16, 400, seed=1).double()
    found, wanted = statistics(x, 16), by_numpy(x, 16)
    assert found.std == pytest.approx(wanted["std"], rel=1e-9)  # it varies over features
    assert found.signal == pytest.approx(wanted["signal"], rel=1e-6)


@pytest.mark.parametrize(
    ("shape", "batch"), [((4, 3), 5), ((4, 3), None), ((1, 3), 1), ((), 4), ((3, 4), 4)]
)
def test_without_a_batch_in_front_there_is_no_signal(shape, batch):
    assert statistics(rows(*shape), batch).signal is None


def test_counts_of_what_is_not_finite():
    x = torch.tensor([1.0, -2.0, math.nan, math.inf, -math.inf, -math.inf, 0.0, 5.0])
    found = statistics(x, 8)
    assert (found.finite, found.nan, found.inf, found.masked) == (4 / 8, 1, 3, False)
    assert all(math.isnan(v) for v in (found.rms, found.mean, found.std, found.absmax))
    assert found.signal is None
    assert math.isnan(norm(x))


@pytest.mark.parametrize(
    ("bad", "masked"), [([-math.inf], True), ([math.inf], False), ([math.nan], False)]
)
@pytest.mark.parametrize("dtype", FLOATS)
def test_only_minus_infinity_masks(bad, masked, dtype):
    x = torch.tensor([1.0, 2.0, *bad], dtype=dtype)
    assert statistics(x).masked is masked
    assert statistics(x).finite == pytest.approx(2 / 3)
    assert math.isnan(norm(x))
    assert not statistics(x[:2]).masked


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(0, 3),
        torch.arange(3),
        torch.tensor([True]),
        torch.zeros(3, device="meta"),
        torch.eye(3).to_sparse(),
    ],
    ids=["empty", "int", "bool", "meta", "sparse"],
)
def test_what_cannot_be_read(x):
    assert not readable(x)
    assert statistics(x) is None
    assert math.isnan(norm(x))


def test_subclasses_cannot_be_read_but_parameters_can():
    class Own(torch.Tensor):
        pass

    assert statistics(rows(3).as_subclass(Own)) is None
    assert statistics(torch.nn.Parameter(rows(3))).size == 3


def test_a_gradient_is_not_asked_for():
    x = rows(4, 3).requires_grad_()
    found = statistics(x, 4)
    assert all(not isinstance(value, torch.Tensor) for value in found)
    assert x.grad is None


WIDTHS = {torch.float64: 64, torch.float32: 32, torch.float16: 16}


@st.composite
def tensors(draw):
    dtype = draw(st.sampled_from(list(WIDTHS)))
    batch = draw(st.integers(1, 4))
    number = st.floats(width=WIDTHS[dtype], allow_nan=False, allow_infinity=False)
    columns = draw(st.integers(1, 4))
    flat = draw(st.lists(number, min_size=batch * columns, max_size=batch * columns))
    return torch.tensor(flat, dtype=dtype).reshape(batch, columns)


def exact(x):
    """(mean square, variance, signal's square) of doubles, in rational numbers."""
    rows_of = [[Fraction(v) for v in row] for row in x.double().tolist()]
    flat = [v for row in rows_of for v in row]
    square = sum(v * v for v in flat) / len(flat)
    mean = sum(flat) / len(flat)
    return square, square - mean * mean


def root(fraction):
    """Square root of a fraction that may be beyond floats."""
    if fraction == 0:
        return 0.0
    shift = (fraction.numerator.bit_length() - fraction.denominator.bit_length()) // 2
    return math.sqrt(fraction / Fraction(4) ** shift) * 2.0**shift


@given(tensors())
@settings(max_examples=300, deadline=None)
def test_statistics_of_finite_numbers_are_finite_and_exact(x):
    found = statistics(x, len(x))
    assert found.finite == 1
    square, variance = exact(x)
    # numbers below 2^-1022 have few digits of their own
    assert found.rms == pytest.approx(root(square), rel=1e-9, abs=1e-322)
    size = root(square)
    assert found.std == pytest.approx(root(variance), rel=1e-5, abs=max(1e-15 * size, 1e-322))
    assert not math.isnan(found.mean)
    assert abs(found.mean) <= found.absmax * (1 + 1e-12)
    if len(x) > 1:
        assert not math.isnan(found.signal)
        assert found.signal >= 0
    together = math.sqrt(x.numel())
    # the norm itself may be beyond the largest double
    if size * together < 1e308:
        assert norm(x) == pytest.approx(size * together, rel=1e-9, abs=1e-322)


@given(tensors())
@settings(max_examples=100, deadline=None)
def test_a_power_of_two_scales_all_of_them(x):
    if x.dtype != torch.float64 or not 1e-200 < float(x.abs().max()) < 1e200:
        return
    one, four = statistics(x, len(x)), statistics(4 * x, len(x))
    assert four.rms == pytest.approx(4 * one.rms, rel=1e-12)
    assert four.std == pytest.approx(4 * one.std, rel=1e-6, abs=1e-15 * one.rms)


def test_a_conjugate_has_the_statistics_of_its_original():
    x = torch.complex(rows(4, 5), rows(4, 5, seed=1))
    assert statistics(x.conj(), 4).rms == statistics(x, 4).rms
    assert norm(x.conj()) == norm(x)


def test_what_torch_cannot_reduce_is_not_read_or_is_right():
    x = rows(4, 5).to(torch.float8_e4m3fn)
    found = statistics(x)
    assert found is None or found.rms == pytest.approx(by_numpy(x.float())["rms"])


def test_nested_tensors_are_not_read():
    with warnings.catch_warnings(action="ignore"):  # a prototype, says torch
        x = torch.nested.nested_tensor([rows(3, 4), rows(5, 4)])
    assert statistics(x) is None
