"""Inputs, targets and losses."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from initlab.catalog import INPUTS, LOSSES
from initlab.network.inputs import draw_input
from initlab.network.losses import draw_target, loss_and_gradient
from initlab.spec.run import Choice

N = 40_000  # entries of a sample; a moment is allowed 4.5 of its standard errors
ERRORS = 4.5


def draw(plan_of, batch=200, width=200, seed=0, **fields):
    (run,) = plan_of(shape=[width, 2], batch=batch, **fields).runs
    return draw_input(run, torch.Generator().manual_seed(seed))


# inputs -----------------------------------------------------------------------------------------

LAWS = [
    ("normal", {}, stats.norm(0, 1)),
    ("normal", {"mean": -2.0, "std": 0.3}, stats.norm(-2, 0.3)),
    ("uniform", {}, stats.uniform(0, 1)),
    ("uniform", {"low": -3.0, "high": -1.0}, stats.uniform(-3, 2)),
    ("correlated", {"correlation": 0.7}, stats.norm(0, 1)),
]


def test_every_random_input_has_its_law_tested():
    assert {name for name, *_ in LAWS} | {"file"} == set(INPUTS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "parameters", "law"), LAWS, ids=[f"{name}-{','.join(p)}" for name, p, _ in LAWS]
)
def test_inputs_follow_the_documented_law(plan_of, name, parameters, law, dtype):
    x = draw(plan_of, input={"name": name, **parameters}, dtype=dtype)
    assert x.dtype == getattr(torch, dtype)
    assert x.shape == (200, 200)
    values = x.double().numpy()
    if name == "correlated":  # within a pair values repeat each other; take one of each
        values = values[1::2]
    mean, variance = law.stats("mv")
    assert abs(values.mean() - mean) <= ERRORS * math.sqrt(variance / values.size)
    assert stats.kstest(values.ravel(), law.cdf).pvalue > 1e-4


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.3, 0.99, 1.0])
def test_pairs_have_the_correlation_asked_for(plan_of, c):
    x = draw(plan_of, input={"name": "correlated", "correlation": c}, dtype="float64").numpy()
    first, second = x[::2].ravel(), x[1::2].ravel()
    # the standard error of a correlation is (1 - c^2) / sqrt(n)
    found = np.corrcoef(first, second)[0, 1]
    assert abs(found - c) <= ERRORS * (1 - c**2) / math.sqrt(first.size) + 1e-12
    # different pairs are independent
    assert abs(np.corrcoef(first[:-200], first[200:])[0, 1]) <= ERRORS / math.sqrt(first.size)
    # the first of each pair is the plain draw, whatever the correlation
    plain = torch.empty(200, 200, dtype=torch.float64)
    plain.normal_(generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(x[::2], plain.numpy()[::2])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_samples_from_a_file(plan_of, tmp_path, dtype):
    rows = np.random.default_rng(0).standard_normal((5, 3))
    np.save(tmp_path / "x.npy", rows)
    np.savetxt(tmp_path / "x.csv", rows, delimiter=",")
    for name in ("x.npy", "x.csv"):
        source = {"name": "file", "path": str(tmp_path / name)}
        x = draw(plan_of, batch=4, width=3, input=source, dtype=dtype)
        # the first `batch` rows, in the type of the draws; the network's own type comes later
        expected = np.float64 if dtype == "float64" else np.float32
        np.testing.assert_array_equal(x.numpy(), rows[:4].astype(expected))


def test_an_unknown_input_is_refused(plan_of):
    (run,) = plan_of().runs
    with pytest.raises(ValueError, match="unknown input 'noise'"):
        draw_input(replace(run, input=Choice("noise")), torch.Generator())


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
