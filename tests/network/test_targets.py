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
from initlab.network.losses import draw_target, loss_and_gradient
from initlab.network.targets import ADAPTERS, TARGETS
from initlab.spec.run import Choice

B, N = 7, 5
GRADIENTS = ["grad_std", "weight_grad_std"]
IGNORED = 2  # a class to leave out
ERRORS = 4.5  # standard errors that a mean may be off


def choice(name, **options):
    return Choice(name, tuple({**LOSSES[name].defaults, **options}.items()))


def drawn(name, batch=B, outputs=N, dtype=torch.float64, seed=11, **options):
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


DISTANCES = {
    "squared": lambda u, v: ((u - v) ** 2).sum(1),
    "manhattan": lambda u, v: (u - v).abs().sum(1),
    "cosine": lambda u, v: 1 - (u * v).sum(1) / (u.norm(dim=1) * v.norm(dim=1)),
    "euclidean": lambda u, v: (u - v + 1e-6).norm(dim=1),  # torch's eps
}


def by_module(name, reduction, y, t, **options):
    """The loss of the plain nn.Module."""
    if name == "linear_cross_entropy":
        return nn.functional.cross_entropy(y @ t[0].T, t[1], reduction=reduction, **options)
    if options.get("log_input") is False:
        y = y.exp()  # rates
    if "distance" in options:
        options["distance_function"] = DISTANCES[options.pop("distance")]
    module = load(LOSSES[name].module)(reduction=reduction, **options)
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


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", list(LOSSES))
def test_half_precision_is_torch_s_own_where_torch_has_it(name, dtype):
    given = drawn(name)
    t = tuple(v.to(dtype) if v.is_floating_point() else v for v in given)
    value, gradient = loss_and_gradient(choice(name), "sum", output().to(dtype), given)
    y = output().to(dtype).requires_grad_()
    if LOSSES[name].half:
        expected = by_module(name, "sum", y, t)
    else:
        with pytest.raises((RuntimeError, NotImplementedError), match="not implemented for"):
            by_module(name, "sum", y, t)
        t = tuple(v.float() if v.is_floating_point() else v for v in t)
        expected = by_module(name, "sum", y.float(), t)  # of the rounded outputs
    (slope,) = torch.autograd.grad(expected, y)
    # torch's tolerances for the dtype: linear_cross_entropy may round its logits elsewhere
    torch.testing.assert_close(torch.tensor(value, dtype=expected.dtype), expected.detach())
    torch.testing.assert_close(gradient, slope)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_the_mean_of_kl_div_is_torch_s_where_a_sum_overflows():
    y = torch.zeros(20_000, 8, dtype=torch.float16)
    y[:, 0] = 40.0  # KL is 40 - ln 8, some 38 a sample: their sum of 760,000 is beyond float16
    t = torch.full_like(y, 1 / 8)
    leaf = y.clone().requires_grad_()
    expected = nn.KLDivLoss()(leaf.log_softmax(1), t)
    (slope,) = torch.autograd.grad(expected, leaf)
    value, gradient = loss_and_gradient(choice("kl_div"), "mean", y, (t,))
    assert value == float(expected.detach())  # bit for bit
    assert torch.equal(gradient, slope)
    # 1/8 (0 + ln 1/8) for class 0, 1/8 (40 + ln 1/8) for seven others; over the 8 classes
    assert value == pytest.approx((7 * 40 / 8 - math.log(8)) / 8, rel=2e-3)


def test_the_targets_of_these_tests_reach_every_branch():
    """A seed by which all pairs were similar would leave half of a loss unseen."""
    for name in ("soft_margin", "margin_ranking", "hinge_embedding", "cosine_embedding"):
        assert set(drawn(name)[0].unique().tolist()) == {-1.0, 1.0}
    for name in ("cross_entropy", "nll", "linear_cross_entropy"):
        assert IGNORED in drawn(name)[-1]


# options -----------------------------------------------------------------------------------------

# each option at another value than its default; one that needs company has it
OPTIONS = [
    ("smooth_l1", {"beta": 0.5}),
    ("huber", {"delta": 0.5}),
    ("poisson_nll", {"full": True}),
    ("poisson_nll", {"log_input": False, "eps": 0.5}),
    ("gaussian_nll", {"full": True}),
    ("gaussian_nll", {"eps": 2.0}),  # above the variance of 1
    ("cross_entropy", {"ignore_index": IGNORED}),
    ("cross_entropy", {"label_smoothing": 0.1}),
    ("nll", {"ignore_index": IGNORED}),
    ("linear_cross_entropy", {"ignore_index": IGNORED}),
    ("linear_cross_entropy", {"label_smoothing": 0.1}),
    ("kl_div", {"log_target": True}),
    ("multi_margin", {"p": 2}),
    ("multi_margin", {"margin": 0.3}),
    ("margin_ranking", {"margin": 0.3}),
    ("hinge_embedding", {"margin": 7.0}),
    ("cosine_embedding", {"margin": -0.9}),
    ("triplet_margin", {"margin": 3.0}),
    ("triplet_margin", {"margin": 3.0, "p": 1.0}),
    ("triplet_margin", {"margin": 3.0, "eps": 0.1}),
    ("triplet_margin", {"margin": 3.0, "swap": True}),
    ("triplet_margin_with_distance", {"margin": 9.0}),
    ("triplet_margin_with_distance", {"margin": 9.0, "swap": True}),
    *(
        ("triplet_margin_with_distance", {"margin": 9.0, "distance": distance})
        for distance in DISTANCES
    ),
    ("ctc", {"blank": 2}),
    ("ctc", {"zero_infinity": True}),
]
# what changes no value here: the same target, its logarithm; and every transcript can be aligned
SAME = [("kl_div", "log_target"), ("ctc", "zero_infinity")]


def test_every_option_of_every_loss_is_tested():
    options = {
        (r.name, p.name) for r in LOSSES.values() for p in r.parameters if p.kind != "tensor"
    }
    assert {(name, option) for name, given in OPTIONS for option in given} == options


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
def test_options_are_those_of_the_plain_module(name, options, reduction):
    t = drawn(name, **options)
    y = output().requires_grad_()
    expected = by_module(name, reduction, y, t, **options)
    (slope,) = torch.autograd.grad(expected, y)
    value, gradient = loss_and_gradient(choice(name, **options), reduction, output(), t)
    assert value == pytest.approx(float(expected.detach()), rel=1e-13)
    torch.testing.assert_close(gradient, slope, rtol=1e-12, atol=1e-15)
    *company, last = options
    if (name, last) not in SAME and options[last] != LOSSES[name].defaults[last]:
        without = {option: options[option] for option in company}
        plain, _ = loss_and_gradient(choice(name, **without), reduction, output(), drawn(name))
        assert abs(value - plain) > 1e-3


def test_where_every_target_is_ignored_the_mean_is_nan_and_the_sum_is_zero():
    t = (torch.zeros(B, dtype=torch.int64),)
    for name in ("cross_entropy", "nll"):
        mean, _ = loss_and_gradient(choice(name, ignore_index=0), "mean", output(), t)
        assert math.isnan(mean)  # 0 / 0, as torch has it
        total, gradient = loss_and_gradient(choice(name, ignore_index=0), "sum", output(), t)
        assert total == 0
        assert not gradient.any()


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
    for name, d in DISTANCES.items():
        expected = (d(a, b) - d(a, c) + 1).clamp(min=0).mean()
        value, _ = loss_and_gradient(
            choice("triplet_margin_with_distance", distance=name), "mean", y, ()
        )
        assert value == pytest.approx(float(expected), rel=1e-12)


# the laws of the targets -------------------------------------------------------------------------

MANY = (200, 150)


def even(bits):
    """Whether 0 and 1 come evenly: the count of ones within its standard errors.

    The counts of rows and columns must scatter as binomial ones, so that none repeats another.
    """
    n = bits.numel()
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    for dim in (0, 1) if bits.dim() == 2 else ():
        each = bits.shape[dim]
        scatter = float(((bits.sum(dim) - each / 2) ** 2 / (each / 4)).sum())
        if not 1e-4 < stats.chi2(n / each).cdf(scatter) < 1 - 1e-4:
            return False
    return abs(float(bits.double().mean()) - 0.5) <= ERRORS * 0.5 / math.sqrt(n)


def test_what_is_not_even_is_found_out():
    bits = drawn("bce", *MANY)[0]
    assert not even(bits[:1].expand(MANY))  # one row for all
    assert not even(bits[:, :1].expand(MANY))
    assert not even((torch.arange(30_000) % 2).reshape(MANY).double())  # too regular
    assert not even(torch.maximum(bits, drawn("bce", *MANY, seed=2)[0]))  # 3/4 ones


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
        "cosine_embedding": (20_000,),
        "hinge_embedding": (20_000,),
    }.items():
        (t,) = drawn(name, *(MANY if len(shape) == 2 else (40_000, 1)))
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
    batch = max(batch, 2 // outputs)  # a std needs two values
    results = run_plan(plan_of(shape=[3, outputs], batch=batch, loss=name))
    assert (results.runs.status == "ok").all()
    assert np.isfinite(results.runs.loss_value).all()


@pytest.fixture(scope="module")
def among(plan_of):
    return run_plan(plan_of(loss=list(LOSSES)))


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_loss_alone_is_the_loss_among_others(plan_of, among, name):
    alone = run_plan(plan_of(loss=name))
    for table, columns in {"runs": ["loss_value"], "layers": ["std", *GRADIENTS]}.items():
        others = getattr(among, table)
        found = others[others.loss == name][columns].to_numpy()
        np.testing.assert_array_equal(found, getattr(alone, table)[columns].to_numpy())  # exactly


def test_options_are_axes_of_a_sweep(plan_of):
    plan = plan_of(loss=[{"name": "huber", "delta": [0.5, 2]}, {"name": "huber", "delta": 1.0}])
    assert [run.loss.parameters for run in plan.runs] == [{"delta": d} for d in (0.5, 2.0, 1.0)]
    values = run_plan(plan).runs.loss_value
    assert values[0] < values[2] < values[1]  # the loss grows with delta, for the same targets
