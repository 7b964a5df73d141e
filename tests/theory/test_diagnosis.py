"""Verdicts before the run, and their reasons."""

import re

import pytest

from initlab import load_plan
from initlab.network.propagate import measure
from initlab.spec.run import Choice
from initlab.spec.thresholds import Thresholds, verdict
from initlab.store.outcome import Outcome, result_cells
from initlab.theory.diagnosis import described, diagnose
from initlab.theory.prediction import predict

THRESHOLDS = Thresholds()
DEEP = {"depth": 100, "width": 256}


def seen(**fields):
    (run,) = load_plan({**DEEP, **fields}).runs
    return diagnose(run, predict([run])[0], THRESHOLDS)


def test_tanh_with_its_gain_is_steady_forward_only():
    # chi_1 = 1.2098 at q* of sigma_w = 5/3, by the tests of fixed points; 1.2098^(99/2) = 1.2e4
    found = seen(activation="tanh", init={"scheme": "xavier_uniform", "gain": "tanh"})
    assert (found.forward, found.backward) == ("steady", "exploding")
    for part in (
        "signal steady: q* = 1.178, std 0.651",
        "gradient explodes backwards: chi_1 = 1.210, gradient x 1e4 over 100 layers",
        "xavier_uniform(gain=tanh) is steady forward only",
        "critical gain of tanh: 1",
        "deeper than 6 xi_c = 73 layers: samples lose what they have in common",
    ):
        assert part in found.why.split("; ")


@pytest.mark.parametrize(
    ("fields", "forward", "backward", "parts"),
    [
        (
            {"activation": "identity", "init": "normal"},
            "nan", None, ["overflows float32 at layer 31, std x 16 a layer"],
        ),
        (
            {"activation": "relu", "init": "lecun_normal"},
            # 2^(-99/2)
            "vanishing", "vanishing", ["signal vanishes: std x 1.3e-15 over 100 layers"],
        ),
        (
            {"activation": "relu", "init": "kaiming_normal"},
            "steady", "steady", ["chi_1 = 1.000", "signal steady: q* = 2, std 0.826"],
        ),
        (
            {"activation": "relu", "init": {"scheme": "kaiming_normal"}, "dtype": "float16",
             "bias": {"std": 0.1}, "loss": "l1"},
            "steady", "steady", ["gradient about x 1"],
        ),
        (
            {"activation": "sigmoid", "init": "lecun_normal", "dtype": "float16"},
            "steady", "vanishing", ["all zero in float16 from layer", "samples end up alike"],
        ),
        (
            {"activation": "tanh", "init": {"scheme": "scaled_normal", "sigma_w": 0.3},
             "dtype": "float16"},
            "vanishing", "vanishing", ["all zero in float16 from"],
        ),
        (
            {"activation": "tanh", "init": {"scheme": "scaled_normal", "sigma_w": 30.0}},
            "steady", "nan", ["overflows float32 at layer"],
        ),
        (
            {"activation": "softplus", "init": "lecun_normal"},
            "steady", "vanishing", ["softplus has no critical gain"],
        ),
        (
            {"activation": "gelu", "init": "lecun_normal", "bias": {"std": 0.3}},
            "steady", "vanishing", ["initlab recommend --activation gelu"],
        ),
        (
            {"activation": "tanh", "init": {"scheme": "constant", "value": 0.1}},
            None, None, ["no prediction: constant weights are not independent draws of mean 0"],
        ),
        (
            {"activation": "sin", "init": "lecun_normal", "bias": {"std": 1e6}},
            None, None, ["no prediction: sin cannot be resolved there"],
        ),
        (
            {"activation": "tanh", "init": "zeros"},
            "vanishing", "vanishing", ["no signal: all zero from layer 0 on"],
        ),
        (
            {"activation": "tanh", "init": "lecun_normal", "bias": {"std": 1e300}},
            None, None, ["no prediction: biases whose variance is beyond float64"],
        ),
        (
            {"activation": "softplus", "init": "lecun_normal", "depth": 1},
            "steady", "steady", ["gradient x 1 over 1 layer"],
        ),
        (
            {"activation": "tanh", "init": "xavier_normal", "record": "forward"},
            "steady", None, ["signal steady: std x 0.113 over 100 layers"],
        ),
        (
            {"activation": "tanh", "init": "xavier_normal", "shape": [784, 300, 100, 50, 10],
             "depth": None, "width": None},
            "steady", "steady", ["over 4 layers"],
        ),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_said(fields, forward, backward, parts):
    fields = {name: value for name, value in {**DEEP, **fields}.items() if value is not None}
    (run,) = load_plan(fields).runs
    found = diagnose(run, predict([run])[0], THRESHOLDS)
    assert (found.forward, found.backward) == (forward, backward)
    for part in parts:
        assert part in found.why


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_verdicts_come_true(dtype):
    spec = {"depth": 60, "width": 256, "dtype": dtype}
    spec |= {"activation": ["tanh", "relu", "gelu", "sigmoid", "selu", "hardtanh"]}
    plan = load_plan({**spec, "init": {"scheme": "lecun_normal", "gain": [0.5, 1.0, 3.0]}})
    (share,) = plan.shares()
    measured = measure(share)
    for index, (run, prediction) in enumerate(zip(plan.runs, predict(plan.runs), strict=True)):
        found = diagnose(run, prediction, THRESHOLDS)
        cells = result_cells(Outcome("ok", measured[index]), THRESHOLDS)
        assert found.forward == cells["forward_verdict"], run
        first = prediction.layers.grad_std[0]
        if found.backward is not None and not 1e-5 < first < 1e-1 and not 1e1 < first < 1e5:
            assert found.backward == cells["backward_verdict"], run


def test_a_choice_is_described_with_what_is_not_its_default():
    assert described(Choice("leaky_relu", (("negative_slope", 0.01),))) == "leaky_relu"
    assert described(Choice("leaky_relu", (("negative_slope", 0.2),))) == (
        "leaky_relu(negative_slope=0.2)"
    )


HEAD = {"activation": "identity", "init": {"scheme": "lecun_normal", "gain": 0.01}}
MANY = {
    "shape": [[64] * 13, [512, 256, 128, 64, 32, 16], [16, 32, 64, 128, 256], [784, 64, 64, 64]],
    "activation": ["tanh", "relu", "sigmoid", "gelu"],
    "init": {"scheme": "lecun_normal", "gain": [0.3, 1.0, 1.5, 4.0]},
}


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("last", [None, {"activation": "identity", "init": "zeros"},
                                  HEAD], ids=str)  # fmt: skip
def test_no_reason_contradicts_its_verdict(loss, last):
    extra = {} if last is None else {"last": last}
    runs = load_plan({**MANY, **extra, "loss": loss}).runs
    for run, prediction in zip(runs, predict(runs), strict=True):
        found = diagnose(run, prediction, THRESHOLDS)
        for part in found.why.split("; "):
            if cited := re.search(r"chi_1 = ([\d.e+-]+)", part):
                growth = float(cited[1]) ** ((run.depth - 1) / 2)
                word = verdict(1.0, growth, THRESHOLDS)
                assert part.startswith(f"gradient {WORDS[found.backward]}"), found.why
                assert word == found.backward, found.why
            if cited := re.search(r"signal steady: q\* = ([\d.e+-]+)", part):
                assert 0.9 < prediction.layers.pre_std[-1] ** 2 / float(cited[1]) < 1.11


WORDS = {"steady": "steady", "vanishing": "vanishes", "exploding": "explodes"}


def test_of_a_taper_the_fans_are_told():
    # lecun: sigma_w^2 = 1 in every layer, and fan_out Var W = 1/2 in all but the first
    spec = {"shape": [512, 512, 256, 128, 64], "activation": "identity", "init": "lecun_normal"}
    (run,) = load_plan({**spec, "loss": "cross_entropy"}).runs
    (prediction,) = predict([run])
    assert prediction.fixed.chi_1 == pytest.approx([0.5])
    assert prediction.layers.grad_std[0] == pytest.approx(0.5**1.5)
    why = diagnose(run, prediction, THRESHOLDS).why
    assert "chi_1 = 0.500 (fan_out / fan_in = 0.5 a layer)" in why


def test_of_a_head_the_layer_is_told_and_the_body_advised():
    head = {"activation": "identity", "init": {"scheme": "orthogonal", "gain": 1e-4}}
    found = seen(activation="tanh", init="lecun_normal", depth=10, last=head)
    assert found.backward == "vanishing"
    assert "through layer 9 alone" in found.why
    other = {"layers": {"3-5": {"activation": "relu"}}}
    found = seen(activation="tanh", init={"scheme": "lecun_normal", "gain": 3.0}, **other)
    assert "critical gain of tanh: 1" in found.why


def test_approximate_predictions_say_so():
    found = seen(activation="tanh", init="lecun_uniform", depth=3, width=8)
    assert "approximate: neurons of 8 inputs whose weights are not normal" in found.why
