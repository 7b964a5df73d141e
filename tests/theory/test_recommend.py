"""Recommended scales: on the edge of chaos, and alive when they are built."""

import math
from functools import cache

import pytest

from initlab.catalog import ACTIVATIONS
from initlab.cli.commands.recommend import measure_once
from initlab.theory.moments import Activation, choice_of
from initlab.theory.recommend import STEADY_THRESHOLDS, default, least_width, recommend

SIZE = {"depth": 100, "width": 256, "dtype": "float32"}
NONE = {"softplus", "logsigmoid", "relu_squared", "tanhshrink"}


def best(name, **size):
    return recommend(choice_of(name), **{**SIZE, **size})[0]


@cache
def candidates(name):
    """Of networks of SIZE, which several tests look at."""
    return recommend(choice_of(name), **SIZE)


@pytest.mark.xdist_group("candidates")
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_scales_that_hold_or_none(name):
    found = candidates(name)
    if name in NONE:
        assert not any(candidate.holds for candidate in found)
        return
    first = found[0]
    assert first.holds
    assert first.diagnosis.forward == first.diagnosis.backward == "steady"
    # on the edge: chi_1 = sigma_w^2 D(q) = 1 where the lengths of the network end up
    q = first.prediction.layers.pre_std[-1:] ** 2
    d = float(Activation(first.run.activation).moments(q).slope[0])
    assert first.sigma_w**2 * d == pytest.approx(1, abs=0.05)


@pytest.mark.xdist_group("candidates")
@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "selu", "sigmoid", "silu", "identity"])
def test_recommended_networks_are_steady_when_built(name):
    candidate = candidates(name)[0]
    std_last, ratio, forward, backward = measure_once(candidate.run)
    assert (forward, backward) == ("steady", "steady")
    assert 0 < std_last < 100
    low, _, high = candidate.gradient
    # a network lies within three times the distance of the deciles from the middle
    middle, reach = math.log(low * high) / 2, math.log(high / low) / 2
    assert abs(math.log(ratio) - middle) < 3 * reach


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "sigmoid"])
def test_torch_s_default_is_what_it_improves_on(name):
    usual = default(choice_of(name), **SIZE)
    assert usual.diagnosis.backward == "vanishing"
    assert usual.run.init.name == "torch_default"


@pytest.mark.xdist_group("candidates")
def test_well_known_scales():
    # He et al. 2015; identity keeps everything at 1
    relu, identity = candidates("relu")[0], candidates("identity")[0]
    assert relu.sigma_w == pytest.approx(math.sqrt(2))
    assert identity.sigma_w == pytest.approx(1)
    assert relu.sigma_b == identity.sigma_b == 0
    assert relu.run.init.name == "kaiming_normal"
    assert identity.run.init.name == "lecun_normal"


def test_where_the_width_does_not_do():
    narrow = recommend(choice_of("relu"), depth=300, width=16, dtype="float32")
    assert not any(candidate.holds for candidate in narrow)
    # ln of a ReLU gradient's std sinks by 5/4n a layer and varies by 5/4n: its lower decile is
    # -x^2/4 - 1.28 x/2 with x^2 = 1500/n, and above ln 1e-3 = -6.9 from n = 88 on
    wider = least_width(narrow[0])
    assert wider == 128
    assert best("relu", depth=300, width=wider).holds
    assert not best("relu", depth=300, width=60).holds


def test_shallow_networks_need_no_edge_of_chaos():
    candidate = best("softplus", depth=3)
    assert candidate.holds
    assert not candidate.critical
    # 1 / sqrt(E softplus(z)^2), which keeps lengths
    assert candidate.sigma_w == pytest.approx(1.0418668355, rel=1e-9)


def test_what_is_recommended_fits_the_dtype():
    for dtype in ("float16", "bfloat16", "float64"):
        candidate = best("gelu", dtype=dtype)
        assert candidate.holds
        assert candidate.run.dtype == dtype


@pytest.mark.parametrize("size", [{"depth": 1}, {"depth": 2, "width": 16}])
def test_shallow_networks(size):
    candidate = best("tanh", **size)
    assert candidate.holds
    assert candidate.run.depth == size["depth"]


def test_the_thresholds_are_a_sweep_s():
    assert (STEADY_THRESHOLDS.vanishing, STEADY_THRESHOLDS.exploding) == (1e-3, 1e3)
