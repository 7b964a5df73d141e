"""Random networks, against networks that are built and measured as a sweep does it."""

import numpy as np
import pytest
from scipy import stats

from initlab import load_plan
from initlab.catalog import LOSSES
from initlab.network import random_networks
from initlab.network.measurement import BACKWARD, FORWARD
from initlab.network.propagate import measure
from initlab.network.random_networks import random_band, random_layers
from initlab.theory import random_point
from initlab.theory.expectation import band_point
from initlab.theory.random_point import RandomPoint, hows

DEPTH, WIDTH = 5, 48
REAL, DRAWN = 100, 300
UNLIKELY = 1e-4  # a p-value; the draws are fixed, so a test that passes once always does


def plan_of(**fields):
    size = {} if "shape" in fields else {"depth": DEPTH, "width": WIDTH}
    spec = {"activation": "tanh", "init": "lecun_normal", "batch": 6, "seeds": REAL, "band": 0}
    return load_plan({**spec, **size, **fields})


def real(plan):
    """std, cosine, grad_std and weight_grad_std of networks that are built, each (R, L)."""
    found = {}
    for share in plan.shares(1):
        found |= measure(share)
    forward = np.stack([m.forward for m in found.values()])
    backward = np.stack([m.backward for m in found.values()])
    return {
        **{name: forward[:, :, FORWARD.index(name)] for name in ("std", "cosine")},
        **{name: backward[:, :, BACKWARD.index(name)] for name in ("grad_std", "weight_grad_std")},
    }


NETWORKS = {
    "tanh": ({}, {"normal"}),
    "relu": ({"activation": "relu", "init": "kaiming_normal"}, {"normal"}),
    "gelu": ({"activation": "gelu", "init": "he", "loss": "cross_entropy"}, {"normal"}),
    "float64": ({"dtype": "float64", "loss": "huber", "reduction": "sum"}, {"normal"}),
    "first layer of 2": (
        {"shape": [2, *[WIDTH] * 5], "activation": "relu", "init": "kaiming_uniform"},
        {"normal", "built"},
    ),
    "more samples than neurons": (
        {"shape": [16] * 6, "batch": 40, "init": "xavier_uniform"},
        {"built"},
    ),
    "uniform biases": ({"init": "torch_default"}, {"normal"}),
    "constant biases": ({"bias": {"scheme": "constant", "value": 0.3}}, {"normal"}),
    "weights with a mean": ({"init": {"scheme": "normal", "mean": 0.01, "std": 0.1}}, {"normal"}),
    "truncated off its middle": (
        {"init": {"scheme": "trunc_normal", "mean": 0.02, "std": 0.1, "a": -0.1, "b": 0.2}},
        {"normal"},
    ),
    "orthogonal": ({"init": "orthogonal"}, {"orthogonal"}),
    "orthogonal, of any shape": (
        {"shape": [30, 48, 18, 32, 32, 14], "init": "orthogonal", "activation": "relu"},
        {"orthogonal"},
    ),
    "sparse": (
        {"shape": [16] * 4, "init": {"scheme": "sparse", "sparsity": 0.6, "std": 0.3}},
        {"built"},
    ),
    "a head": (
        {"last": {"activation": "identity", "init": "orthogonal"}, "first": {"bias": {"std": 0.5}}},
        {"normal", "orthogonal"},
    ),
    "pre-norm": (
        {"depth": 6, "residual": 2, "norm": "layer", "activation": "gelu", "init": "he"},
        {"normal"},
    ),
    "post-norm after sums": (
        {"residual": {"every": 1, "branch": "after_sum"}, "norm": {"name": "rms", "place": "post"}},
        {"normal"},
    ),
    "sums with dropout": (
        {"residual": {"every": 2, "scale": 0.5, "skip": 0.8}, "dropout": 0.3, "activation": "relu"},
        {"normal"},
    ),
    "deepnorm": ({"depth": 6, "preset": "deepnorm", "loss": "cross_entropy"}, {"normal"}),
    "batch norm": ({"norm": "batch", "activation": "relu", "init": "he"}, {"normal"}),
    "batch norm of built layers": (
        {"depth": 4, "width": 12, "batch": 20, "norm": {"name": "batch", "place": "pre"},
         "residual": 2, "dropout": 0.2},
        {"built"},
    ),
    "projections": (
        {"shape": [48, 48, 96, 64, 64, 20], "residual": {"every": 2, "project": True},
         "activation": "relu", "norm": {"name": "layer", "place": "post"}},
        {"normal", "built"},
    ),
    "built projections": (
        {"shape": [9, 9, 16, 12, 12], "batch": 24, "residual": {"every": 1, "project": True},
         "init": "xavier_uniform"},
        {"built"},
    ),
    "orthogonal branches": (
        {"residual": 2, "init": "orthogonal", "norm": "rms", "bias": {"std": 0.2}}, {"orthogonal"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_the_law_is_that_of_networks(name):
    # each column at first, middle and last layer, the gradient also relative to the last layer's
    fields, kinds = NETWORKS[name]
    plan = plan_of(**fields)
    run, measured = plan.runs[0], real(plan)
    assert len(plan.runs) == REAL
    assert set(hows(run)) == kinds
    drawn = random_layers(run, DRAWN, backward=True)._asdict()
    for columns in (measured, drawn):
        columns["ratio"] = columns["grad_std"] / columns["grad_std"][:, -1:]
    for column, values in measured.items():
        for layer in {0, run.depth // 2, run.depth - 1}:
            p = stats.ks_2samp(values[:, layer], drawn[column][:, layer]).pvalue
            assert p > UNLIKELY, (column, layer)


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"batch": 30}, {"init": "orthogonal"},
        {"residual": 2, "norm": "layer", "dropout": 0.2},
        {"norm": "batch", "batch": 30, "dropout": 0.2},
        {"shape": [12, 12, 20, 9], "residual": {"every": 1, "project": True}, "batch": 4},
    ],
    ids=str,
)  # fmt: skip
def test_a_network_does_not_depend_on_what_stands_beside_it(fields, monkeypatch):
    # to the last digits of float32: products of blocks may sum in another order
    run = plan_of(**fields).runs[0]
    many = random_layers(run, 9, backward=True)
    monkeypatch.setattr(random_networks, "BLOCK_BYTES", 1)
    alone = random_layers(run, 4, backward=True)
    for whole, part in zip(many, alone, strict=True):
        np.testing.assert_allclose(whole[:4], part, rtol=1e-4)
    forward = random_layers(run, 4)
    np.testing.assert_allclose(forward.std[:, 0], alone.std[:, 0], rtol=1e-6)
    assert forward.grad_std is None
    # the same random numbers in the same order, with and without a backward pass
    np.testing.assert_allclose(forward.std, alone.std, rtol=1e-4)


@pytest.mark.parametrize(
    "fields",
    [
        {"batch": 30},
        {"shape": [9, 9, 12, 12, 7], "batch": 24, "residual": {"every": 1, "project": True}},
        {"batch": 30, "width": 20, "residual": 2, "norm": "batch", "dropout": 0.2},
    ],
    ids=str,
)
def test_drawn_again_weights_are_those_that_were_kept(fields, monkeypatch):
    run = plan_of(**fields).runs[0]
    assert set(hows(run)) == {"built"}
    kept = random_layers(run, 4, backward=True)
    monkeypatch.setattr(random_point, "KEPT_BYTES", 0)
    again = random_layers(run, 4, backward=True)
    for one, other in zip(kept, again, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_a_gradient(loss):
    run = plan_of(loss=loss, depth=2, batch=12, width=20).runs[0]
    found = random_layers(run, 5, backward=True)
    assert np.isfinite(found.grad_std).all()
    assert (found.grad_std.max(axis=0) > 0).all()


def test_networks_that_burst_are_nan_from_there_on():
    # N(0, 1) weights of 64 multiply a linear signal by 8: of 1 it passes 3.4e38 = 8^42.7
    run = plan_of(activation="identity", init="normal", depth=60, width=64).runs[0]
    found = random_layers(run, 10, backward=True)
    onset = np.isnan(found.std).argmax(axis=1)
    assert (np.abs(onset - 42) <= 3).all()
    for column in (found.std, found.cosine):
        assert (np.isnan(column) == (np.arange(60) >= onset[:, None])).all()
    assert np.isnan(found.grad_std).all()
    band = random_band(RandomPoint.of(run, gradient=True), 10)
    assert np.isnan(band.p10[-1])
    assert np.isfinite(band.p90[:30]).all()
    assert np.isnan(band.gradient).all()


@pytest.mark.parametrize("init", ["normal", "orthogonal"])
def test_signals_that_all_but_vanish_keep_their_ratios(init):
    # by 1e-5 a layer down to 1e-45 and to 0; until then, as far as float32's smallest tell
    scheme = {
        "scheme": init,
        **({"gain": 1e-5} if init == "orthogonal" else {"std": 1e-5 / WIDTH**0.5}),
    }
    run = plan_of(activation="identity", init=scheme, depth=12, loss="cross_entropy").runs[0]
    found = random_layers(run, 20, backward=True)
    ratio = found.std[:, 1:7] / found.std[:, :6]
    assert np.abs(np.log(np.median(ratio, axis=0) / 1e-5)).max() < 0.3
    assert (found.std[:, -1] == 0).all()
    gradient = np.median(found.grad_std[:, -6:-1] / found.grad_std[:, -5:].clip(1e-300), axis=0)
    assert np.abs(np.log(gradient / 1e-5)).max() < 0.3


def test_silent_networks_have_no_cosine_and_the_others_tell():
    # biases of -0.3 before a relu: in many networks of 2 neurons all samples end at zero
    fields = {"shape": [2, 2, 2], "activation": "relu", "batch": 3, "loss": "mse"}
    bias = {"scheme": "constant", "value": -0.3}
    run = plan_of(**fields, bias=bias).runs[0]
    found = random_layers(run, 100, backward=True)
    silent = np.isnan(found.cosine).mean(axis=0)
    assert 0 < silent[0] < 0.5 < silent[1]
    band = random_band(RandomPoint.of(run, gradient=True), 100)
    assert np.isfinite(band.cosine[:, 0]).all()
    assert np.isnan(band.cosine[:, 1]).all()


def test_ticks_are_the_layers_that_were_counted():
    ticked = []
    for gradient in (False, True):
        point = band_point(plan_of(init="orthogonal").runs[0], gradient)
        networks = point.networks(30)
        random_band(point, networks, ticked.append)
        assert sum(ticked) == point.layers(30)
        ticked.clear()


def test_a_band_of_the_gradient_is_relative_to_the_last_layer():
    run = plan_of().runs[0]
    band = random_band(RandomPoint.of(run, gradient=True), 40)
    found = random_layers(run, 40, backward=True)
    np.testing.assert_array_equal(band.gradient[:, -1], 1)
    # numpy's quantiles, linear between order statistics
    ratio = found.grad_std[:, 0] / found.grad_std[:, -1]
    np.testing.assert_allclose(band.gradient[:, 0], np.quantile(ratio, [0.1, 0.5, 0.9]))
    np.testing.assert_allclose(band.cosine[:, 2], np.quantile(found.cosine[:, 2], [0.1, 0.5, 0.9]))
    np.testing.assert_allclose(band.p50, np.median(found.std, axis=0))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"activation": "relu", "init": "kaiming_normal"},
        {"activation": "gelu", "init": "kaiming_normal"},
        {"shape": [2, 32, 32, 32], "init": "xavier_uniform"},
    ],
    ids=str,
)
def test_the_band_holds_80_percent_of_networks(fields):
    # 300 networks leave sqrt(.8 * .2 / 300) = .023, 400 drawn ones .020: together .031, of which
    # four are allowed
    plan = plan_of(**({} if "shape" in fields else {"depth": 4}), **fields, seeds=300)
    measured = real(plan)
    band = random_band(RandomPoint.of(plan.runs[0], gradient=True), 400)
    ratio = measured["grad_std"] / measured["grad_std"][:, -1:]
    last = plan.runs[0].depth - 1
    for values, low, high, layer in (
        (measured["std"], band.p10, band.p90, last),
        (ratio, band.gradient[0], band.gradient[2], 0),
        (measured["cosine"], band.cosine[0], band.cosine[2], last),
    ):
        inside = (values[:, layer] >= low[layer]) & (values[:, layer] <= high[layer])
        assert abs(inside.mean() - 0.8) < 4 * 0.031


BLOCKS = {
    "residual pre-norm": {"residual": 2, "norm": "layer", "activation": "relu", "init": "he"},
    "post-norm, dropout": {
        "residual": {"every": 1, "branch": "after_sum"}, "dropout": 0.1, "activation": "gelu",
        "norm": {"name": "rms", "place": "post"},
    },
    "batch norm": {"norm": "batch", "activation": "tanh"},
    "a built stem, a head": {
        "shape": [2, *[24] * 5, 3], "residual": {"every": 2, "scale": "1/sqrt(L)"},
        "activation": "relu", "init": "he", "loss": "cross_entropy",
    },
    "projections, built": {
        "shape": [6, 6, 10, 10, 8], "batch": 16, "residual": {"every": 1, "project": True},
        "norm": {"name": "layer", "place": "pre"},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", BLOCKS)
def test_the_band_of_blocks_holds_80_percent_of_networks(kind):
    # 100 networks leave sqrt(.8 * .2 / 100) = .04, 400 drawn ones .020: together .045, of which
    # four are allowed
    fields = {"batch": 5, **({} if "shape" in BLOCKS[kind] else {"depth": 6, "width": 24})}
    plan = plan_of(**{**fields, **BLOCKS[kind]}, seeds=100)
    run, measured = plan.runs[0], real(plan)
    band = random_band(RandomPoint.of(run, gradient=True), 400)
    ratio = measured["grad_std"] / measured["grad_std"][:, -1:]
    last, stream = run.depth - 1, run.structure.stream[0]
    for values, low, high, layer in (
        (measured["std"], band.p10, band.p90, last),
        (measured["std"], band.p10, band.p90, 0),
        (ratio, band.gradient[0], band.gradient[2], stream),
        (ratio, band.gradient[0], band.gradient[2], 0),
        (measured["cosine"], band.cosine[0], band.cosine[2], last),
    ):
        inside = (values[:, layer] >= low[layer]) & (values[:, layer] <= high[layer])
        assert abs(inside.mean() - 0.8) < 4 * 0.045, layer


def test_branches_that_are_zero_have_no_spread_of_their_own():
    # rezero: every sum hands on the input, whose std is that of 6 x 48 normal numbers
    run = plan_of(preset="rezero", depth=6, dtype="float64").runs[0]
    found = random_layers(run, 20, backward=True)
    for layer in (3, 5):
        np.testing.assert_array_equal(found.std[:, layer], found.std[:, 1])
    # the std of n normal numbers is off by 1 / sqrt(2 n) = 0.042, four of which are allowed
    assert np.abs(found.std[:, 1] - 1).max() < 4 * 0.042
    np.testing.assert_allclose(found.grad_std[:, 1], found.grad_std[:, 5], rtol=1e-12)


def test_blocks_that_burst_are_nan_from_there_on_and_leave_the_others_alone():
    # two layers of N(0, (1e20)^2) weights leave float32, which ends at 3e38, whatever norm is there
    init = {"scheme": "normal", "std": 1e20}
    run = plan_of(residual=2, norm="layer", init=init, depth=5, activation="relu").runs[0]
    found = random_layers(run, 5, backward=True)
    assert np.isfinite(found.std[:, 0]).all()
    assert np.isnan(found.std[:, 1:]).all()
    assert np.isnan(found.grad_std).all()
    # four of 2e9 reach 1e37 and a little more: some networks of two neurons pass 3e38
    init = {"scheme": "normal", "std": 2e9}
    some = plan_of(
        residual=4, shape=[2] * 5, init=init, activation="identity", batch=2, loss="cross_entropy"
    ).runs[0]
    found = random_layers(some, 60, backward=True)
    burst = np.isnan(found.std[:, -1])
    assert 0 < burst.sum() < 60
    assert np.isfinite(found.grad_std[~burst]).all()
    assert np.isnan(found.grad_std[burst]).all()
