"""The std of weight gradients, against plain torch and a closed form."""

import math

import numpy as np
import pytest
import torch

from initlab import load_plan
from initlab.catalog import ACTIVATIONS
from initlab.theory.prediction import predict

WIDTH, DEPTH, SEEDS = 800, 4, 4


def predicted(**fields):
    (found,) = predict(load_plan(fields).runs, more=True)
    return found.layers.weight_grad_std


def rms_over_seeds(activation, gain, loss, reduction, batch):
    """Of torch.std of dL/dW, networks in plain torch; shape (depth,)."""
    phi, squares = ACTIVATIONS[activation].bind(ACTIVATIONS[activation].defaults), []
    for seed in range(SEEDS):
        generator = torch.Generator().manual_seed(seed)
        h, weights = torch.randn(batch, WIDTH, generator=generator), []
        for _ in range(DEPTH):
            w = torch.randn(WIDTH, WIDTH, generator=generator) * gain / WIDTH**0.5
            weights.append(w.requires_grad_())
            h = phi(h @ w.T)
        if loss == "mse":
            target = torch.randn(batch, WIDTH, generator=generator)
            value = torch.nn.functional.mse_loss(h, target, reduction=reduction)
        else:
            classes = torch.randint(WIDTH, (batch,), generator=generator)
            value = torch.nn.functional.cross_entropy(h, classes, reduction=reduction)
        squares.append([g.std().item() ** 2 for g in torch.autograd.grad(value, weights)])
    return np.sqrt(np.mean(squares, axis=0))


@pytest.mark.parametrize(("batch", "reduction"), [(8, "sum"), (64, "mean")])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize(("activation", "gain"), [("tanh", 1.3), ("relu", 1.3), ("gelu", 1.4)])
def test_plain_torch_agrees(activation, gain, loss, batch, reduction):
    if loss == "cross_entropy":
        gain = 0.9  # small outputs, which softmax does not know
    init = {"scheme": "lecun_normal", "gain": gain}
    ours = predicted(
        depth=DEPTH, width=WIDTH, activation=activation, init=init, loss=loss,
        reduction=reduction, batch=batch,
    )  # fmt: skip
    measured = rms_over_seeds(activation, gain, loss, reduction, batch)
    # one class of 800 a sample: few values make the gradient of a small batch
    allowed = 0.2 if loss == "cross_entropy" and batch == 8 else 0.1
    np.testing.assert_allclose(measured, ours, rtol=allowed)


@pytest.mark.parametrize("batch", [2, 8])
def test_one_linear_layer(batch):
    # L = sum (W x - t)^2: dL/dW = 2 sum_b (y_b - t_b) x_b; Var y = Var t = 1, all independent but
    # y_b and y_b', of covariance 0: variance 4 B 2
    fields = {"shape": [500, 500], "activation": "identity", "init": "lecun_normal"}
    found = predicted(**fields, loss="mse", reduction="sum", batch=batch)
    np.testing.assert_allclose(found, [math.sqrt(8 * batch)], rtol=1e-9)


def test_equal_samples_add_up():
    # samples that are one: dL/dW is B times that of one for y, and sqrt B for their targets
    fields = {"shape": [500, 500], "activation": "identity", "init": "lecun_normal", "batch": 2}
    same = {"name": "correlated", "correlation": 1.0}
    found = predicted(**fields, loss="mse", reduction="sum", input=same)
    # 4 (B^2 Var y + B Var t) of B = 2
    np.testing.assert_allclose(found, [math.sqrt(4 * (4 + 2))], rtol=1e-6)


def test_it_is_not_there_unless_asked_for_and_known():
    fields = {"depth": 3, "width": 50, "activation": "tanh", "init": "lecun_normal", "batch": 4}
    (silent,) = predict(load_plan(fields).runs)
    assert np.isnan(silent.layers.weight_grad_std).all()
    assert np.isnan(predicted(**fields, loss="l1")).all()
    assert np.isfinite(predicted(**fields)).all()
    mixed = load_plan({**fields, "loss": ["mse", "l1"], "depth": [2, 5]}).runs
    known = [np.isfinite(p.layers.weight_grad_std).all() for p in predict(mixed, more=True)]
    assert sorted(known) == [False, False, True, True]


def test_networks_of_other_depths_beside_it_change_nothing():
    fields = {"width": 50, "activation": "gelu", "init": "lecun_normal", "batch": 4}
    runs = load_plan({**fields, "depth": [2, 7]}).runs
    for run, beside in zip(runs, predict(runs, more=True), strict=True):
        (alone,) = predict([run], more=True)
        np.testing.assert_allclose(
            beside.layers.weight_grad_std, alone.layers.weight_grad_std, rtol=1e-12
        )
