"""Which networks stand behind a band: simulated, drawn without weights, or built; and how many."""

import pytest

from initlab import load_plan
from initlab.catalog import SCHEMES
from initlab.spec.model import Head
from initlab.theory import random_point
from initlab.theory.expectation import band_point, why_no_band
from initlab.theory.finite_width import BandPoint
from initlab.theory.random_point import RandomPoint, hows, normal_variances
from initlab.theory.variances import layer_laws

SPARSE = {"scheme": "sparse", "sparsity": 0.5}


def run_of(**fields):
    size = {} if "shape" in fields else {"depth": 3, "width": 128}
    return load_plan({"activation": "tanh", "init": "lecun_normal", **size, **fields}).runs[0]


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({}, ["normal"] * 3),
        ({"init": "xavier_uniform"}, ["normal"] * 3),
        # 4 batch (fan_in + fan_out) against fan_in fan_out: 16 samples pay, 17 do not
        ({"batch": 16}, ["normal"] * 3),
        ({"batch": 17}, ["built"] * 3),
        ({"shape": [2, 256, 256], "init": "xavier_uniform"}, ["built", "normal"]),
        ({"shape": [256, 256, 10]}, ["normal", "built"]),
        ({"shape": [15, 4000], "batch": 2, "init": "he_uniform"}, ["built"]),  # far from normal
        ({"shape": [16, 4000], "batch": 2, "init": "he_uniform"}, ["normal"]),
        ({"shape": [15, 4000], "batch": 2}, ["normal"]),  # normal weights are, of any number
        ({"init": "orthogonal", "batch": 64}, ["orthogonal"] * 3),
        ({"init": "orthogonal", "batch": 65}, ["built"] * 3),
        ({"init": SPARSE}, ["built"] * 3),
        ({"init": "identity"}, ["built"] * 3),
        ({"last": {"init": "orthogonal"}}, ["normal", "normal", "orthogonal"]),
    ],
    ids=str,
)
def test_layers_are_drawn_as_is_right_and_cheap(fields, kinds):
    assert hows(run_of(**fields)) == kinds


@pytest.mark.parametrize(
    ("fields", "simulated"),
    [
        ({}, True),
        ({"last": {"activation": "identity"}}, True),
        ({"bias": {"std": 0.1}}, True),
        ({"bias": "zeros"}, True),
        ({"batch": 64}, True),
        ({"shape": [2, 64, 64]}, True),
        ({"batch": 65}, False),
        ({"bias": {"scheme": "uniform", "a": -0.1, "b": 0.1}}, False),
        ({"bias": {"scheme": "normal", "mean": 0.1, "std": 0.1}}, False),
        ({"bias": {"scheme": "constant", "value": 0.1}}, False),
        ({"init": "torch_default"}, False),
        ({"shape": [15, 64, 64], "init": "xavier_uniform"}, False),
        ({"init": "orthogonal"}, False),
        ({"last": {"init": "orthogonal"}}, False),
        ({"init": {"scheme": "normal", "mean": 0.1, "std": 0.1}}, False),
    ],
    ids=str,
)
def test_what_gram_matrices_tell_is_simulated_and_the_rest_is_drawn(fields, simulated):
    run = run_of(**fields)
    assert isinstance(band_point(run), BandPoint) == simulated
    assert isinstance(band_point(run, True), RandomPoint)
    assert why_no_band(run, Head()) == ""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_variances_are_those_of_the_prediction(scheme):
    needed = {p.name: 0.5 for p in SCHEMES[scheme].parameters if p.required}
    run = run_of(init={"scheme": scheme, **needed}, bias={"std": 0.3}, shape=[40, 50, 30])
    found, laws = normal_variances(run), layer_laws(run)
    if found is not None:
        for one, other in zip(found, [law.variance for law in laws], strict=True):
            assert (one.fan_in, one.fan_out) == (other.fan_in, other.fan_out)
            assert one.weight_variance == pytest.approx(other.weight_variance, rel=1e-11)
            assert one.bias_variance == other.bias_variance


@pytest.mark.parametrize(
    ("fields", "band", "reason"),
    [
        ({}, 0, "band: 0"),
        ({"init": SPARSE}, 400, "entries are not independent; band: {networks: 100, gradient"),
        ({"init": "identity"}, 400, "identity weights are not random"),
        ({"last": {"init": "zeros"}}, 400, "zeros weights are not random"),
        ({"depth": 100, "width": 4096, "batch": 1000}, 400, "100 networks take 2e+14 multipl"),
        ({"init": {"scheme": "normal", "std": 1e200}, "bias": "torch_default"}, 400, ""),
    ],
    ids=str,
)
def test_a_band_that_is_not_there_has_a_reason(fields, band, reason):
    run = run_of(**fields)
    said = why_no_band(run, Head(band=band))
    assert reason in said
    assert bool(reason) == bool(said)
    if band:
        assert (band_point(run) is None) == bool(reason)
        assert why_no_band(run, Head(band={"gradient": True})) == ""


def test_runs_that_differ_in_what_no_band_depends_on_share_one():
    base = run_of(init="orthogonal")
    for fields in (
        {"seeds": [3]}, {"draws": "script"}, {"record": "forward"}, {"dtype": "bfloat16"},
    ):  # fmt: skip
        for gradient in (False, True):
            other = run_of(init="orthogonal", **fields)
            assert band_point(other, gradient) == band_point(base, gradient)
    for fields in ({"loss": "l1"}, {"reduction": "sum"}):
        other = run_of(init="orthogonal", **fields)
        assert band_point(other) == band_point(base)  # the std does not depend on the loss
        assert band_point(other, True) != band_point(base, True)
    for fields in ({"dtype": "float64"}, {"batch": 17}, {"bias": {"std": 0.1}}):
        assert band_point(run_of(init="orthogonal", **fields)) != band_point(base)


def test_fewer_networks_where_they_cost_more():
    simulated = RandomPoint.of(run_of(), gradient=True)
    assert [simulated.networks(n) for n in (20, 400, 10_000)] == [20, 400, 10_000]
    only_std = RandomPoint.of(run_of(), gradient=False)
    built = RandomPoint.of(run_of(batch=200, width=512), gradient=True)
    narrow = RandomPoint.of(run_of(batch=100, width=16), gradient=True)
    assert [p.networks(400) for p in (only_std, built, narrow)] == [100, 100, 400]
    assert built.networks(20) == 20


def test_a_limit_on_what_nobody_asked_for(monkeypatch):
    run = run_of(batch=100)
    assert band_point(run) is not None
    monkeypatch.setattr(random_point, "MOST_PRODUCTS", 1e6)
    assert band_point(run) is None
    assert band_point(run, True) is not None
    assert band_point(run_of()) is not None  # is simulated
