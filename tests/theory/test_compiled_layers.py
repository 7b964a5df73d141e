"""Layers of random networks in C against those by torch, from the same random numbers."""

import numpy as np
import pytest
import torch

from initlab import native
from initlab.catalog import ACTIVATIONS
from initlab.theory import compiled_layers, finite_width, layers, simulation
from initlab.theory.finite_width import BandPoint
from initlab.theory.gram import gram_curves_of
from initlab.theory.layers import Layer
from initlab.theory.moments import choice_of
from initlab.theory.variances import LayerVariance

pytestmark = pytest.mark.skipif(not native.available(), reason="no compiled library")

REPLICATES = 6
FLOAT32 = 3e-6  # z is rounded to float32, and so are sums of up to 64 of its terms


def layer_of(batch, scale=1.0):
    """A layer of random networks."""
    h_RMB = np.random.default_rng(0).standard_normal((REPLICATES, 80, batch))
    return layers.drawn(torch.from_numpy(h_RMB * scale)).layer()


def both(layer, choice, law, neurons, unitless=False):
    """(by torch, in C): the layer after another."""
    batch = layer.gram_RBB.shape[1]
    generator = torch.Generator().manual_seed(7)
    normal_RMB = torch.empty(REPLICATES, neurons, batch).normal_(generator=generator)
    phi = ACTIVATIONS[choice.name].bind(choice.parameters)
    arguments = layer, law, unitless, normal_RMB, phi, gram_curves_of(choice)
    with np.errstate(all="ignore"), torch.no_grad():
        return layers.passed(*arguments), compiled_layers.passed(*arguments)


def assert_alike(expected, found, tolerance=FLOAT32):
    assert found.known == expected.known
    theirs, ours = expected.layer, found.layer
    assert ours.gram_RBB.shape == theirs.gram_RBB.shape
    assert ours.exponent_R.tolist() == theirs.exponent_R.tolist()
    size = np.sqrt(theirs.gram_RBB.diagonal(dim1=1, dim2=2).numpy())
    off = (ours.gram_RBB - theirs.gram_RBB).abs().numpy()
    assert np.nanmax(off / (size[:, :, None] * size[:, None] + 1e-300), initial=0) < tolerance
    assert torch.equal(ours.gram_RBB.isnan(), theirs.gram_RBB.isnan())
    for name in ("variance_R", "largest_R"):
        a, b = getattr(ours, name), getattr(theirs, name)
        np.testing.assert_allclose(a, b, rtol=10 * tolerance, atol=1e-30, err_msg=name)


@pytest.mark.parametrize("batch", [1, 2, 7, 8, 16, 33, 64])
@pytest.mark.parametrize(("neurons", "fan_out"), [(32, 256), (9, 9), (5, 80)])
def test_a_layer_of_any_batch(choice, batch, neurons, fan_out):
    law = LayerVariance(80, fan_out, 1.7 / 80)
    assert_alike(*both(layer_of(batch), choice, law, neurons))


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e4, 1e30])
@pytest.mark.parametrize("bias", [0.0, 0.3])
@pytest.mark.parametrize("unitless", [False, True])
def test_a_signal_of_any_size(scale, bias, unitless):
    law = LayerVariance(80, 256, 2.0 / 80, bias * bias)
    for name in ("relu", "identity", "tanh", "softplus"):
        found = both(layer_of(16, scale=scale), choice_of(name), law, 32, unitless and not bias)
        assert_alike(*found)


@pytest.mark.parametrize("batch", [2, 16, 20])
def test_samples_that_are_alike_become_one(batch):
    # of one z, so large that each neuron is -1 or 1 for all samples
    law = LayerVariance(80, 32, 1e12)
    before = layer_of(batch)
    before = before._replace(gram_RBB=torch.ones_like(before.gram_RBB))
    expected, found = both(before, choice_of("hardtanh"), law, 32)
    assert expected.layer.gram_RBB.shape == (REPLICATES, 1, 1)
    assert_alike(expected, found)


def test_what_is_zero_nan_or_of_no_covariance_is_so_in_its_replicate_only():
    law = LayerVariance(80, 256, 1.0 / 80)
    before = layer_of(16)
    gram_RBB = before.gram_RBB.clone()
    gram_RBB[1] = 0.0
    gram_RBB[2, 3, 5] = gram_RBB[2, 5, 3] = torch.nan
    gram_RBB[3, 0, 1] = gram_RBB[3, 1, 0] = 2 * gram_RBB[3].max()  # a correlation above 1
    broken = before._replace(gram_RBB=gram_RBB)
    whole, alone = (
        both(before, choice_of("gelu"), law, 32)[1],
        both(broken, choice_of("gelu"), law, 32),
    )
    assert_alike(*alone)
    assert np.isnan(alone[1].layer.variance_R).tolist() == [False, False, True, True, False, False]
    assert alone[1].layer.variance_R[1] == 0
    # (tables over ln q begin elsewhere, where a signal of 0 is among those that are read off)
    untouched = [0, 4, 5]
    own, others = (passed.layer.gram_RBB[untouched] for passed in (alone[1], whole))
    assert own.numpy() == pytest.approx(others.numpy(), rel=1e-12)


def test_a_replicate_depends_on_no_other():
    law, choice = LayerVariance(80, 256, 2.0 / 80), choice_of("relu")
    before = layer_of(16)
    together = both(before, choice, law, 32)[1].layer
    some = Layer(before.gram_RBB[:2], *(x[:2] for x in before[1:]))
    normal_RMB = torch.empty(REPLICATES, 32, 16).normal_(generator=torch.Generator().manual_seed(7))
    phi, curves = torch.relu, gram_curves_of(choice)
    alone = compiled_layers.passed(some, law, False, normal_RMB[:2], phi, curves).layer
    assert torch.equal(alone.gram_RBB, together.gram_RBB[:2])
    assert alone.variance_R.tolist() == together.variance_R[:2].tolist()


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "sin"])
def test_bands_are_alike_with_and_without(name, monkeypatch):
    laws = (LayerVariance(100, 100, 1.6 / 100),) * 4
    point = BandPoint(choice_of(name), laws, choice_of_input(), 16)
    (with_library,) = finite_width.simulated_stds([point], 60)
    monkeypatch.setattr(native, "available", lambda: False)
    (without,) = finite_width.simulated_stds([point], 60)
    np.testing.assert_allclose(with_library, without, rtol=1e-4)


@pytest.mark.parametrize("batch", [64, 65, 100])
def test_a_batch_of_any_size_has_networks(batch):
    laws = (LayerVariance(100, 100, 1.6 / 100),) * 2
    (stds,) = finite_width.simulated_stds(
        [BandPoint(choice_of("tanh"), laws, choice_of_input(), batch)], 30
    )
    assert np.isfinite(stds).all()
    assert np.log(stds).std(0).max() < 0.2


def test_a_variance_far_below_the_mean_square_keeps_its_digits():
    # 0.7 and up to ten float32 steps: a difference of sums would leave three digits
    steps = np.random.default_rng(2).integers(0, 10, (REPLICATES, 32, 16))
    h_RMB = torch.from_numpy((np.float32(0.7) + steps * 2.0**-24).astype(np.float32))
    law, curves = LayerVariance(80, 32, 1.0), gram_curves_of(choice_of("tanh"))
    before, normal_RMB = layer_of(16), torch.zeros(REPLICATES, 32, 16)
    found = compiled_layers.passed(before, law, False, normal_RMB, lambda _: h_RMB, curves).layer
    exact = h_RMB.numpy().astype(np.longdouble).var(axis=(1, 2))
    assert np.ldexp(found.variance_R, 2 * found.exponent_R) == pytest.approx(
        exact.astype(float), rel=1e-12
    )


def choice_of_input():
    from initlab import load_plan

    plan = load_plan({"depth": 1, "width": 20, "activation": "relu", "init": "lecun_normal"})
    return plan.runs[0].input


def test_float64_and_large_batches_are_not_the_librarys():
    laws = (LayerVariance(100, 100, 0.01),)
    for batch, double, expected in (
        (64, False, compiled_layers.passed), (65, False, layers.passed), (16, True, layers.passed),
    ):  # fmt: skip
        point = BandPoint(choice_of("tanh"), laws, choice_of_input(), batch, double)
        assert simulation._Signal(point, layer_of(batch)).passed is expected
