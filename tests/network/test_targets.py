"""Every loss at the end of a network: its operands, its target's law, its gradient."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from initlab import run_plan
from initlab.catalog import LOSSES
from initlab.catalog.table import load
from initlab.network.heads import draw_target, loss_and_gradient
from initlab.network.targets import ADAPTERS, TARGETS
from initlab.plan import Choice

B, N = 7, 5
ERRORS = 4.5  # standard errors that a mean may be off


def choice(name, **options):
    return Choice(name, tuple({**LOSSES[name].defaults, **options}.items()))


def drawn(name, batch=B, outputs=N, dtype=torch.float64, seed=1, **options):
    g = torch.Generator().manual_seed(seed)
    return draw_target(choice(name, **options), batch, outputs, g, dtype)


def output(batch=B, outputs=N):
    g = torch.Generator().manual_seed(0)
    return torch.empty(batch, outputs, dtype=torch.float64).normal_(generator=g)


# what the documents say of each loss, in plain torch: the operands from outputs y and target t
HALF = slice(0, B // 2), slice(B // 2, 2 * (B // 2))
THIRD = B // 3
OPERANDS = {
    "nll": lambda y, t: (torch.log_softmax(y, 1), *t),
    "kl_div": lambda y, t: (torch.log_softmax(y, 1), *t),
    "bce": lambda y, t: (torch.sigmoid(y), *t),
    "gaussian_nll": lambda y, t: (y, t[0], torch.ones_like(y)),
    "margin_ranking": lambda y, t: (y[HALF[0]], y[HALF[1]], *t),
    "cosine_embedding": lambda y, t: (y[HALF[0]], y[HALF[1]], *t),
    "hinge_embedding": lambda y, t: (nn.PairwiseDistance()(y[HALF[0]], y[HALF[1]]), *t),
    "triplet_margin": lambda y, t: y[: 3 * THIRD].split(THIRD),
    "triplet_margin_with_distance": lambda y, t: y[: 3 * THIRD].split(THIRD),
    "ctc": lambda y, t: (torch.log_softmax(y, 1), t[0], torch.tensor(B), torch.tensor(B // 2)),
}
OWN_SAMPLES = {
    "margin_ranking": B // 2,
    "cosine_embedding": B // 2,
    "hinge_embedding": B // 2,
    "triplet_margin": B // 3,
    "triplet_margin_with_distance": B // 3,
    "ctc": 1,
}


def by_module(name, reduction, y, t):
    """The loss of the plain nn.Module."""
    if name == "linear_cross_entropy":
        return nn.functional.cross_entropy(y @ t[0].T, t[1], reduction=reduction)
    module = load(LOSSES[name].module)(reduction=reduction)
    return module(*OPERANDS.get(name, lambda y, t: (y, *t))(y, t))


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # kl_div's, of torch
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("name", list(LOSSES))
def test_values_and_gradients_are_those_of_the_plain_module(name, reduction):
    t = drawn(name)
    y = output().requires_grad_()
    expected = by_module(name, "sum" if reduction == "none" else reduction, y, t)
    (slope,) = torch.autograd.grad(expected, y)
    if reduction == "none":
        expected = expected / OWN_SAMPLES.get(name, B)
    value, gradient = loss_and_gradient(choice(name), reduction, output(), t)
    assert value == pytest.approx(float(expected.detach()), rel=1e-13)
    torch.testing.assert_close(gradient, slope, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", list(LOSSES))
def test_gradients_by_finite_differences(name):
    t, y = drawn(name), output()
    _, gradient = loss_and_gradient(choice(name), "mean", y, t)
    step = 1e-6  # the error of a difference is some 1e-10; no output lies that near a kink
    for at in [(0, 0), (2, 3), (B - 1, N - 1)]:
        ends = []
        for sign in (1, -1):
            moved = y.clone()
            moved[at] += sign * step
            ends.append(loss_and_gradient(choice(name), "mean", moved, t)[0])
        assert float(gradient[at]) == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-8)


def test_samples_left_over_have_no_gradient():
    _, gradient = loss_and_gradient(
        choice("margin_ranking"), "sum", output(), drawn("margin_ranking")
    )
    assert not gradient[B - 1].any()  # 7 samples are 3 pairs
    _, gradient = loss_and_gradient(choice("triplet_margin"), "sum", output(), ())
    assert gradient[:6].any()
    assert not gradient[6:].any()


# options -----------------------------------------------------------------------------------------


def test_options_reach_the_loss():
    y, (t,) = output(), drawn("huber")
    r = (y - t).abs()
    for delta in (0.5, 2.0):
        expected = torch.where(r <= delta, r**2 / 2, delta * (r - delta / 2)).mean()
        value, _ = loss_and_gradient(choice("huber", delta=delta), "mean", y, (t,))
        assert value == pytest.approx(float(expected), rel=1e-14)


def test_options_shape_the_operands():
    # rates instead of log-rates: e^y, of which torch takes the logarithm again
    t = drawn("poisson_nll")
    logs, _ = loss_and_gradient(choice("poisson_nll"), "mean", output(), t)
    rates, _ = loss_and_gradient(choice("poisson_nll", log_input=False), "mean", output(), t)
    assert rates == pytest.approx(logs, rel=1e-6)  # but for eps
    # a target of logarithms is the logarithm of the same target
    plain, _ = loss_and_gradient(choice("kl_div"), "sum", output(), drawn("kl_div"))
    logs, _ = loss_and_gradient(
        choice("kl_div", log_target=True), "sum", output(), drawn("kl_div", log_target=True)
    )
    assert logs == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("blank", [0, 2, N - 1])
def test_a_transcript_never_holds_the_blank(blank):
    labels, frames, length = drawn("ctc", batch=4000, blank=blank)
    assert (int(frames), int(length), len(labels)) == (4000, 2000, 2000)
    counts = np.bincount(labels.numpy(), minlength=N)
    assert counts[blank] == 0
    assert stats.chisquare(np.delete(counts, blank)).pvalue > 1e-4


def test_distances_by_name():
    a, b, c = output(3, 4), output(3, 4) + 1, output(3, 4) * 2
    y = torch.cat([a, b, c])
    plain = {
        "squared": lambda u, v: ((u - v) ** 2).sum(1),
        "manhattan": lambda u, v: (u - v).abs().sum(1),
        "cosine": lambda u, v: 1 - (u * v).sum(1) / (u.norm(dim=1) * v.norm(dim=1)),
        "euclidean": lambda u, v: (u - v + 1e-6).norm(dim=1),  # torch's eps
    }
    for name, d in plain.items():
        expected = (d(a, b) - d(a, c) + 1).clamp(min=0).mean()
        value, _ = loss_and_gradient(
            choice("triplet_margin_with_distance", distance=name), "mean", y, ()
        )
        assert value == pytest.approx(float(expected), rel=1e-12)


# the laws of the targets -------------------------------------------------------------------------

MANY = (200, 150)


def even(bits):
    """Whether 0 and 1 come evenly: the count of ones within its standard errors."""
    n = bits.numel()
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    return abs(float(bits.double().mean()) - 0.5) <= ERRORS * 0.5 / math.sqrt(n)


def test_normal_targets():
    for name in ("mse", "gaussian_nll"):
        t, *rest = drawn(name, *MANY)
        assert stats.kstest(t.numpy().ravel(), stats.norm.cdf).pvalue > 1e-4
        assert all((v == 1).all() and v.shape == t.shape for v in rest)


def test_bits_and_signs_are_even():
    assert even(drawn("bce", *MANY)[0])
    for name, shape in {
        "soft_margin": MANY,
        "margin_ranking": (100, 150),
        "cosine_embedding": (100,),
        "hinge_embedding": (100,),
    }.items():
        (t,) = drawn(name, *MANY)
        assert t.shape == shape
        assert even((t + 1) / 2)


def test_counts_are_poisson():
    (t,) = drawn("poisson_nll", *MANY)
    seen = np.bincount(t.long().numpy().ravel())[:6]
    expected = stats.poisson(1).pmf(np.arange(6)) * t.numel()
    tail = t.numel() - seen.sum()
    seen, expected = np.append(seen, tail), np.append(expected, t.numel() - expected.sum())
    assert stats.chisquare(seen, expected).pvalue > 1e-4


def test_distributions_sum_to_one_and_are_softmax_of_normals():
    (t,) = drawn("kl_div", *MANY)
    torch.testing.assert_close(t.sum(1), torch.ones(200, dtype=torch.float64))
    # log t is normal up to a constant of its row
    centred = t.log() - t.log().mean(1, keepdim=True)
    spread = centred * math.sqrt(150 / 149)  # of 150 values less their mean
    assert stats.kstest(spread.numpy().ravel(), stats.norm.cdf).pvalue > 1e-4


def test_label_lists_hold_each_class_once_then_padding():
    (t,) = drawn("multilabel_margin", *MANY)
    assert t.dtype == torch.int64
    right = torch.zeros(MANY)
    for row, labels in enumerate(t.tolist()):
        listed = [label for label in labels if label >= 0]
        assert labels == listed + [-1] * (len(labels) - len(listed))
        assert len(set(listed)) == len(listed)
        right[row, listed] = 1
    assert even(right)


@pytest.mark.parametrize(("name", "classes"), [("nll", 150), ("linear_cross_entropy", 10)])
def test_classes_are_uniform(name, classes):
    *_, t = drawn(name, 30_000, 150)
    counts = np.bincount(t.numpy(), minlength=classes)
    assert len(counts) == classes
    assert stats.chisquare(counts).pvalue > 1e-4


def test_the_linear_layer_keeps_the_variance():
    weight, _ = drawn("linear_cross_entropy", 8, 4000)
    assert weight.shape == (10, 4000)
    assert stats.kstest((weight * math.sqrt(4000)).numpy().ravel(), stats.norm.cdf).pvalue > 1e-4


# whole networks ----------------------------------------------------------------------------------


def test_every_adapter_and_target_is_used():
    assert {loss.adapter for loss in LOSSES.values()} == set(ADAPTERS)
    assert {loss.target for loss in LOSSES.values()} == set(TARGETS)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_every_loss_ends_a_network_in_every_dtype(plan_of, dtype):
    plan = plan_of(
        width=6, batch=7, loss=list(LOSSES), reduction=["none", "sum", "mean"], dtype=dtype
    )
    results = run_plan(plan)
    assert (results.runs.status == "ok").all()
    assert np.isfinite(results.runs.loss_value).all()
    gradients = results.layers.grad_std
    assert np.isfinite(gradients).all()
    assert (gradients > 0).all()


@pytest.mark.parametrize("name", list(LOSSES))
def test_the_smallest_network_that_a_loss_takes(plan_of, name):
    batch, outputs = LOSSES[name].least
    batch = max(batch, 2)  # a std needs two values
    results = run_plan(plan_of(shape=[3, outputs], batch=batch, loss=name))
    assert (results.runs.status == "ok").all()
    assert np.isfinite(results.runs.loss_value).all()


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_loss_alone_is_the_loss_among_others(plan_of, name):
    alone = run_plan(plan_of(loss=name)).runs.loss_value.tolist()
    among = run_plan(plan_of(loss=list(LOSSES))).runs
    assert among[among.loss == name].loss_value.tolist() == alone  # bit for bit
