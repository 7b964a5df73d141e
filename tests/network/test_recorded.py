"""What a run records beside the usual columns, against a plain nn.Sequential with autograd.

The reference is ordinary torch: modules with the weights of `layers_of`, hooks, and each column by
torch's or numpy's own function for it.
"""

import math

import numpy as np
import pytest
import torch
from helpers import in_memory
from torch import nn

from initlab.catalog.columns import MORE, RECORDED, columns
from initlab.network.draws import draws_of
from initlab.network.measurement import BACKWARD, FORWARD, Measurement
from initlab.network.recorded import neurons, quantiles
from initlab.network.weights import affine_rms, layers_of, rms
from initlab.spec.run import Run

MODULES = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}
#: rounding of the network's own dtype, through four layers and back; float64's is the rule's 1e-5
TOLERANCE = {"float64": 1e-9, "float32": 2e-4, "bfloat16": 0.2, "float16": 0.03}


def one(plan) -> Measurement:
    (outcome, *_), _ = in_memory(plan, theory=False)
    assert outcome.status == "ok", outcome.reason
    return outcome.measurement


def sequential(run: Run) -> nn.Sequential:
    """The network as anyone would write it, in the dtype of the run."""
    modules: list[nn.Module] = []
    for layer, (weight, bias) in zip(run.layers, layers_of(run), strict=True):
        linear = nn.Linear(*weight.T.shape, bias=bias is not None, dtype=weight.dtype)
        linear.weight = nn.Parameter(weight.clone())
        if bias is not None:
            linear.bias = nn.Parameter(bias.clone())
        modules += [linear, MODULES[layer.activation.name]()]
    return nn.Sequential(*modules)


def reference(run: Run) -> list[dict[str, float]]:
    """Columns MORE of every layer."""
    dtype, drawn = getattr(torch, run.dtype), getattr(torch, run.draw_dtype)
    draws, network, signals = draws_of(run, keep=False), sequential(run), []
    h = torch.randn(run.batch, run.shape[0], generator=draws.generator("input"), dtype=drawn)
    target = torch.randn(run.batch, run.shape[-1], generator=draws.generator("target"), dtype=drawn)
    h = h.to(dtype)
    for module in network:
        h = module(h)
        h.retain_grad()
        signals.append(h)
    nn.functional.mse_loss(h, target.to(dtype)).backward()
    return [
        layer_columns(network[at], signals[at], signals[at + 1]) for at in range(0, len(network), 2)
    ]


def layer_columns(linear, z, h) -> dict[str, float]:
    out = h.detach().double().numpy()
    grad, pre_grad = h.grad.double(), z.grad.double()
    weight, weight_grad = linear.weight.detach().double(), linear.weight.grad.double()
    q = np.quantile(out, [0.01, 0.25, 0.5, 0.75, 0.99])
    stds = torch.std(h.detach().double(), dim=0).numpy() if len(out) > 1 else np.array([np.nan])
    return {
        "grad_rms": float(grad.square().mean().sqrt()),
        "grad_norm": float(torch.linalg.matrix_norm(grad)),
        "pre_grad_norm": float(torch.linalg.matrix_norm(pre_grad)),
        "weight_grad_norm": float(torch.linalg.matrix_norm(weight_grad)),
        "weight_rms": float(weight.square().mean().sqrt()),
        "update_ratio": float(weight_grad.norm() / weight.norm()),
        "neuron_std": float(np.median(stds)),
        "dead_fraction": float((out == 0).all(0).mean()),
        **dict(zip(("q01", "q25", "q50", "q75", "q99"), q.tolist(), strict=True)),
    }


def assert_close(m: Measurement, expected: list[dict[str, float]], tolerance: float) -> None:
    assert m.more.shape == (len(expected), len(MORE))
    for layer, of_layer in enumerate(expected):
        found = dict(zip(MORE, m.more[layer], strict=True))
        size = max(abs(of_layer["q99"]), abs(of_layer["q01"]), of_layer["neuron_std"])
        for name, value in of_layer.items():
            # (a quantile near 0 is rounded in units of the activations)
            near = tolerance * size if name in columns("layers", "quantiles", "neurons") else 0
            assert found[name] == pytest.approx(value, rel=tolerance, abs=near, nan_ok=True), (
                layer,
                name,
            )


def test_there_is_a_reference_for_every_column(plan_of):
    (run,) = plan_of().runs
    # (those of residual sums are held to plain torch in test_blocks.py)
    assert set(reference(run)[0]) == set(columns("layers", *RECORDED))


@pytest.mark.parametrize("batch", [1, 2, 7, 40])  # 40: a batch larger than a layer
@pytest.mark.parametrize("bias", ["none", {"std": 0.3}], ids=["no bias", "biases"])
@pytest.mark.parametrize("activation", MODULES)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_every_column_is_what_plain_torch_finds(plan_of, dtype, activation, bias, batch):
    plan = plan_of(
        shape=[12, 30, 17, 24], activation=activation, init="kaiming_normal", bias=bias,
        batch=batch, dtype=dtype, record="full",
    )  # fmt: skip
    assert_close(one(plan), reference(plan.runs[0]), TOLERANCE[dtype])


@pytest.mark.parametrize(
    "init",
    [
        {"scheme": "normal", "mean": 0.2, "std": 0.1},  # a shift
        {"scheme": "uniform", "a": 0.0, "b": 0.3},
        {"scheme": "constant", "value": -0.05},
        "orthogonal",
        "torch_default",
        {"scheme": "sparse", "sparsity": 0.5},
        "identity",
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_weights_are_those_that_the_network_has(plan_of, dtype, init):
    plan = plan_of(shape=[12, 12, 12], init=init, dtype=dtype, record="both+gradients")
    found = one(plan).more[:, MORE.index("weight_rms")]
    # float32 weights are the products that layers_of rounds; the others are the very same weights
    tolerance = 1e-7 if dtype == "float32" else 1e-12
    for value, (weight, _) in zip(found, layers_of(plan.runs[0]), strict=True):
        assert value == pytest.approx(float(weight.double().square().mean().sqrt()), rel=tolerance)


def test_layers_that_differ_are_measured_each_by_itself(plan_of):
    plan = plan_of(
        shape=[6, 9, 9, 5], activation="relu", last={"activation": "tanh"},
        first={"init": {"scheme": "normal", "std": 2}}, dtype="float64", record="full",
    )  # fmt: skip
    assert_close(one(plan), reference(plan.runs[0]), 1e-9)


# what is asked for, and what not -----------------------------------------------------------------


@pytest.mark.parametrize("record", ["both", "forward"])
def test_a_run_that_asks_for_nothing_records_nothing(plan_of, record):
    assert one(plan_of(record=record)).more is None


@pytest.mark.parametrize(
    "record", ["both+gradients", "both+neurons", "both+quantiles", "forward+neurons+quantiles"]
)
def test_only_what_is_asked_for_is_measured_and_the_usual_columns_stay(plan_of, record):
    shared = {"depth": 4, "width": 9, "activation": "relu", "bias": {"std": 1}}
    m = one(plan_of(record=record, **shared))
    plain = one(plan_of(record=record.split("+")[0], **shared))
    np.testing.assert_array_equal(m.forward, plain.forward)
    if m.backward is not None:
        np.testing.assert_array_equal(m.backward, plain.backward)
    assert m.loss_value == plain.loss_value
    measured = {
        name for name, column in zip(MORE, m.more.T, strict=True) if ~np.isnan(column).all()
    }
    assert measured == set(columns("layers", *record.split("+")[1:]))


def test_what_is_recorded_agrees_with_the_usual_columns(plan_of):
    # two routes to one number: std^2 (n - 1) = sum x^2 - n mean^2, and a median lies in between
    m = one(plan_of(depth=6, width=40, batch=8, record="full", seeds=1))
    usual = dict(zip([*FORWARD, *BACKWARD], np.hstack([m.forward, m.backward]).T, strict=True))
    more = dict(zip(MORE, m.more.T, strict=True))
    count = 40 * 8
    np.testing.assert_allclose(more["grad_norm"], more["grad_rms"] * count**0.5, rtol=1e-12)
    assert (
        more["grad_rms"] >= usual["grad_std"] * ((count - 1) / count) ** 0.5 * (1 - 1e-12)
    ).all()
    norm = usual["weight_grad_std"] * (40 * 40 - 1) ** 0.5
    assert (more["weight_grad_norm"] >= norm * (1 - 1e-9)).all()
    # the norm of dL/db, the sum over 8 samples of dL/dz, is at most sqrt(8) |dL/dz|
    assert (more["q01"] <= more["q25"]).all()
    assert (more["q75"] <= more["q99"]).all()
    assert (np.abs(more["q99"]) <= usual["abs_max"]).all()


def test_update_ratio_of_weights_that_are_all_zero(plan_of):
    m = one(plan_of(init="zeros", bias={"std": 1}, record="both+gradients"))
    more = dict(zip(MORE, m.more.T, strict=True))
    assert (more["weight_rms"] == 0).all()
    assert more["update_ratio"][-1] == math.inf  # a gradient of weights that are 0
    assert np.isnan(more["update_ratio"][0])  # no gradient reaches layer 0: 0 / 0


# runs that turn nan ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_a_run_that_turns_nan_has_quantiles_up_to_there_and_no_gradients(plan_of, dtype):
    std = {"float64": 1e120, "float32": 1e15, "float16": 200.0}[dtype]
    plan = plan_of(
        depth=6, width=9, activation="relu", dtype=dtype, record="full",
        init=[{"scheme": "normal", "std": std}, "kaiming_normal"],
    )  # fmt: skip
    (burst, fine), _ = in_memory(plan, theory=False)
    onset = burst.measurement.nan_onset
    assert onset in (1, 2, 3)
    more = dict(zip(MORE, burst.measurement.more.T, strict=True))
    assert len(more["q50"]) == onset + 1
    for name in columns("layers", "gradients"):
        assert np.isnan(more[name]).all()
    for name in ("neuron_std", *columns("layers", "quantiles")):
        assert np.isfinite(more[name][:-1]).all()
        assert np.isnan(more[name][-1])
    assert np.isfinite(more["dead_fraction"]).all()
    known = [MORE.index(name) for name in columns("layers", *RECORDED)]
    assert np.isfinite(fine.measurement.more[:, known]).all()


# numbers at the edge -----------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_neurons_and_quantiles_of_any_scale(scale):
    h = np.random.default_rng(0).standard_normal((3, 5, 8))
    h[:, :, 2] = 0
    block = torch.from_numpy(h * scale)
    std, dead = neurons(block)
    expected = np.median(h.std(axis=1, ddof=1), axis=-1) * scale
    np.testing.assert_allclose(std, expected, rtol=1e-12)
    np.testing.assert_array_equal(dead, 1 / 8)
    q = np.quantile(h.reshape(3, -1), [0.01, 0.25, 0.5, 0.75, 0.99], axis=1).T * scale
    np.testing.assert_allclose(quantiles(block), q, rtol=1e-12, atol=0)


def test_a_small_neuron_beside_large_ones_keeps_its_digits():
    # the squares of the middle neuron would vanish in units of the largest
    h = torch.tensor([[[1e-250, 1e-200, 1e200], [-1e-250, 3e-200, -1e200]]], dtype=torch.float64)
    assert neurons(h)[0][0] == pytest.approx(2e-200 / 2**0.5, rel=1e-12)  # std of 1 and 3: sqrt 2


def test_the_median_of_an_even_number_of_neurons_is_the_mean_of_the_middle_two():
    # samples +s and -s have a std of sqrt(2) s
    s = torch.tensor([1.0, 2.0, 4.0, 32.0], dtype=torch.float64)
    assert neurons(torch.stack([s, -s])[None])[0][0] == pytest.approx(3 * 2**0.5, rel=1e-15)


def test_samples_that_are_all_alike_have_a_std_of_exactly_zero():
    h = torch.tensor([0.1, 0.3, 1e30], dtype=torch.float32).expand(1, 7, 3)
    assert neurons(h)[0].tolist() == [0.0]


def test_quantiles_near_the_largest_float64_do_not_overflow():
    h = torch.tensor([[[1.7e308, -1.7e308]]], dtype=torch.float64)
    # between -1.7e308 and 1.7e308 at 1 % and so on, linearly
    expected = [1.7e308 * (2 * p - 1) for p in (0.01, 0.25, 0.5, 0.75, 0.99)]
    assert quantiles(h)[0].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 100, 101])
def test_quantiles_are_torch_s(dtype, count):
    h = torch.randn(2, 1, count, generator=torch.Generator().manual_seed(count)).to(dtype)
    p = torch.tensor([0.01, 0.25, 0.5, 0.75, 0.99], dtype=torch.float64)
    expected = torch.quantile(h.double().flatten(1), p, dim=1).T
    np.testing.assert_allclose(quantiles(h), expected.numpy(), rtol=1e-12, atol=1e-15)


def test_zeros_have_no_sign():
    assert not np.signbit(quantiles(torch.full((1, 2, 3), -0.0))).any()


def test_what_is_measured_leaves_the_block_as_it_is():
    for dtype in (torch.float32, torch.float64):
        h = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=dtype)
        before = h.clone()
        neurons(h)
        quantiles(h)
        assert torch.equal(h, before)


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1.0, 1e200])
def test_the_rms_of_weights_of_any_scale(scale):
    weights = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64) * scale
    assert rms(weights) == pytest.approx(2.5 * scale, rel=1e-3 if scale < 1e-300 else 1e-15)


def test_the_rms_of_scaled_weights_where_the_mean_cancels():
    # U = 1 but for one entry: W = U - 1 is 0 but for it, and its rms its size / sqrt(100)
    unit = torch.ones(10, 10)
    unit[3, 4] += 2.0**-20
    found = affine_rms(unit, np.array([1.0, 2.0]), np.array([-1.0, -2.0]))
    assert found.tolist() == pytest.approx([2.0**-20 / 10, 2.0**-19 / 10], rel=1e-6)


def test_the_rms_of_many_weights_is_summed_in_parts():
    unit = torch.empty(700, 900).normal_(generator=torch.Generator().manual_seed(0))
    expected = float((unit.double() * 0.3 + 0.1).square().mean().sqrt())
    assert affine_rms(unit, np.array([0.3]), np.array([0.1]))[0] == pytest.approx(
        expected, rel=1e-12
    )
    assert rms(unit) == pytest.approx(float(unit.double().square().mean().sqrt()), rel=1e-12)


# the threshold of saturation ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("saturation", [0.05, 0.3, 0.9, 2.0])
def test_saturated_are_units_whose_slope_is_below_the_threshold(plan_of, dtype, saturation):
    plan = plan_of(
        width=40, batch=9, init={"scheme": "normal", "std": 0.3}, dtype=dtype, saturation=saturation
    )
    run, m = plan.runs[0], one(plan)
    h = torch.randn(9, 40, generator=draws_of(run, keep=False).generator("input"),
                    dtype=getattr(torch, run.draw_dtype)).to(getattr(torch, dtype))  # fmt: skip
    for layer, linear in enumerate(sequential(run)[::2]):
        h = torch.tanh(linear(h)).detach()
        share = float((1 - h.double() ** 2 < saturation).double().mean())
        # a slope within rounding of the threshold may fall on either side
        assert m.forward[layer, FORWARD.index("saturated_fraction")] == pytest.approx(
            share, abs=0.0 if dtype == "float64" else 0.01
        )


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_thresholds_beyond_a_dtype_count_slopes_of_zero_and_all_that_are_finite(plan_of, dtype):
    # ReLU's slopes are 0 and 1
    plan = plan_of(activation="relu", dtype=dtype, width=30, saturation=[1e-310, 1e-9, 0.05, 1e300])
    outcomes, _ = in_memory(plan, theory=False)
    *low, high = (o.measurement.forward for o in outcomes)
    saturated, zero = FORWARD.index("saturated_fraction"), FORWARD.index("zero_fraction")
    for found in low:
        np.testing.assert_array_equal(found[:, saturated], found[:, zero])
    assert (high[:, saturated] == 1).all()


def test_the_threshold_changes_no_other_column(plan_of):
    (usual, other), _ = in_memory(plan_of(saturation=[0.05, 0.5]), theory=False)
    same = [name for name in FORWARD if name != "saturated_fraction"]
    at = [FORWARD.index(name) for name in same]
    np.testing.assert_array_equal(
        usual.measurement.forward[:, at], other.measurement.forward[:, at]
    )
    np.testing.assert_array_equal(usual.measurement.backward, other.measurement.backward)
