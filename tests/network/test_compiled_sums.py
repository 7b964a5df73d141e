"""Sums in C against sums by torch, of any shape, and whatever stands beside a run."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab import load_plan, native
from initlab.network import compiled_sums, torch_sums
from initlab.network.measurement import BACKWARD, FORWARD
from initlab.network.propagate import measure
from initlab.network.scratch import Scratch

pytestmark = pytest.mark.skipif(not native.available(), reason="no compiled library")

EPS = np.finfo(np.float64).eps
sizes = st.tuples(st.integers(1, 4), st.integers(1, 20), st.integers(1, 70))


def block(seed, shape, scale=1.0, shift=0.0):
    """Numbers of which some are 0."""
    x = np.random.default_rng(seed).standard_normal(shape) + shift
    x[np.abs(x) < 0.1] = 0
    return torch.from_numpy(x * scale).float()


def assert_sums(found, expected, blocks):
    """Equal but for what rounding makes of another order of so many numbers."""
    for name in ("total", "squares", "centred"):
        terms = [x.double().abs() if name == "total" else x.double().square() for x in blocks]
        size = np.array([x.sum((1, 2)).numpy() for x in terms]).reshape(found.total.shape)
        off = np.abs(getattr(found, name) - getattr(expected, name))
        assert (off <= 100 * EPS * size).all(), name


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), sizes, st.integers(-40, 30), st.sampled_from([0.0, 1.0, 1e3]))
def test_forward_sums_of_any_shape(seed, size, exponent, shift):
    pre = block(seed, size, 10.0**exponent, shift)
    out, slope = pre.relu(), block(seed + 1, size)
    found = compiled_sums.forward(pre, out, slope)
    expected = torch_sums.forward(pre, out, slope, Scratch())
    assert_sums(found.sums, expected.sums, [pre, out])
    for name in ("abs_max", "zeros", "saturated", "finite", "samples"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    np.testing.assert_allclose(found.direction, expected.direction, rtol=1e-11, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10**6),
    sizes,
    st.integers(1, 70),
    st.sampled_from([0.0, 1.0, 1e3]),
    st.booleans(),
)
def test_backward_sums_of_any_shape(seed, size, inputs, shift, biased):
    gradient = block(seed, size, 1e-3, shift)
    delta, h = gradient * block(seed + 1, size), block(seed + 2, (*size[:2], inputs), 2, shift)
    found = compiled_sums.backward(gradient, delta, h, biased=biased)
    expected = torch_sums.backward(gradient, delta, h, Scratch(), biased=biased)
    assert_sums(found.gradient, expected.gradient, [gradient])
    for name in ("total", "squares", "centred"):
        entries = torch.einsum("rbo,rbi->roi", delta.double().abs(), h.double().abs())
        size_R = (entries if name == "total" else entries.square()).sum((1, 2)).numpy()
        off = np.abs(getattr(found.weights, name) - getattr(expected.weights, name))
        assert (off <= 100 * EPS * size_R).all(), name
    assert (found.biases is None) == (expected.biases is None) == (not biased)
    if biased:
        np.testing.assert_allclose(found.biases.centred, expected.biases.centred, rtol=1e-12)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan], ids=str)
@pytest.mark.parametrize("at", [(1, 0, 0), (1, 2, 9), (1, 3, 10)], ids=str)
def test_what_is_not_finite_stays_in_its_run(bad, at):
    out = block(0, (3, 4, 11))
    alone = compiled_sums.forward(out, out, out)
    out[at] = bad
    found = compiled_sums.forward(out, out, out)
    assert found.finite.tolist() == [1.0, 43 / 44, 1.0]
    assert found.abs_max[1] == pytest.approx(abs(bad), nan_ok=True)
    assert not np.isfinite(found.sums.squares[:, 1]).any()
    for before, after in zip(alone[1:], found[1:], strict=True):
        assert before[[0, 2]].tolist() == after[[0, 2]].tolist()


def test_a_runs_bits_depend_on_no_other_run_and_not_on_where_it_lies():
    x = block(1, (6, 5, 29), shift=0.3)
    out = x.tanh()  # once: of fewer numbers, its last ones may go through other code
    together = compiled_sums.forward(x, out, x)
    memory = torch.empty(x[0].numel() + 3)
    for row, own in enumerate(x):
        for offset in range(3):  # numbers after a boundary of vectors
            moved = memory[offset:][: own.numel()].view(1, *own.shape).copy_(own)
            alone = compiled_sums.forward(moved, out[row : row + 1], own[None])
            for ours, others in zip(alone.sums, together.sums, strict=True):
                assert ours[:, 0].tolist() == others[:, row].tolist()
            for ours, others in zip(alone[1:], together[1:], strict=True):
                assert ours[0] == others[row]


@pytest.mark.parametrize(
    "refused",
    [
        block(2, (2, 4, 6)).transpose(1, 2),
        block(2, (2, 6, 4))[:, :, ::2],
        torch.zeros(2, 6, 4).double(),
    ],
    ids=["transposed", "every other", "float64"],
)
def test_a_block_that_would_be_misread_is_refused(refused):
    x = torch.zeros(refused.shape)
    with pytest.raises(ValueError, match="strides"):
        compiled_sums.forward(x, refused, x)


@pytest.mark.parametrize("shape", [(3, 1, 9), (1, 4, 6), (3, 4, 1), (1, 1, 1)])
def test_a_dimension_of_one_may_have_any_stride(shape):
    x = block(3, shape)
    odd = x.as_strided(shape, [99 if n == 1 else s for n, s in zip(shape, x.stride(), strict=True)])
    for ours, plain in zip(
        compiled_sums.forward(odd, odd, odd).sums, compiled_sums.forward(x, x, x).sums, strict=True
    ):
        assert ours.tolist() == plain.tolist()


@pytest.mark.parametrize("mean", [1000.1, 1e-3, 77.7])
def test_a_std_far_below_the_mean_keeps_its_digits(mean):
    x = torch.from_numpy(mean * (1 + 1e-5 * np.random.default_rng(4).standard_normal((1, 16, 100))))
    x = x.float()
    exact = np.square(
        x.numpy().astype(np.longdouble) - x.numpy().astype(np.longdouble).mean()
    ).sum()
    found = compiled_sums.forward(x, x, x).sums.centred
    assert found.ravel() == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": ["tanh", "relu", "sigmoid"], "width": 30, "batch": 5},
        {"activation": "gelu", "shape": [40, 3, 50, 7], "batch": 6, "bias": {"std": 0.3}},
        {"activation": "relu", "width": 20, "init": {"scheme": "normal", "std": [1e-9, 1e9]}},
        {"activation": "softplus", "width": 24, "batch": 70},
    ],
    ids=str,
)
def test_networks_are_measured_alike_with_and_without(fields, monkeypatch):
    size = {} if "shape" in fields else {"depth": 8}
    plan = load_plan({**size, "init": "kaiming_normal", "seeds": 2, **fields})
    with_library = [measure(share) for share in plan.shares(1)]
    monkeypatch.setattr(native, "available", lambda: False)
    without = [measure(share) for share in plan.shares(1)]
    for ours, others in zip(with_library, without, strict=True):
        for index, m in ours.items():
            other = others[index]
            assert m.nan_onset == other.nan_onset
            for columns, own, their in (
                (FORWARD, m.forward, other.forward),
                (BACKWARD, m.backward, other.backward),
            ):
                if own is None:
                    assert their is None
                    continue
                for column, a, b in zip(columns, own.T, their.T, strict=True):
                    # three digits of 16 may go where a std is small beside the mean; a mean has
                    # those of the numbers that it is of
                    size = np.abs(b[np.isfinite(b)]).max(initial=0) if "mean" in column else 0.0
                    np.testing.assert_allclose(a, b, 1e-11, 1e-12 * size, err_msg=column)
