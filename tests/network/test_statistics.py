"""Statistics against exactly rounded references, at the scales where naive ones fail."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from initlab.network import statistics, tables
from initlab.network.measurement import BACKWARD, FORWARD
from initlab.network.scratch import Scratch

DTYPES = ["float64", "float32", "bfloat16", "float16"]


# references -------------------------------------------------------------------------------------


def exact_mean(values) -> Fraction:
    return sum(map(Fraction, values), Fraction(0)) / len(values)


def root(value: Fraction) -> float:
    """The square root of a fraction of any size: scaled by an even power of two first."""
    if value == 0:
        return 0.0
    shift = 2 * ((value.numerator.bit_length() - value.denominator.bit_length()) // 2)
    scaled = value / Fraction(2) ** shift
    return math.ldexp(math.sqrt(float(scaled)), shift // 2)


def exact_std(x) -> float:
    values = [Fraction(float(v)) for v in np.ravel(x)]
    mean = exact_mean(values)
    return root(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


def exact_rms(x) -> float:
    return root(exact_mean([Fraction(float(v)) ** 2 for v in np.ravel(x)]))


def exact_weight_gradient_std(delta, h) -> float:
    d, i = ([[Fraction(float(v)) for v in row] for row in m] for m in (delta, h))
    entries = [
        sum(d_row[o] * i_row[j] for d_row, i_row in zip(d, i, strict=True))
        for o in range(len(d[0]))
        for j in range(len(i[0]))
    ]
    mean = exact_mean(entries)
    return root(sum((e - mean) ** 2 for e in entries) / (len(entries) - 1))


def forward(out, *, pre=None, slope=None, dtype=torch.float64) -> dict[str, np.ndarray]:
    """Forward columns of a block given as a list of runs, each (B, N)."""
    block = torch.as_tensor(np.array(out), dtype=dtype)
    pre = block if pre is None else torch.as_tensor(np.array(pre), dtype=dtype)
    slope = (
        torch.ones_like(block) if slope is None else torch.as_tensor(np.array(slope), dtype=dtype)
    )
    sums = statistics.forward(pre, block, slope, Scratch())
    return dict(zip(FORWARD, tables.forward([sums], *block.shape[1:])[0].T, strict=True))


def backward(gradient, delta, h) -> dict[str, np.ndarray]:
    blocks = [torch.as_tensor(np.array(x), dtype=torch.float64) for x in (gradient, delta, h)]
    sums = statistics.backward(*blocks, Scratch(), biased=True)
    batch, fan_out, fan_in = *blocks[1].shape[1:], blocks[2].shape[-1]
    return dict(zip(BACKWARD, tables.backward([sums], batch, fan_in, fan_out)[0].T, strict=True))


def sample(seed, shape, scale=1.0, shift=0.0):
    return scale * (np.random.default_rng(seed).standard_normal(shape) + shift)


# moments ----------------------------------------------------------------------------------------

sizes = st.tuples(st.integers(1, 6), st.integers(1, 9)).filter(lambda size: size[0] * size[1] > 1)
exponents = st.integers(-300, 300)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), sizes, exponents, st.sampled_from([0.0, 1.0, 1e3, 1e6]))
@example(0, (5, 7), 300, 0.0)
@example(0, (5, 7), -300, 0.0)
@example(0, (2, 1), 300, 1e6)
def test_moments_at_any_scale_and_any_mean(seed, size, exponent, shift):
    # a mean `shift` times the spread: a sum of squares minus the mean's square would lose all
    # digits at 1e8, and overflow or vanish beyond 1e154
    x = sample(seed, size, 10.0**exponent / (shift + 1), shift)
    got = forward([x])
    # values are rounded at eps of the mean already, so a std keeps 16 digits less those of shift
    relative = 1e-14 * (shift + 10)
    assert got["std"][0] == pytest.approx(exact_std(x), rel=relative)
    assert got["pre_std"][0] == got["std"][0]
    assert got["rms"][0] == pytest.approx(exact_rms(x), rel=1e-13)
    mean = float(exact_mean([Fraction(float(v)) for v in x.ravel()]))
    assert got["mean"][0] == pytest.approx(mean, rel=1e-13, abs=1e-13 * got["rms"][0])
    assert got["pre_mean"][0] == got["mean"][0]
    assert got["abs_max"][0] == np.abs(x).max()


@pytest.mark.parametrize("dtype", DTYPES)
def test_moments_accumulate_in_float64_whatever_the_type(dtype):
    x = torch.from_numpy(sample(1, (16, 256), 3.0, 2.0)).to(getattr(torch, dtype))
    got = forward([x.double().numpy()], dtype=x.dtype)
    assert got["std"][0] == pytest.approx(exact_std(x.double()), rel=1e-13)
    assert got["rms"][0] == pytest.approx(exact_rms(x.double()), rel=1e-13)


@pytest.mark.parametrize("scale", [3e38, 1e37, 1e-25, 1e-44])
def test_float32_values_whose_float32_statistics_would_be_nan_or_zero(scale):
    # a float32 sum overflows from 1e37 x 4096 on; squares vanish below 1e-23
    x = torch.from_numpy(sample(2, (16, 256)).clip(-1, 1)).mul(scale).float()
    got = forward([x.double().numpy()], dtype=torch.float32)
    assert got["finite_fraction"][0] == 1
    assert got["std"][0] == pytest.approx(exact_std(x.double()), rel=1e-13)
    assert got["rms"][0] == pytest.approx(exact_rms(x.double()), rel=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan], ids=str)
@pytest.mark.parametrize("at", [(0, 0), (1, 4), (3, 6)], ids=str)
def test_one_value_that_is_not_finite(dtype, bad, at):
    x, good = sample(3, (4, 7)), sample(4, (4, 7))
    x[at] = bad
    got = forward([good, x, good], dtype=getattr(torch, dtype))
    assert np.isnan(got["std"]).tolist() == [False, True, False]
    assert np.isnan(got["pre_std"]).tolist() == [False, True, False]
    assert np.isnan(got["cosine"]).tolist() == [False, True, False]
    assert got["finite_fraction"][1] == pytest.approx(27 / 28, rel=1e-15)
    assert not np.isfinite(got["abs_max"][1])
    beside, alone = (
        (got[name][[0, 2]] for name in ("std", "rms")),
        forward([good], dtype=getattr(torch, dtype)),
    )
    for values, name in zip(beside, ("std", "rms"), strict=True):
        assert (values == alone[name][0]).all()  # the runs beside it do not notice


def test_a_layer_of_zeros():
    got = forward([np.zeros((3, 5))], slope=np.zeros((1, 3, 5)))
    zero = ["mean", "std", "rms", "abs_max", "pre_mean", "pre_std"]
    assert [got[name][0] for name in zero] == [0] * 6
    assert np.isnan(got["cosine"][0])  # no sample has a direction
    ones = ["zero_fraction", "saturated_fraction", "finite_fraction"]
    assert [got[name][0] for name in ones] == [1] * 3


def test_one_sample_and_one_neuron():
    wide, tall = forward([[[1.0, 2, 4]]]), forward([[[1.0], [2], [4]]])
    # mean 7/3, squared differences (16 + 1 + 25) / 9, over n - 1 = 2: 7/3
    assert wide["std"][0] == pytest.approx(math.sqrt(7 / 3), rel=1e-15)
    assert tall["std"][0] == pytest.approx(math.sqrt(7 / 3), rel=1e-15)
    assert np.isnan(wide["cosine"][0])  # no pair
    assert tall["cosine"][0] == 1
    assert np.isnan(forward([[[3.0]]])["std"][0])  # as torch.std of one value
    assert forward([[[3.0]]])["rms"][0] == 3


def test_equal_values_have_std_zero():
    assert forward([np.full((4, 8), 0.5)])["std"][0] == 0
    # 0.1 is no binary fraction: its sums round, and std is of the size of that rounding
    assert forward([np.full((4, 9), 0.1)])["std"][0] <= 0.1 * 2**-52


# cosine -----------------------------------------------------------------------------------------


def exact_cosine(x) -> float:
    rows = [row / np.abs(row).max() for row in np.asarray(x) if row.any()]
    pairs = [a @ b / math.sqrt((a @ a) * (b @ b)) for i, a in enumerate(rows) for b in rows[:i]]
    return math.fsum(pairs) / len(pairs) if pairs else math.nan


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 9), exponents)
def test_cosine_is_the_mean_over_pairs(seed, batch, width, exponent):
    x = sample(seed, (batch, width), 10.0**exponent, 0.5)
    assert forward([x])["cosine"][0] == pytest.approx(exact_cosine(x), abs=1e-13)


def test_cosine_leaves_out_samples_that_are_all_zero():
    x = np.array([[1.0, 0], [0, 0], [1, 1], [0, 0]])
    assert forward([x])["cosine"][0] == pytest.approx(math.sqrt(0.5), rel=1e-14)  # 45 degrees
    assert np.isnan(forward([x[:2]])["cosine"][0])  # one direction, no pair


@pytest.mark.parametrize("apart", [1e-100, 1e-150, 1e-158, 1e-170, 1e-250])
def test_cosine_of_samples_of_very_different_length(apart):
    # activations that are not scale-free (relu_squared, x^(2^depth)) drive samples this far apart
    x = sample(5, (4, 6), 1.0, 0.5)
    expected = exact_cosine(x)  # a direction has no length
    x[[1, 2]] *= apart
    assert forward([x])["cosine"][0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-40])
def test_cosine_of_parallel_and_opposite_samples(scale):
    x = sample(6, (1, 12), scale)
    assert forward([np.repeat(x, 3, 0)])["cosine"][0] == pytest.approx(1, abs=1e-15)
    assert forward([np.concatenate([x, -x])])["cosine"][0] == pytest.approx(-1, abs=1e-15)


# counts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_fractions_count(dtype):
    out = [[[0.0, -0.0, 1], [2, 0, 3]]]
    # |phi'| < 0.05 strictly, whatever its sign; 0.05078125 is the next value above in bfloat16
    slope = [[[0.0, -0.04, 0.05078125], [-1, 0.049, -0.06]]]
    to = getattr(torch, dtype)
    got = forward(out, slope=torch.tensor(slope, dtype=to).double().numpy(), dtype=to)
    assert got["zero_fraction"][0] == pytest.approx(3 / 6, rel=1e-15)
    assert got["saturated_fraction"][0] == pytest.approx(3 / 6, rel=1e-15)
    assert got["finite_fraction"][0] == 1


def test_fractions_of_more_entries_than_float32_counts():
    block = np.zeros((1, 1, 2**24 + 1), dtype=np.float32)
    assert forward(block, dtype=torch.float32)["zero_fraction"][0] == 1


# gradients --------------------------------------------------------------------------------------

# batch up to min(outputs, inputs) goes by Gram matrices, a larger one by dL/dW itself
gradient_sizes = st.tuples(st.integers(1, 7), st.integers(1, 6), st.integers(1, 6))


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 10**6),
    gradient_sizes.filter(lambda s: s[1] * s[2] > 1),
    st.sampled_from([(0, 0), (-200, 100), (100, -250), (-150, -100), (140, 140), (-290, 290)]),
    st.sampled_from([(0.0, 0.0), (3.0, 0.0), (0.0, 3.0), (20.0, 20.0)]),
)
def test_weight_gradient_std_is_that_of_the_outer_product(seed, size, scales, shifts):
    batch, outputs, inputs = size
    delta = sample(seed, (batch, outputs), 10.0 ** scales[0], shifts[0])
    h = sample(seed + 1, (batch, inputs), 10.0 ** scales[1], shifts[1])
    got = backward([delta], [delta], [h])["weight_grad_std"][0]
    # with shifts of 20 entries of dL/dW are 400 B times their products' spread, so 3 digits go
    size = exact_rms(np.abs(delta).T @ np.abs(h) / 10.0 ** sum(scales)) * 10.0 ** sum(scales)
    expected = exact_weight_gradient_std(delta, h)
    assert got == pytest.approx(expected, rel=1e-11, abs=1e-14 * size)


@pytest.mark.parametrize("outputs", [5, 6, 7])
def test_the_two_ways_to_a_weight_gradient_agree(outputs):
    # a batch of 6 goes by Gram matrices where the layer has 6 outputs, and not where it has 5; a
    # sample of zeros changes nothing but the way
    delta, h = sample(7, (6, outputs)), sample(8, (6, 40), 1.0, 0.5)
    padded = [np.concatenate([x, np.zeros((60, x.shape[1]))]) for x in (delta, h)]
    short = backward([delta], [delta], [h])["weight_grad_std"][0]
    long = backward([padded[0]], *[[x] for x in padded])["weight_grad_std"][0]
    assert short == pytest.approx(long, rel=1e-13)
    assert short == pytest.approx(np.std(delta.T @ h, ddof=1), rel=1e-13)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), sizes, exponents, st.sampled_from([0.0, 1e3]))
def test_gradient_and_bias_gradient_std(seed, size, exponent, shift):
    gradient = sample(seed, size, 10.0**exponent / (shift + 1), shift)
    got = backward([gradient], [gradient], [np.ones((size[0], 2))])
    relative = 1e-13 * (shift + 10)
    assert got["grad_std"][0] == pytest.approx(exact_std(gradient), rel=relative)
    if size[1] == 1:
        assert np.isnan(got["bias_grad_std"][0])  # one bias has no std
        return
    sums = [sum(map(Fraction, map(float, column)), Fraction(0)) for column in gradient.T]
    mean = sum(sums, Fraction(0)) / len(sums)
    expected = root(sum((s - mean) ** 2 for s in sums) / (len(sums) - 1))
    assert got["bias_grad_std"][0] == pytest.approx(
        expected, rel=relative, abs=1e-13 * 10.0**exponent
    )


def test_a_single_weight_has_no_std():
    got = backward([[[1.0], [2]]], [[[1.0], [2]]], [[[3.0], [4]]])
    assert np.isnan(got["weight_grad_std"][0])
    assert np.isnan(got["bias_grad_std"][0])
    assert got["grad_std"][0] == pytest.approx(math.sqrt(0.5), rel=1e-15)


@pytest.mark.parametrize("batch", [2, 9])
def test_weight_gradients_of_zero_and_constant_factors(batch):
    zeros, ones = np.zeros((batch, 4)), np.ones((batch, 5))
    got = backward([zeros], [zeros], [ones])
    assert (got["grad_std"][0], got["weight_grad_std"][0], got["bias_grad_std"][0]) == (0, 0, 0)
    # all entries of dL/dW are the batch size
    assert backward([ones], [ones], [ones])["weight_grad_std"][0] == 0


def test_runs_of_a_block_are_measured_one_by_one():
    blocks = [sample(9, (5, 3, 8)), sample(10, (5, 3, 8)), sample(11, (5, 3, 6))]
    together = backward(*blocks)
    for run in range(5):
        single = backward(*[block[run : run + 1] for block in blocks])
        for name, values in single.items():
            assert together[name][run] == pytest.approx(values[0], rel=1e-13)
