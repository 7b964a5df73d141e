"""Weights against torch.nn.init, and `draws: script` against a plain PyTorch script."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from initlab import load_plan
from initlab.catalog import ACTIVATIONS, SCHEMES, Fans
from initlab.network.draws import LayeredDraws, draws_of
from initlab.network.weights import layers_of
from initlab.spec.run import Choice
from initlab.theory.gains import scale_of

INIT = nn.init


def _torch_gain(name: str) -> float:
    return INIT.calculate_gain("linear" if name == "identity" else name)


def _glorot(initialise):
    def fill(w, gain=1.0):
        # tanh and leaky_relu by name; leaky_relu of the catalog's default slope is torch's default
        initialise(w, _torch_gain(gain) if isinstance(gain, str) else gain)

    return fill


def _he(initialise):
    def fill(w, a=0.0, mode="fan_in", nonlinearity="leaky_relu"):
        torch_name = "linear" if nonlinearity == "identity" else nonlinearity
        initialise(w, a=a, mode=mode, nonlinearity=torch_name)

    return fill


def _fan_in(w):
    return w.shape[-1]


def _variance_scaling(w, scale=1.0, mode="fan_in", distribution="truncated_normal"):
    # as Keras has it: fans of a (fan_out, fan_in) matrix, and 0.8796 the std of N(0, 1) cut at +-2
    fan_out, fan_in = w.shape
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2,
           "fan_geo_avg": math.sqrt(fan_in * fan_out)}[mode]  # fmt: skip
    if distribution == "truncated_normal":
        std = math.sqrt(scale / fan) / 0.87962566103423978
        INIT.trunc_normal_(w, 0, std, -2 * std, 2 * std)
    elif distribution == "normal":
        INIT.normal_(w, 0, math.sqrt(scale / fan))
    else:
        INIT.uniform_(w, -math.sqrt(3 * scale / fan), math.sqrt(3 * scale / fan))


def _lecun(w, gain=1.0, fan="in"):
    fan_out, fan_in = w.shape
    size = {"in": fan_in, "out": fan_out, "avg": (fan_in + fan_out) / 2,
            "geo": math.sqrt(fan_in * fan_out)}[fan]  # fmt: skip
    return gain / math.sqrt(size)


def _sparse(w, sparsity, std=0.01, gain=None):
    if gain is not None:
        zeros = math.ceil(sparsity * w.shape[0])
        inputs = w.shape[1] * (1 - zeros / w.shape[0])
        std = gain / math.sqrt(inputs) if inputs else 0.0
    INIT.sparse_(w, sparsity, std)


def _siren(w, omega=30.0):
    bound = math.sqrt(6 / _fan_in(w)) / omega
    INIT.uniform_(w, -bound, bound)


def _torch_default(w):  # weight and bias of nn.Linear, in whose constructor they were drawn
    raise AssertionError("torch_default draws nothing after the constructor")


# what a script would call for each scheme; parameters as in the catalog
TORCH = {
    "xavier_uniform": _glorot(INIT.xavier_uniform_),
    "xavier_normal": _glorot(INIT.xavier_normal_),
    "kaiming_uniform": _he(INIT.kaiming_uniform_),
    "kaiming_normal": _he(INIT.kaiming_normal_),
    "lecun_normal": lambda w, **p: INIT.normal_(w, 0, _lecun(w, **p)),
    "lecun_uniform": lambda w, **p: INIT.uniform_(
        w, -_lecun(w, **p) * math.sqrt(3), _lecun(w, **p) * math.sqrt(3)
    ),
    "scaled_normal": lambda w, sigma_w, fan="in": INIT.normal_(w, 0, _lecun(w, sigma_w, fan)),
    "variance_scaling": _variance_scaling,
    "siren": _siren,
    "siren_first": lambda w: INIT.uniform_(w, -1 / _fan_in(w), 1 / _fan_in(w)),
    "normal": INIT.normal_,
    "uniform": INIT.uniform_,
    "trunc_normal": INIT.trunc_normal_,
    "constant": lambda w, value: INIT.constant_(w, value),
    "zeros": INIT.zeros_,
    "orthogonal": INIT.orthogonal_,
    "identity": lambda w, gain=1.0: INIT.eye_(w).mul_(gain),
    "sparse": _sparse,
    "torch_default": _torch_default,
}

# beside the defaults of every scheme, whose required parameters are set to 1/2
MORE = [
    ("xavier_uniform", {"gain": 1.7}),
    ("xavier_uniform", {"gain": "tanh"}),
    ("xavier_normal", {"gain": "leaky_relu"}),
    ("xavier_normal", {"gain": 0.02}),
    ("kaiming_uniform", {"a": math.sqrt(5)}),
    ("kaiming_uniform", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("kaiming_normal", {"mode": "fan_out", "a": 0.3}),
    ("kaiming_normal", {"nonlinearity": "relu"}),
    ("kaiming_normal", {"nonlinearity": "selu"}),
    ("lecun_normal", {"gain": 2.5}),
    ("lecun_uniform", {"gain": 0.3}),
    ("lecun_normal", {"fan": "out"}),
    ("lecun_normal", {"fan": "geo", "gain": 2.0}),
    ("lecun_uniform", {"fan": "avg"}),
    ("scaled_normal", {"sigma_w": 1.5, "fan": "geo"}),
    ("variance_scaling", {"scale": 2.0}),  # Keras's he_normal
    ("variance_scaling", {"mode": "fan_avg"}),  # Keras's glorot_normal
    ("variance_scaling", {"mode": "fan_out", "distribution": "normal"}),
    ("variance_scaling", {"mode": "fan_geo_avg", "distribution": "uniform", "scale": 0.3}),
    ("siren", {"omega": 5.0}),
    ("normal", {"mean": 0.1, "std": 0.02}),
    ("normal", {"std": 0.0}),
    ("uniform", {"a": -0.25, "b": 0.75}),
    ("uniform", {"a": 3.0, "b": 3.5}),
    ("trunc_normal", {"std": 0.02}),  # nothing is cut
    ("trunc_normal", {"mean": 0.1, "std": 0.5, "a": -0.2, "b": 0.7}),
    ("trunc_normal", {"mean": 0.0, "std": 1.0, "a": 1.5, "b": 4.0}),  # a tail: torch's other way
    ("constant", {"value": -3.0}),
    ("orthogonal", {"gain": math.sqrt(2)}),
    ("identity", {"gain": 0.9}),
    ("sparse", {"sparsity": 0.9, "std": 0.3}),
    ("sparse", {"sparsity": 0.0}),
    ("sparse", {"sparsity": 0.7, "gain": 1.5}),
]


def required(scheme: str) -> dict:
    return {p.name: 0.5 for p in SCHEMES[scheme].parameters if p.required}


CASES = [(name, required(name)) for name in SCHEMES]
CASES += [(name, {**required(name), **parameters}) for name, parameters in MORE]
NAMES = [
    f"{name}-"
    + ",".join(f"{k}={v:.4}" if isinstance(v, float) else f"{k}={v}" for k, v in p.items())
    for name, p in CASES
]
# wide, tall and square; 9 and 15 entries are fewer than the 16 that torch draws at once
SHAPES = {"rectangular": [7, 40, 11, 11, 1, 5], "small": [3, 3, 3, 5], "square": [16, 16, 16]}


def fill(tensor, scheme: str, parameters: dict) -> None:
    if not SCHEMES[scheme].in_constructor:
        TORCH[scheme](tensor, **parameters)


def script(shape, batch, init, bias, dtype, seed):
    """Input, target and layers of a plain script; `init` and `bias` are (name, parameters)."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        layers = [nn.Linear(i, o, bias=bias is not None, dtype=dtype) for i, o in pairwise(shape)]
        for layer in layers:
            fill(layer.weight, *init)
            if bias:
                fill(layer.bias, *bias)
        x = torch.randn(batch, shape[0], dtype=dtype)
        target = torch.randn(batch, shape[-1], dtype=dtype)
    return layers, x, target


def assert_same(ours, theirs):
    """Equal to a relative 1e-6 of the layer's scale; zeros in the same places."""
    theirs = theirs.detach()
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= 1e-6 * theirs.abs().max()
    assert ((ours == 0) == (theirs == 0)).all()


def assert_script(shape, init, bias, dtype, seed=3, batch=5):
    fields = {"shape": shape, "batch": batch, "seeds": [seed], "draws": "script", "dtype": dtype}
    scheme = {"init": {"scheme": init[0], **init[1]}}
    bias_field = {"bias": bias and {"scheme": bias[0], **bias[1]}}
    (run,) = load_plan({"activation": "tanh", **fields, **scheme, **bias_field}).runs
    layers, x, target = script(shape, batch, init, bias, getattr(torch, dtype), seed)
    ours = list(layers_of(run))
    assert len(ours) == len(layers)
    for (weight, bias_vector), layer in zip(ours, layers, strict=True):
        assert_same(weight, layer.weight)
        assert (bias_vector is None) == (layer.bias is None)
        if bias_vector is not None:
            assert_same(bias_vector, layer.bias)
    generator = draws_of(run, keep=False).generator("input")
    assert torch.equal(torch.randn(x.shape, generator=generator, dtype=x.dtype), x)
    generator = draws_of(run, keep=False).generator("target")
    assert torch.equal(torch.randn(target.shape, generator=generator, dtype=x.dtype), target)


def test_every_scheme_has_its_torch_call():
    assert list(TORCH) == list(SCHEMES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("init", CASES, ids=NAMES)
def test_weights_are_those_of_a_script(init, shape, dtype):
    assert_script(SHAPES[shape], init, None, dtype)


FOR_BIAS = [
    (case, name) for case, name in zip(CASES, NAMES, strict=True) if SCHEMES[case[0]].for_bias
]


@pytest.mark.parametrize("bias", [c for c, _ in FOR_BIAS], ids=[name for _, name in FOR_BIAS])
@pytest.mark.parametrize("init", ["kaiming_normal", "torch_default", "sparse", "orthogonal"])
def test_biases_are_those_of_a_script(init, bias):
    assert_script(SHAPES["rectangular"], (init, required(init)), bias, "float32")


def test_torch_default_brings_a_bias_of_its_own(plan_of):
    (run,) = plan_of(init="torch_default", draws="script", shape=[4, 6, 2], seeds=[9]).runs
    layers, _, _ = script(
        [4, 6, 2], 1, ("torch_default", {}), ("torch_default", {}), torch.float32, 9
    )
    for (weight, bias), layer in zip(layers_of(run), layers, strict=True):
        assert_same(weight, layer.weight)
        assert_same(bias, layer.bias)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("draws", ["layered", "script"])
def test_low_precision_weights_are_rounded_float32_ones(plan_of, draws, dtype):
    plan = plan_of(dtype=["float32", dtype], draws=draws, bias={"std": 0.1}, width=9)
    full, low = (list(layers_of(run)) for run in plan.runs)
    for ours, exact in zip(low, full, strict=True):
        for part, exact_part in zip(ours, exact, strict=True):
            assert part.dtype == getattr(torch, dtype)
            assert torch.equal(part, exact_part.to(part.dtype))


@pytest.mark.parametrize("init", CASES, ids=NAMES)
def test_layered_weights_are_those_of_torch_with_the_generator_of_their_layer(init):
    name, parameters = init
    fields = {"shape": [7, 40, 11], "activation": "tanh", "bias": None}
    (run,) = load_plan({**fields, "init": {"scheme": name, **parameters}}).runs
    for index, (weight, _) in enumerate(layers_of(run)):
        # torch's global generator, in the state of the layer's own
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.set_rng_state(LayeredDraws(run)._seeded(index, "weight").get_state())
            layer = nn.Linear(*weight.T.shape, bias=False)
            if not SCHEMES[name].in_constructor:
                torch.set_rng_state(LayeredDraws(run)._seeded(index, "weight").get_state())
                TORCH[name](layer.weight, **parameters)
        assert_same(weight, layer.weight)


def test_gain_auto_is_the_second_moment_gain_of_the_activation():
    # relu: E max(0, z)^2 = 1/2, so the gain is sqrt(2)
    choice = Choice("lecun_normal", (("gain", "auto"),))
    scale, shift = scale_of(choice, Fans(8, 3), Choice("relu"))
    assert scale == pytest.approx(math.sqrt(2 / 8), rel=1e-12)
    assert shift == 0


def test_a_gain_by_name_takes_the_slope_of_the_run_s_own_activation():
    choice = Choice("xavier_normal", (("gain", "leaky_relu"),))
    own = Choice("leaky_relu", (("negative_slope", 0.5),))
    # gain sqrt(2 / (1 + 0.5^2)), times sqrt(2 / (3 + 5))
    assert scale_of(choice, Fans(3, 5), own)[0] == pytest.approx(math.sqrt(1.6) / 2, rel=1e-12)
    other = scale_of(choice, Fans(3, 5), Choice("tanh"))[0]  # the table's own slope, 0.01
    assert other == pytest.approx(INIT.calculate_gain("leaky_relu", 0.01) / 2, rel=1e-12)


@pytest.mark.parametrize("name", [n for n, a in ACTIVATIONS.items() if a.table_gain])
def test_every_gain_of_the_table_by_name(name):
    choice = Choice("orthogonal", (("gain", name),))
    scale, _ = scale_of(choice, Fans(2, 2), Choice("relu"))
    assert scale == pytest.approx(_torch_gain(name), rel=1e-12)


def test_layers_that_differ_are_drawn_in_the_order_of_a_script():
    shape, dtype = [6, 9, 9, 4], torch.float32
    (run,) = load_plan(
        {
            "shape": shape,
            "activation": "relu",
            "init": "kaiming_normal",
            "layers": {1: {"init": "torch_default"}},
            "last": {"init": {"scheme": "orthogonal", "gain": 0.01}, "bias": {"std": 0.1}},
            "draws": "script",
            "seeds": [5],
        }
    ).runs
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        biases = [False, True, True]
        layers = [nn.Linear(i, o, bias=b, dtype=dtype)
                  for (i, o), b in zip(pairwise(shape), biases, strict=True)]  # fmt: skip
        nn.init.kaiming_normal_(layers[0].weight)
        nn.init.orthogonal_(layers[2].weight, gain=0.01)
        nn.init.normal_(layers[2].bias, std=0.1)
    for (weight, bias), layer in zip(layers_of(run), layers, strict=True):
        assert_same(weight, layer.weight)
        assert (bias is None) == (layer.bias is None)
        if bias is not None:
            assert_same(bias, layer.bias)
