"""Each layer's law, against the mean and variance of the weights that are drawn."""

import math

import numpy as np
import pytest

from initlab import load_plan
from initlab.catalog import SCHEMES
from initlab.network.weights import layers_of
from initlab.theory.variances import approximation, layer_laws, layer_variances

SHAPE = [300, 200, 400, 300]
# what is required, and what moves a law; every scheme is tested with its defaults too
PARAMETERS = [
    ("normal", {"std": 0.2}),
    ("uniform", {"a": -0.3, "b": 0.3}),
    ("trunc_normal", {"std": 0.5, "a": -0.4, "b": 0.4}),
    ("trunc_normal", {"std": 30.0, "a": -0.01, "b": 0.01}),  # next to uniform
    ("xavier_uniform", {"gain": "tanh"}),
    ("xavier_normal", {"gain": "auto"}),
    ("kaiming_normal", {"mode": "fan_out", "a": 0.4}),
    ("orthogonal", {"gain": 1.4}),
    ("sparse", {"sparsity": 0.7, "std": 0.3}),
    ("scaled_normal", {"sigma_w": 1.7}),
    ("scaled_normal", {"sigma_w": 1.7, "fan": "geo"}),
    ("lecun_uniform", {"fan": "out"}),
    ("variance_scaling", {"scale": 2.0, "mode": "fan_avg"}),
    ("variance_scaling", {"distribution": "uniform", "mode": "fan_geo_avg"}),
    ("sparse", {"sparsity": 0.7, "gain": "tanh"}),
    ("siren", {"omega": 3.0}),
]
DEFAULTS = [
    (name, {p.name: 0.5 for p in scheme.parameters if p.required})
    for name, scheme in SCHEMES.items()
]
NO_LAW = {
    "uniform": "weights of mean 0.5",  # torch's default is U(0, 1)
    "constant": "constant weights are not independent draws of mean 0",
    "identity": "identity weights are not independent draws of mean 0",
}


def run_of(scheme, parameters, **fields):
    init = {"scheme": scheme, **parameters}
    plan = load_plan({"shape": SHAPE, "activation": "gelu", "init": init, **fields})
    return plan.runs[0]


@pytest.mark.parametrize(("scheme", "parameters"), DEFAULTS + PARAMETERS)
def test_variances_are_those_of_the_weights(scheme, parameters):
    run = run_of(scheme, parameters)
    variances = layer_variances(run)
    if (not parameters and scheme in NO_LAW) or scheme == "constant":
        assert NO_LAW[scheme] in variances
        return
    for law, (weights, _) in zip(variances, layers_of(run), strict=True):
        w = weights.double().numpy()
        assert w.shape == (law.fan_out, law.fan_in)
        # 60,000 or more of kurtosis up to 10 (sparse): a standard error of 1.2 % at most
        assert (w**2).mean() == pytest.approx(law.weight_variance, rel=0.06)
        assert law.sigma_w2 == law.fan_in * law.weight_variance
        assert abs(w.mean()) <= 5 * math.sqrt(law.weight_variance / w.size)
        assert (law.bias_variance > 0) is (run.bias is not None)


@pytest.mark.parametrize(
    ("scheme", "parameters", "sigma_w2"),
    [
        # Var W = scale / fan to the last digits, though N(0, 1) is cut: the constant is its std
        ("variance_scaling", {"scale": 2.0}, lambda i, o: 2.0),
        ("variance_scaling", {"mode": "fan_out"}, lambda i, o: i / o),
        ("variance_scaling", {"mode": "fan_avg"}, lambda i, o: 2 * i / (i + o)),
        (
            "variance_scaling",
            {"mode": "fan_geo_avg", "scale": 3.0},
            lambda i, o: 3 * (i / o) ** 0.5,
        ),
        ("lecun_normal", {"fan": "geo"}, lambda i, o: (i / o) ** 0.5),
        # whatever the sparsity
        ("sparse", {"sparsity": 0.5, "gain": 1.3}, lambda *_: 1.69),
        ("sparse", {"sparsity": 0.9, "gain": 1.3}, lambda *_: 1.69),
        ("sparse", {"sparsity": 0.0, "gain": "relu"}, lambda *_: 2.0),
        # U(-a, a) has variance a^2 / 3
        ("siren", {"omega": 30.0}, lambda *_: 2 / 900),
        ("siren_first", {}, lambda i, _: 1 / (3 * i)),
    ],
)
def test_sigma_w_that_a_scheme_promises(scheme, parameters, sigma_w2):
    for law in layer_variances(run_of(scheme, parameters)):
        assert law.sigma_w2 == pytest.approx(sigma_w2(law.fan_in, law.fan_out), rel=1e-14)


@pytest.mark.parametrize(
    ("bias", "variance"),
    [
        ({"std": 0.3}, lambda _: 0.09),
        ({"scheme": "uniform", "a": -0.2, "b": 0.2}, lambda _: 0.04 / 3),
        ({"scheme": "torch_default"}, lambda fan_in: 1 / (3 * fan_in)),
        ({"scheme": "constant", "value": 0.0}, lambda _: 0.0),
    ],
)
def test_biases(bias, variance):
    variances = layer_variances(run_of("lecun_normal", {}, bias=bias))
    expected = [variance(fan_in) for fan_in in SHAPE[:-1]]
    assert [law.bias_variance for law in variances] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    "bias", [{"mean": 1.0}, {"scheme": "constant", "value": 0.1}, {"scheme": "uniform"}], ids=str
)
def test_biases_of_a_mean_are_followed_but_have_no_variances_alone(bias):
    run = run_of("lecun_normal", {}, bias=bias)
    laws = layer_laws(run)
    assert all(law.shift.mean for law in laws)
    assert "biases" in layer_variances(run)


@pytest.mark.parametrize(
    ("scheme", "parameters", "fields", "reason"),
    [
        ("normal", {"mean": 0.1, "std": 0.1}, {}, "weights of mean 0.1; theory needs a mean of 0"),
        ("normal", {}, {"bias": {"mean": 1.0, "std": 0.1}}, "biases of mean 1"),
        ("normal", {}, {"bias": {"scheme": "constant", "value": 0.1}}, "constant biases are not"),
        ("trunc_normal", {"std": 1.0, "a": 0.5, "b": 1.0}, {}, "weights of mean 0.7"),
        ("lecun_uniform", {}, {"shape": [300, 15, 300]}, "neurons of 15 inputs"),
        ("orthogonal", {}, {"shape": [15, 300, 300]}, "neurons of 15 inputs"),
        ("sparse", {"sparsity": 0.98}, {}, "neurons of 4 inputs"),  # of 200
    ],
)
def test_why_theory_does_not_hold(scheme, parameters, fields, reason):
    assert reason in layer_variances(run_of(scheme, parameters, **fields))


@pytest.mark.parametrize("shape", [[784, 256, 8, 1], [2, 256, 256], [15, 30], [300, 300, 10]])
def test_of_normal_weights_few_inputs_do(shape):
    # given h, a sum of normal weights is normal
    run = run_of("lecun_normal", {}, shape=shape)
    assert approximation(layer_laws(run)) == ""
    assert not isinstance(layer_variances(run), str)


def test_of_others_few_inputs_are_told():
    laws = layer_laws(run_of("lecun_uniform", {}, shape=[300, 8, 12, 300]))
    assert [law.few for law in laws] == [None, 8, 12]
    assert approximation(laws) == "neurons of 8 inputs whose weights are not normal"
    assert approximation(layer_laws(run_of("zeros", {}, shape=[8, 8]))) == ""


@pytest.mark.parametrize("cut", [1e-5, 9.99e-4, 1.001e-3, 0.1, 1.0, 6.0])
def test_truncated_variances_on_both_sides_of_the_switch(cut):
    # by the trapezoid rule, which is exact to 1e-10 on so smooth a curve
    (law, *_) = layer_variances(run_of("trunc_normal", {"std": 1.0, "a": -cut, "b": cut}))
    x = np.linspace(-cut, cut, 100_001)
    density = np.exp(-x * x / 2)
    expected = np.trapezoid(x * x * density, x) / np.trapezoid(density, x)
    assert law.weight_variance == pytest.approx(expected, rel=1e-6)
