"""Targets and losses."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from initlab.catalog import LOSSES
from initlab.network.losses import draw_target, loss_and_gradient
from initlab.spec.run import Choice

N = 40_000  # entries of a sample; a moment is allowed 4.5 of its standard errors
ERRORS = 4.5


# targets ----------------------------------------------------------------------------------------


def default(loss):
    return Choice(loss, tuple(LOSSES[loss].defaults.items()))


def target(loss, batch, outputs, dtype=torch.float32):
    (drawn,) = draw_target(default(loss), batch, outputs, torch.Generator().manual_seed(1), dtype)
    return drawn


def test_normal_targets():
    t = target("mse", 200, 200, torch.float64)
    assert t.dtype == torch.float64
    assert t.shape == (200, 200)
    assert abs(t.mean()) <= ERRORS / math.sqrt(N)
    assert stats.kstest(t.numpy().ravel(), stats.norm.cdf).pvalue > 1e-4


def test_class_targets_are_uniform_over_the_outputs():
    t = target("cross_entropy", N, 7)
    assert t.dtype == torch.int64
    assert t.shape == (N,)
    counts = np.bincount(t.numpy(), minlength=7)
    assert len(counts) == 7
    assert stats.chisquare(counts).pvalue > 1e-4


# losses: tests/network/test_targets.py has all of them ------------------------------------------

OUTPUT = [[0.5, -1.0, 2.0], [0.0, 3.0, -0.5]]
LABELS = {"mse": [[1.0, 0.25, -1], [0, 2, 2]], "cross_entropy": [2, 0]}


def closed_form(loss, y, t):
    """Each sample's own loss, and its gradient, by the textbook."""
    if loss == "mse":
        return ((y - t) ** 2).sum(1), 2 * (y - t)
    p = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    rows = np.arange(len(y))
    return -np.log(p[rows, t]), p - np.eye(y.shape[1])[t]


def computed(loss, reduction, y, t):
    return loss_and_gradient(default(loss), reduction, y, (torch.tensor(t),))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("loss", list(LABELS))
def test_losses_and_gradients_by_closed_form(loss, reduction):
    y, t = np.array(OUTPUT), np.array(LABELS[loss])
    per_sample, gradient = closed_form(loss, y, t)
    # mse's mean is over samples and outputs, cross_entropy's over samples
    entries = {"mse": y.size, "cross_entropy": len(y)}[loss]
    expected = {
        "none": (per_sample.mean(), gradient),
        "sum": (per_sample.sum(), gradient),
        "mean": (per_sample.sum() / entries, gradient / entries),
    }[reduction]
    value, got = computed(loss, reduction, torch.tensor(y), t)
    assert value == pytest.approx(expected[0], rel=1e-14)
    np.testing.assert_allclose(got.numpy(), expected[1], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("loss", list(LABELS))
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_the_gradient_has_the_type_of_the_output(loss, dtype):
    y = torch.tensor(OUTPUT, dtype=getattr(torch, dtype))
    value, gradient = computed(loss, "mean", y, LABELS[loss])
    assert gradient.dtype == y.dtype
    assert isinstance(value, float)
    assert not y.requires_grad  # the caller's tensor is left alone


def test_the_loss_of_a_network_that_knows_nothing():
    # equal logits over C classes: ln C
    value, _ = computed("cross_entropy", "mean", torch.zeros(4, 10), [0, 3, 9, 9])
    assert value == pytest.approx(math.log(10), rel=1e-6)
