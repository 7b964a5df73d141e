"""Targets that a spec chooses: their laws, and the form that each loss takes."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from initlab import load_plan, run_plan
from initlab.catalog import LOSSES, TARGETS
from initlab.catalog.table import load
from initlab.network.draws import draws_of
from initlab.network.losses import draw_target, loss_and_gradient
from initlab.spec.run import Choice

B, N = 7, 5
ERRORS = 4.5  # standard errors that a mean may be off
GIVEN = {"constant": {"value": 1.0}}
PAIRS = [
    (loss, target)
    for loss in LOSSES
    for target in TARGETS
    if LOSSES[loss].target in TARGETS[target].forms and target != "file"
]


def choice(table, name, **given):
    return Choice(name, tuple({**table[name].defaults, **given}.items()))


def drawn(loss, target, batch=B, outputs=N, seed=3, dtype=torch.float64, **given):
    g = torch.Generator().manual_seed(seed)
    chosen = choice(TARGETS, target, **{**GIVEN.get(target, {}), **given})
    return draw_target(choice(LOSSES, loss), batch, outputs, g, dtype, chosen)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize(("loss", "target"), PAIRS)
def test_every_loss_computes_with_every_target_that_it_takes(loss, target, reduction):
    y = torch.randn(B, N, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    value, gradient = loss_and_gradient(choice(LOSSES, loss), reduction, y, drawn(loss, target))
    assert math.isfinite(value)
    assert gradient.isfinite().all()


@pytest.mark.parametrize(
    ("loss", "target", "given"),
    [
        ("cross_entropy", "classes", {}),
        ("linear_cross_entropy", "classes", {}),
        ("mse", "normal", {}),
        ("gaussian_nll", "normal", {}),
        ("poisson_nll", "poisson", {"rate": 1.0}),
        ("bce", "bernoulli", {"p": 0.5}),
        ("soft_margin", "bernoulli", {"p": 0.5}),
        ("margin_ranking", "bernoulli", {"p": 0.5}),
        ("hinge_embedding", "bernoulli", {"p": 0.5}),
        ("multilabel_margin", "bernoulli", {"p": 0.5}),
    ],
)
def test_what_a_loss_draws_by_itself_may_also_be_said(loss, target, given):
    own = draw_target(choice(LOSSES, loss), B, N, torch.Generator().manual_seed(3), torch.float64)
    for one, other in zip(own, drawn(loss, target, **given), strict=True):
        assert torch.equal(one, other)


def test_classes_have_their_shares():
    shares = (0.7, 0.2, 0.1)
    (labels,) = drawn("nll", "classes", 20_000, 3, shares=shares)
    counts = np.bincount(labels.numpy(), minlength=3)
    assert stats.chisquare(counts, 20_000 * np.array(shares)).pvalue > 1e-4


def test_a_class_is_a_row_where_a_loss_takes_numbers():
    (labels,) = drawn("nll", "classes")
    rows = torch.eye(N, dtype=torch.float64)[labels]
    assert torch.equal(drawn("mse", "classes")[0], rows)
    assert torch.equal(drawn("kl_div", "classes")[0], rows)
    assert torch.equal(drawn("soft_margin", "classes")[0], 2 * rows - 1)
    value, variance = drawn("gaussian_nll", "classes")
    assert torch.equal(value, rows)
    assert torch.equal(variance, torch.ones_like(rows))
    (lists,) = drawn("multilabel_margin", "classes")
    assert lists[:, 0].tolist() == labels.tolist()
    assert (lists[:, 1:] == -1).all()


@pytest.mark.parametrize(
    ("target", "given", "mean", "variance"),
    [
        ("normal", {"mean": 3.0, "std": 2.0}, 3.0, 4.0),
        ("bernoulli", {"p": 0.2}, 0.2, 0.16),  # p (1 - p)
        ("poisson", {"rate": 6.0}, 6.0, 6.0),
        ("constant", {"value": -2.5}, -2.5, 0.0),
    ],
)
def test_moments(target, given, mean, variance):
    (t,) = drawn("mse", target, 300, 100, **given)
    assert abs(t.mean() - mean) <= ERRORS * (variance / t.numel()) ** 0.5
    # the variance's own error is below sqrt(6 / n) of it: of a kurtosis of up to 7
    assert t.var() == pytest.approx(variance, rel=ERRORS * (6 / t.numel()) ** 0.5)


def test_half_precision_and_float64_have_their_dtype():
    for dtype in (torch.float32, torch.float64):
        assert drawn("mse", "bernoulli", dtype=dtype)[0].dtype == dtype


# in a network -----------------------------------------------------------------------------------

SPEC = {"shape": [6, 8, 4], "activation": "tanh", "init": "xavier_normal", "batch": 5, "band": 0}


def test_a_target_changes_the_loss_and_nothing_forward():
    plan = load_plan(
        {**SPEC, "target": ["default", {"name": "constant", "value": [0, 5]}], "seeds": 2}
    )
    runs = run_plan(plan).runs
    assert runs["std_last"].nunique() == 2  # one a seed
    own, zero, five = (runs[runs["seed"] == 0]["loss_value"]).tolist()
    assert own != zero
    assert five > zero
    assert runs["target"].fillna("").tolist() == [""] * 2 + ["constant"] * 4


def test_a_script_draws_its_target_after_the_input():
    run = load_plan({**SPEC, "draws": "script", "target": "normal", "seeds": [4]}).runs[0]
    draws = draws_of(run, keep=False)
    target = draw_target(run.loss, 5, 4, draws.generator("target"), torch.float32, run.target)
    torch.manual_seed(4)
    for n_in, n_out in ((6, 8), (8, 4)):
        torch.nn.Linear(n_in, n_out, bias=False)  # the constructors draw, too
    for n_in, n_out in ((6, 8), (8, 4)):
        torch.nn.init.xavier_normal_(torch.empty(n_out, n_in))
    torch.randn(5, 6)
    assert torch.equal(target[0], torch.empty(5, 4).normal_())


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_a_file_of_targets_is_what_the_loss_sees(tmp_path, loss):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(9, 6)), rng.integers(4, size=9)
    y = labels if loss == "cross_entropy" else rng.normal(size=(9, 4))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    fed = {"name": "file", "path": str(tmp_path / "x.npy"), "target": str(tmp_path / "y.npy")}
    plan = load_plan({**SPEC, "input": fed, "loss": loss, "dtype": "float64"})
    (value,) = run_plan(plan).runs["loss_value"]
    # the same network in plain torch
    run = plan.runs[0]
    draws = draws_of(run, keep=False)
    h = torch.from_numpy(x[:5])
    for index, (n_in, n_out) in enumerate(((6, 8), (8, 4))):
        weights = draws.layer(index)[0] * (2 / (n_in + n_out)) ** 0.5
        h = torch.tanh(h @ weights.T)
    t = torch.from_numpy(y[:5])
    expected = load(LOSSES[loss].function)(h, t)
    assert value == pytest.approx(float(expected), rel=1e-12)
