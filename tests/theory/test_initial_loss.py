"""The loss of an untrained network: closed forms, and real networks for every loss."""

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from initlab import load_plan
from initlab.catalog import LOSSES
from initlab.network.propagate import measure
from initlab.theory.initial_loss import LastLayer, initial_loss, log_sum_exp, precision
from initlab.theory.prediction import predict
from initlab.theory.quadrature import nodes

ERRORS = 4.5  # standard errors, of both sides together, that a mean may be off
B = 16


def run_of(loss, outputs=10, activation="identity", **fields):
    spec = {"shape": [16, outputs], "activation": activation, "init": "xavier_normal", "batch": B}
    return load_plan({**spec, "loss": loss, **fields}).runs[0]


def predicted(loss, q, outputs=10, activation="identity", cosine=0.0, **fields):
    run = run_of(loss, outputs, activation, **fields)
    ln_q = math.log(q) if q else -math.inf
    return initial_loss(run, LastLayer(run.layers[-1].activation, ln_q, cosine))


def value(*given, **fields):
    found = predicted(*given, **fields)
    assert found.error == 0
    assert not found.reason
    return found.value


# closed forms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [0.0, 1e-12, 0.3, 1.0, 50.0, 1e20])
def test_mse_is_the_variances_of_both(q):
    assert value("mse", q) == pytest.approx(q + 1, rel=1e-10)  # y ~ N(0, q), t ~ N(0, 1)
    # relu: E y^2 = q / 2, E y = sqrt(q / 2 pi); t = 3
    three = {"name": "constant", "value": 3}
    expected = q / 2 - 6 * math.sqrt(q / (2 * math.pi)) + 9
    assert value("mse", q, activation="relu", target=three) == pytest.approx(expected, rel=1e-9)


def test_outputs_of_a_mean():
    run = run_of("mse")
    last = LastLayer(run.layers[-1].activation, math.log(0.5), 0.0, 2.0)  # y ~ N(2, 0.5)
    assert initial_loss(run, last).value == pytest.approx(1 + 0.5 + 4, rel=1e-10)
    # of a sigmoid's logits, all alike, -log sigmoid(2) where t = 1, and log(1 + e^2) where t = 0
    bits = run_of("bce", dtype="float64")
    sure = LastLayer(bits.layers[-1].activation, -math.inf, 0.0, 2.0)
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(2))) / 2
    assert initial_loss(bits, sure).value == pytest.approx(expected, rel=1e-9)
    # what is the same for all classes tells none of them
    classes = run_of("cross_entropy")
    moved, still = (LastLayer(last.activation, 0.0, 0.0, mean) for mean in (3.0, 0.0))
    pair = initial_loss(classes, moved).value, initial_loss(classes, still).value
    assert pair[0] == pytest.approx(pair[1], rel=1e-9)


def test_cross_entropy_of_many_classes():
    # E ln sum e^y of C = 1000, q = 1: ln C + q/2 for large C, less (e - 1) / 2C to first order
    expected = math.log(1000) + 0.5
    assert value("cross_entropy", 1.0, 1000) == pytest.approx(expected, abs=1e-3)
    correction = (math.e - 1) / 2000
    assert value("cross_entropy", 1.0, 1000) == pytest.approx(expected - correction, abs=1e-5)


@pytest.mark.parametrize("outputs", [2, 10, 1000])
def test_cross_entropy_of_outputs_that_say_nothing_is_ln_c(outputs):
    for q in (0.0, 1e-20):
        assert value("cross_entropy", q, outputs) == pytest.approx(math.log(outputs), rel=1e-12)


@pytest.mark.parametrize("q", [0.01, 1.0, 30.0])
def test_cross_entropy_of_two_classes_is_bce_of_their_difference(q):
    """log(e^y1 + e^y2) - y1 = softplus(y2 - y1), y2 - y1 ~ N(0, 2 q)."""
    expected = integrate.quad(
        lambda z: np.logaddexp(0, math.sqrt(2 * q) * z) * stats.norm.pdf(z), -12, 12, limit=200
    )[0]
    assert value("cross_entropy", q, 2) == pytest.approx(expected, rel=1e-9)
    assert value("nll", q, 2) == pytest.approx(expected, rel=1e-9)
    # bce's output is N(0, q)
    assert value("bce_with_logits", 2 * q) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("q", [1e4, 1e8, 1e16])
def test_cross_entropy_of_large_outputs_is_their_largest(q):
    # E max of ten N(0, 1): 1.53875 (Harter 1961)
    assert value("cross_entropy", q) == pytest.approx(1.53875 * math.sqrt(q), rel=5e-3)


def test_log_sum_exp_of_exponential_outputs():
    """e^y ~ Gamma(1): the sum of C is Gamma(C), whose mean logarithm is digamma(C)."""
    z, weights = nodes(1.0)
    # y = ln(-ln U), U uniform
    y = np.log(-special.log_ndtr(z))
    for outputs in (2, 7, 300):
        found = log_sum_exp(y, weights, outputs)
        assert found == pytest.approx(special.digamma(outputs), rel=1e-9)


@pytest.mark.parametrize("q", [0.0, 0.25, 4.0])
def test_l1_and_poisson(q):
    # |y - t|, y - t ~ N(0, q + 1): sqrt(2 (q + 1) / pi)
    assert value("l1", q) == pytest.approx(math.sqrt(2 * (q + 1) / math.pi), rel=1e-9)
    # E e^y = e^(q/2), E t y = 0
    assert value("poisson_nll", q) == pytest.approx(math.exp(q / 2), rel=1e-9)


@pytest.mark.parametrize("t", [0.0, 2.0])
def test_a_constant_target_leaves_a_kink(t):
    # folded normal: E |y - t| = sigma sqrt(2/pi) e^(-t^2/2q) + t erf(t / sqrt(2 q))
    q = 0.49
    expected = 0.7 * math.sqrt(2 / math.pi) * math.exp(-t * t / 2 / q)
    expected += t * math.erf(t / math.sqrt(2 * q))
    target = {"name": "constant", "value": t}
    assert value("l1", q, target=target) == pytest.approx(expected, rel=1e-8)


def test_a_divergence_of_one_hot_rows_is_cross_entropy_over_the_classes():
    assert value("kl_div", 2.0, target="classes") == pytest.approx(
        value("cross_entropy", 2.0) / 10, rel=1e-9
    )


def test_a_divergence_between_equal_laws():
    """Of y ~ N(0, 1), as the target's logits are, KL(t || p) = E sum t (u - y) = E sum t u."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(400_000, 10))
    t = np.exp(u) / np.exp(u).sum(1, keepdims=True)
    samples = (t * u).sum(1)
    error = samples.std() / math.sqrt(len(samples))
    assert abs(10 * value("kl_div", 1.0) - samples.mean()) <= ERRORS * error


# what does not matter, and what does ------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "factor"),
    [("mse", 10), ("cross_entropy", 1), ("kl_div", 10), ("multilabel_soft_margin", 1)],
)
def test_reductions(loss, factor):
    """none is each sample's own loss, sum that of all of them."""
    mean, none, total = (value(loss, 1.0, reduction=r) for r in ("mean", "none", "sum"))
    assert none == pytest.approx(factor * mean, rel=1e-12)
    assert total == pytest.approx(B * none, rel=1e-12)


@pytest.mark.parametrize(
    "target", ["classes", {"name": "classes", "shares": [0.91, *[0.01] * 9]}, "constant"]
)
def test_the_shares_of_classes_do_not_change_cross_entropy(target):
    smoothed = {"name": "cross_entropy", "label_smoothing": 0.3}
    assert value("cross_entropy", 1.0, target=target) == value("cross_entropy", 1.0)
    assert value(smoothed, 1.0, target=target) == pytest.approx(value("cross_entropy", 1.0))


def test_labels_that_are_left_out():
    ignoring = {"name": "cross_entropy", "ignore_index": 0}
    assert value(ignoring, 1.0) == value("cross_entropy", 1.0)
    total = value("cross_entropy", 1.0, reduction="sum")
    assert value(ignoring, 1.0, reduction="sum") == pytest.approx(0.9 * total)
    found = predicted(ignoring, 1.0, target={"name": "constant", "value": 0})
    assert (found.value, found.reason) == (
        None, "all samples of a batch may be left out by ignore_index"
    )  # fmt: skip


def test_a_mean_that_no_batch_shows_is_not_told():
    found = predicted("poisson_nll", 25.0)  # e^12.5, carried by y near 25, five sigma out
    assert found.value is None
    assert "carried by outputs that a batch of 16 seldom has" in found.reason


def test_what_float32_cannot_hold_is_not_told():
    found = predicted("mse", 1e40)
    assert (found.value, found.reason) == (None, "it is beyond float32, or not finite")
    assert predicted("mse", 1e40, dtype="float64").value == pytest.approx(1e40)
    assert predicted("mse", math.nan).value is None


def test_seeds_do_not_matter_and_neither_does_when_it_is_asked():
    runs = load_plan(
        {"shape": [16, 10], "activation": "tanh", "init": "xavier_normal", "loss": "ctc",
         "seeds": 2}
    ).runs  # fmt: skip
    last = LastLayer(runs[0].activation, 0.0, 0.0)
    assert initial_loss(runs[0], last) == initial_loss(runs[1], last)


@pytest.mark.parametrize(
    ("dtype", "bits"), [("float64", 53), ("float32", 24), ("bfloat16", 8), ("float16", 11)]
)
def test_precision(dtype, bits):
    assert precision(dtype) == bits


# real networks ----------------------------------------------------------------------------------


def measured(**fields):
    """Losses of wide, shallow networks over seeds, and the prediction from theory's last layer."""
    spec = {"shape": [300, 300, 12], "activation": "tanh", "batch": B, "seeds": 60, "band": 0,
            "init": {"scheme": "scaled_normal", "sigma_w": 1.5}}  # fmt: skip
    plan = load_plan({**spec, **fields})
    losses = [m.loss_value for share in plan.shares() for m in measure(share).values()]
    run = plan.runs[0]
    layers = predict([run])[0].layers
    last = LastLayer(run.layers[-1].activation, 2 * math.log(layers.pre_std[-1]), 0.0)
    return np.array(losses), initial_loss(run, last)


def agree(losses, found):
    assert found.value is not None, found.reason
    error = math.hypot(losses.std(ddof=1) / math.sqrt(len(losses)), found.error)
    # of a width of 300, q is off by some 1/300 on average
    assert abs(losses.mean() - found.value) <= ERRORS * error + abs(found.value) / 300


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_of_real_networks(loss, reduction):
    losses, found = measured(loss=loss, reduction=reduction)
    agree(losses, found)
    exact = LOSSES[loss].residual or LOSSES[loss].pointwise or LOSSES[loss].softmax
    assert (found.error == 0) == bool(exact)


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        ("mse", {"name": "classes"}),
        ("huber", {"name": "normal", "mean": 2, "std": 0.5}),
        ("bce", {"name": "bernoulli", "p": 0.1}),
        ("soft_margin", {"name": "classes"}),
        ("poisson_nll", {"name": "poisson", "rate": 4}),
        ("kl_div", {"name": "classes"}),
        ("multi_margin", {"name": "constant", "value": 3}),
        ("cosine_embedding", {"name": "bernoulli", "p": 0.9}),
        ("linear_cross_entropy", {"name": "classes", "shares": [0.5, 0.5, *[0] * 8]}),
    ],
)
def test_a_target_of_one_s_own_in_real_networks(loss, target):
    agree(*measured(loss=loss, target=target))


@pytest.mark.parametrize(
    ("loss", "rows"),
    [
        ("cross_entropy", np.arange(B) % 12),
        ("cross_entropy", np.full((B, 12), 1 / 12)),
        ("kl_div", np.full((B, 12), 1 / 12)),
        ("smooth_l1", np.linspace(-2, 2, 12 * B).reshape(B, 12)),
        ("multi_margin", np.arange(B) % 12),
    ],
)
def test_a_file_of_targets_in_real_networks(tmp_path, loss, rows):
    np.save(tmp_path / "y.npy", rows)
    agree(*measured(loss=loss, target={"name": "file", "path": str(tmp_path / "y.npy")}))


def test_a_head_without_an_activation():
    head = {"activation": "identity"}
    losses, found = measured(loss="bce", last=head, activation="relu")
    agree(losses, found)
    # relu would have it without negative logits
    assert found.value != pytest.approx(measured(loss="bce", activation="relu")[1].value, rel=0.01)
