"""Forward, backward and every column of layers.csv against a plain nn.Module with autograd.

The reference takes weights from `layers_of` (test_weights.py holds those to torch.nn.init), builds
ordinary modules in float64, records with hooks and computes each column in the most direct way.
"""

from functools import lru_cache, partial

import numpy as np
import pytest
import torch
from helpers import in_memory
from torch import Tensor, nn

from initlab import load_plan
from initlab.catalog import ACTIVATIONS, SCHEMES
from initlab.network.draws import draws_of
from initlab.network.measurement import BACKWARD, FORWARD, Measurement
from initlab.network.products import LARGE, products_of_runs
from initlab.network.propagate import measure
from initlab.network.scratch import scratch_of_thread
from initlab.network.weights import layers_of
from initlab.spec.plan import Plan
from initlab.spec.run import Run
from initlab.spec.shares import Share
from initlab.store.outcome import Outcome

DEPTH, WIDTH, BATCH = 20, 24, 6
SHALLOW = 8  # of every pair of a scheme and an activation: layers of both parities, and more
RELATIVE = 1e-9  # the rule is 1e-5; float64 through 20 layers that are not chaotic does better
ROUNDING = 1e-12  # of the rms of what a column is computed from: a std below that is pure rounding

# parameters that keep 20 layers near scale 1; what is required and not named here is set to 1/2
PARAMETERS = {
    "normal": {"std": 0.2},  # sqrt(24) 0.2 = 0.98
    "uniform": {"a": -0.3, "b": 0.4},  # a mean, and sqrt(24 0.7^2 / 12) = 0.99
    "trunc_normal": {"mean": 0.02, "std": 0.25, "a": -0.3, "b": 0.5},
    "constant": {"value": 0.05},  # 24 0.05 = 1.2
    "sparse": {"std": 0.3, "sparsity": 0.5},  # sqrt(24 / 2) 0.3 = 1.04
    "scaled_normal": {"sigma_w": 1.2},
    "siren": {"omega": 1.7},  # sqrt(2) / 1.7 = 0.83
}


class Elementwise(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.forward = function


MODULES = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "relu6": nn.ReLU6,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "gelu": nn.GELU,
    "gelu_tanh": partial(nn.GELU, approximate="tanh"),
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "hardtanh": nn.Hardtanh,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "tanhshrink": nn.Tanhshrink,
    "logsigmoid": nn.LogSigmoid,
    "sin": lambda omega=1.0: Elementwise(lambda z: torch.sin(omega * z)),
    "erf": partial(Elementwise, torch.special.erf),
    "arctan": partial(Elementwise, torch.atan),
    "relu_squared": partial(Elementwise, lambda z: torch.clamp(z, min=0) ** 2),
}


# the reference ----------------------------------------------------------------------------------


class Network(nn.Module):
    """A deep network as anyone would write it, with the weights of a run, in float64."""

    def __init__(self, run: Run):
        super().__init__()
        self.linears = nn.ModuleList()
        for weight, bias in layers_of(run):
            linear = nn.Linear(*weight.T.shape, bias=bias is not None, dtype=torch.float64)
            linear.weight = nn.Parameter(weight.double())
            if bias is not None:
                linear.bias = nn.Parameter(bias.double())
            self.linears.append(linear)
        chosen = [layer.activation for layer in run.layers]
        self.activations = nn.ModuleList([MODULES[a.name](**a.parameters) for a in chosen])

    def forward(self, x):
        for linear, activation in zip(self.linears, self.activations, strict=True):
            x = activation(linear(x))
        return x


def input_and_target(run: Run) -> tuple[Tensor, Tensor]:
    draws, dtype = draws_of(run, keep=False), getattr(torch, run.draw_dtype)
    x = torch.randn(run.batch, run.shape[0], generator=draws.generator("input"), dtype=dtype)
    generator = draws.generator("target")
    if run.loss.name == "cross_entropy":
        return x, torch.randint(run.shape[-1], (run.batch,), generator=generator)
    return x, torch.randn(run.batch, run.shape[-1], generator=generator, dtype=dtype)


def loss_of(run: Run, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """What autograd starts from, and what the column loss_value holds."""
    if run.loss.name == "mse":
        per_sample = (output - target).square().sum(1)
        entries = output.numel()
    else:
        per_sample = output.logsumexp(1) - output.gather(1, target[:, None])[:, 0]
        entries = len(output)
    total = per_sample.sum()
    match run.reduction:
        case "sum":
            return total, total
        case "mean":
            return total / entries, total / entries
        case "none":
            return total, per_sample.mean()


def scaled(statistic, x: Tensor) -> float:
    """A statistic of degree 1 in units of the largest value, so that its squares do not overflow"""
    unit = x.abs().max()
    if unit == 0 or not unit.isfinite():
        return float(statistic(x))
    return float(statistic(x / unit) * unit)


def std(x):
    return scaled(torch.std, x) if x.numel() > 1 else np.nan


def rms(x):
    return scaled(lambda y: y.square().mean().sqrt(), x)


def cosine(h: Tensor) -> float:
    rows = h[h.abs().amax(1) > 0]
    rows = rows / rows.abs().amax(1, keepdim=True)
    rows = rows / rows.norm(dim=1, keepdim=True)
    above = np.triu_indices(len(rows), 1)  # every pair once
    pairs = (rows @ rows.T).numpy()[above]
    return float(np.mean(pairs)) if len(pairs) else np.nan


def forward_columns(pre: Tensor, out: Tensor, slope: Tensor) -> dict[str, tuple[float, float]]:
    """Each column, and the size of what it is computed from."""
    pre_size, size = rms(pre), rms(out)
    return {
        "pre_mean": (scaled(torch.mean, pre), pre_size),
        "pre_std": (std(pre), pre_size),
        "mean": (scaled(torch.mean, out), size),
        "std": (std(out), size),
        "rms": (size, size),
        "abs_max": (float(out.abs().max()), size),
        "zero_fraction": (np.mean(out.numpy() == 0), 1),
        "saturated_fraction": (np.mean(np.abs(slope.numpy()) < 0.05), 1),
        "finite_fraction": (np.mean(np.isfinite(out.numpy())), 1),
        "cosine": (cosine(out), 1),
    }


def backward_columns(grad, delta, h, linear) -> dict[str, tuple[float, float]]:
    bias = linear.bias
    return {
        "grad_std": (std(grad), rms(grad)),
        # a weight's gradient is a sum over samples, rounded in units of its terms
        "weight_grad_std": (std(linear.weight.grad), rms(delta.abs().T @ h.abs())),
        "bias_grad_std": (
            (np.nan, 0) if bias is None else (std(bias.grad), rms(delta.abs().sum(0)))
        ),
    }


class Reference:
    """Forward and backward of a run, recorded."""

    def __init__(self, run: Run):
        x, target = input_and_target(run)
        network, to = Network(run), getattr(torch, run.dtype)
        pre, out = [], []
        for linear in network.linears:
            linear.register_forward_hook(lambda _m, _i, z: pre.append(z))
        for activation in dict.fromkeys(network.activations):
            activation.register_forward_hook(lambda _m, _i, h: out.append(h))
        output = network(x.to(to).double())
        for tensor in (*pre, *out):
            tensor.retain_grad()
        start, value = loss_of(
            run, output, target.to(to).double() if run.loss.name == "mse" else target
        )
        start.backward()
        slopes = [self._slope(a, z) for a, z in zip(network.activations, pre, strict=True)]
        inputs = [x.to(to).double(), *[h.detach() for h in out[:-1]]]
        finite = [bool(h.isfinite().all()) for h in out]
        self.nan_onset = None if all(finite) else finite.index(False)
        self.loss_value = float(value.detach())
        self.forward = [
            forward_columns(z.detach(), h.detach(), s)
            for z, h, s in zip(pre, out, slopes, strict=True)
        ][: None if self.nan_onset is None else self.nan_onset + 1]
        self.backward = (
            None
            if self.nan_onset is not None
            else [
                backward_columns(h.grad, z.grad, i, linear)
                for h, z, i, linear in zip(out, pre, inputs, network.linears, strict=True)
            ]
        )

    @staticmethod
    def _slope(activation, z):
        leaf = z.detach().requires_grad_()
        return torch.autograd.grad(activation.forward(leaf).sum(), leaf)[0]  # past the hooks


# comparing --------------------------------------------------------------------------------------


def measured(plan: Plan) -> list[Measurement]:
    outcomes, _ = in_memory(plan, theory=False)
    assert {(outcome.status, outcome.reason) for outcome in outcomes} == {("ok", "")}
    return [outcome.measurement for outcome in outcomes]


def differences(got, names: list[str], expected: list[dict]) -> list[str]:
    found = []
    for layer, columns in enumerate(expected):
        for name, value in zip(names, got[layer], strict=True):
            reference, size = columns[name]
            # a std far below the rms is rounding noise on both sides (constant weights make every
            # neuron equal), so digits below ROUNDING of the rms claim nothing
            allowed = RELATIVE * abs(reference) + ROUNDING * size
            same = np.isnan(reference) and np.isnan(value)
            if not (same or reference == value or abs(value - reference) <= allowed):
                found.append(f"layer {layer} {name}: {value!r}, reference {reference!r}")
    return found


def check(run: Run, m: Measurement) -> None:
    reference = Reference(run)
    assert m.nan_onset == reference.nan_onset
    assert len(m.forward) == len(reference.forward)
    if m.nan_onset is not None:  # an infinity: its rms is not specified, its std is nan
        reference.forward[-1]["rms"] = (m.forward[-1, FORWARD.index("rms")], 0)
    wrong = differences(m.forward, FORWARD, reference.forward)
    assert (m.backward is None) == (reference.backward is None)
    if m.backward is not None:
        assert m.loss_value == pytest.approx(reference.loss_value, rel=RELATIVE)
        assert len(m.backward) == run.depth
        wrong += differences(m.backward, BACKWARD, reference.backward)
    assert not wrong, "\n".join(wrong)


def check_all(**fields) -> None:
    plan = load_plan({"dtype": "float64", **fields})
    for run, m in zip(plan.runs, measured(plan), strict=True):
        check(run, m)


# tests ------------------------------------------------------------------------------------------


def parameters(scheme: str) -> dict:
    required = {p.name: 0.5 for p in SCHEMES[scheme].parameters if p.required}
    return {"scheme": scheme, **required, **PARAMETERS.get(scheme, {})}


@lru_cache
def side_by_side(scheme: str) -> dict[str, tuple[Run, Outcome]]:
    """Every activation with one scheme, measured in one sweep."""
    fields = {"depth": SHALLOW, "width": WIDTH, "batch": BATCH, "dtype": "float64"}
    plan = load_plan({**fields, "activation": list(ACTIVATIONS), "init": parameters(scheme)})
    outcomes, _ = in_memory(plan, theory=False)
    pairs = zip(plan.runs, outcomes, strict=True)
    return {run.activation.name: (run, outcome) for run, outcome in pairs}


def test_the_reference_knows_every_activation_and_every_column():
    assert list(MODULES) == list(ACTIVATIONS)
    pair, linear = torch.ones(2, 2), nn.Linear(2, 2)
    linear(pair).sum().backward()
    assert list(forward_columns(pair, pair, pair)) == FORWARD
    assert list(backward_columns(pair, pair, pair, linear)) == BACKWARD


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize(
    "scheme",  # all of one scheme by one worker, which measures them side by side
    [pytest.param(name, marks=pytest.mark.xdist_group(f"scheme {name}")) for name in SCHEMES],
)
def test_every_scheme_with_every_activation(scheme, activation):
    run, outcome = side_by_side(scheme)[activation]
    assert (outcome.status, outcome.reason) == ("ok", "")
    check(run, outcome.measurement)


CHANGED = {  # every parameter of an activation, off its default
    "leaky_relu": {"negative_slope": 0.2},
    "elu": {"alpha": 1.7},
    "celu": {"alpha": 0.6},
    "softplus": {"beta": 2.5},
    "hardtanh": {"min_val": -0.4, "max_val": 1.3},
    "sin": {"omega": 1.4},
}


def test_every_parameter_of_an_activation_is_tried():
    tried = {name: set(values) for name, values in CHANGED.items()}
    assert tried == {
        n: {p.name for p in a.parameters} for n, a in ACTIVATIONS.items() if a.parameters
    }


@pytest.mark.parametrize("activation", list(CHANGED))
def test_parameters_of_activations(activation):
    check_all(
        depth=DEPTH,
        width=WIDTH,
        batch=BATCH,
        init="lecun_normal",
        activation={"name": activation, **CHANGED[activation]},
    )


@pytest.mark.parametrize("omega", [1.0, 30.0])
def test_siren_keeps_its_sines_in_range(omega):
    # omega z of variance v gives E sin^2 = (1 - e^(-2 v)) / 2, and Var W = 2 / (fan_in omega^2):
    # the next v is 1 - e^(-2 v), whose fixed point is 0.7968. Sitzmann et al. 2020 have 1, for
    # inputs whose sine is spread as that of a uniform angle
    plan = load_plan(
        {"depth": 12, "width": 300, "batch": 32, "dtype": "float64", "bias": "none",
         "activation": {"name": "sin", "omega": omega}, "init": {"scheme": "siren", "omega": omega}}
    )  # fmt: skip
    (outcome,), _ = in_memory(plan, theory=False)
    v = (omega * outcome.measurement.forward[-1, FORWARD.index("pre_std")]) ** 2
    # a layer of 300 neurons is off by some sqrt(2 / 300) = 8 % for one sample, less over a batch
    assert v == pytest.approx(0.7968, rel=0.1)


@pytest.mark.parametrize("bias", [name for name, s in SCHEMES.items() if s.for_bias])
@pytest.mark.parametrize("scheme", ["lecun_normal", "orthogonal", "torch_default"])
def test_biases(scheme, bias):
    check_all(
        depth=DEPTH,
        width=WIDTH,
        batch=BATCH,
        init=scheme,
        bias=parameters(bias),
        activation=["tanh", "relu", "gelu"],
    )


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_losses_and_reductions_of_a_rectangular_network(loss, reduction):
    check_all(
        shape=[7, 30, 5, 41, 41, 3],
        batch=4,
        init=["xavier_normal", "orthogonal", "identity"],
        activation=["tanh", "leaky_relu", "softplus"],
        bias=[None, {"std": 0.1}],
        loss=loss,
        reduction=reduction,
    )


@pytest.mark.parametrize("draws", ["layered", "script"])
@pytest.mark.parametrize("shape", [[9] * 8, [5, 30, 12, 12, 30, 12, 4]], ids=["square", "shaped"])
def test_layers_that_differ(shape, draws):
    check_all(
        shape=shape,
        batch=4,
        draws=draws,
        activation=["tanh", "relu"],
        init=["lecun_normal", "torch_default"],
        bias=[None, {"std": 0.2}],
        first={"init": {"scheme": "uniform", "a": -0.4, "b": 0.5}, "bias": {"std": 0.1}},
        layers={
            2: {"activation": ["gelu", {"name": "leaky_relu", "negative_slope": 0.3}]},
            "3-4": {"init": "orthogonal", "bias": [None, {"scheme": "constant", "value": 0.3}]},
        },
        last={"activation": "identity", "init": {"scheme": "orthogonal", "gain": [0.01, 2]}},
    )


# (shape, batch): weight_gradient_std takes another way where the batch exceeds the layer's fans
SIZES = [
    ([8, 8, 8, 8], 40),
    ([3, 12, 3, 12], 10),
    ([1, 1, 1], 2),
    ([1, 1, 1], 7),
    ([5, 1, 5], 3),
    ([2, 2], 1),
    ([6, 9, 2], 1),
    ([1, 3, 1, 2], 5),
]


@pytest.mark.parametrize(("shape", "batch"), SIZES, ids=str)
@pytest.mark.parametrize("draws", ["layered", "script"])
def test_small_layers_and_batches_beyond_the_width(shape, batch, draws):
    check_all(
        shape=shape,
        batch=batch,
        draws=draws,
        activation=["tanh", "relu", "silu", "identity"],
        init=["kaiming_normal", "torch_default"],
    )


@pytest.mark.parametrize("scheme", ["constant", "identity", "uniform"])
def test_equal_neurons_with_a_batch_beyond_the_width(scheme):
    check_all(depth=DEPTH, width=8, batch=20, init=parameters(scheme), activation=list(ACTIVATIONS))


def test_deep_linear_explosion_in_float64():
    # N(0, 1) grows by sqrt(24) a layer: 4.9^220 = 1e152, whose squares overflow
    check_all(depth=220, width=WIDTH, batch=3, init="normal", activation="identity")


def test_forward_only_measures_the_same_forward_and_no_backward(plan_of):
    forward, both = measured(plan_of(record=["forward", "both"], depth=5, width=9))
    np.testing.assert_array_equal(forward.forward, both.forward)
    assert forward.backward is None
    assert forward.loss_value is None
    assert both.backward.shape == (5, len(BACKWARD))


def test_one_layer_by_hand(plan_of, tmp_path):
    # x = (1, 2)^T, w = 3, no activation: h = (3, 6)^T
    np.save(tmp_path / "x.npy", np.array([[1.0], [2.0]]))
    plan = plan_of(
        shape=[1, 1],
        batch=2,
        input={"name": "file", "path": str(tmp_path / "x.npy")},
        init={"scheme": "constant", "value": 3},
        activation="identity",
        loss="mse",
    )
    (m,) = measured(plan)
    row = dict(zip(FORWARD, m.forward[0], strict=True))
    assert row["mean"] == row["pre_mean"] == 4.5
    assert row["std"] == row["pre_std"] == pytest.approx(4.5**0.5, rel=1e-15)  # 2 1.5^2 / (2 - 1)
    assert row["rms"] == pytest.approx(22.5**0.5, rel=1e-15)  # (9 + 36) / 2
    assert row["abs_max"] == 6
    assert row["cosine"] == 1
    assert (row["zero_fraction"], row["saturated_fraction"], row["finite_fraction"]) == (0, 0, 1)
    assert np.isnan(m.backward[0, BACKWARD.index("weight_grad_std")])  # one weight has no std


# low precision ----------------------------------------------------------------------------------

EPSILON = {"float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}
LOW_DEPTH = 3
# shares of entries at 0 or beyond a threshold: an entry next to it may fall on either side
COUNTS = {"zero_fraction", "saturated_fraction"}


@pytest.mark.parametrize("dtype", list(EPSILON))
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_low_precision_stays_close_to_float64(activation, dtype):
    # gain auto keeps every activation at scale 1, away from overflow and underflow
    init = {"scheme": "lecun_normal", "gain": "auto"}
    fields = {"depth": LOW_DEPTH, "width": 48, "batch": 16, "bias": {"std": 0.1}, "init": init}
    plan = load_plan({**fields, "dtype": dtype, "activation": activation})
    ((run,), (m,)) = plan.runs, measured(plan)
    reference = Reference(run)
    # each layer rounds its product, its sum with the bias, its activation and its slope
    allowed = 4 * LOW_DEPTH * EPSILON[dtype]
    if activation == "relu_squared":  # a square doubles relative errors, in each layer
        allowed *= 2**LOW_DEPTH
    for names, got, expected in (
        (FORWARD, m.forward, reference.forward),
        (BACKWARD, m.backward, reference.backward),
    ):
        assert np.isfinite(got).all()
        for layer, columns in enumerate(expected):
            for name, value in zip(names, got[layer], strict=True):
                exact, size = columns[name]
                scale = max(abs(exact), size)
                assert name in COUNTS or abs(value - exact) <= allowed * scale, (layer, name)


def test_memory_of_layers_that_differ_does_not_add_up():
    # 20 layers of some 1000 x 1000: 80 MB of weights, of which one layer's are needed at a time
    shape = [1000 - i for i in range(21)]
    spec = {"shape": shape, "batch": 2, "record": "forward", "init": "he", "band": 0}
    (run,) = load_plan({**spec, "activation": "relu"}).runs
    measure(Share(((0, run),)))
    held = sum(b.numel() * b.itemsize for b in scratch_of_thread(run.block_key)._buffers.values())
    assert held < 2 * 4 * 1000**2


def test_a_batch_of_large_matrices_is_multiplied_run_by_run():
    a = torch.empty(2, 100, 60, dtype=torch.float64).normal_()
    b = torch.empty(2, 60, 100, dtype=torch.float64).normal_()
    assert LARGE < 100 * 60 * 100
    expected = torch.stack([x @ y for x, y in zip(a, b, strict=True)])
    assert torch.equal(products_of_runs(a, b), expected)
