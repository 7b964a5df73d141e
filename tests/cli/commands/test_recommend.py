"""`initlab recommend`: what it recommends, the spec that it prints, and where nothing helps."""

from itertools import takewhile

import pytest
import torch
import yaml
from commands import initlab, printed
from torch import nn

from initlab.catalog import SCHEMES, Fans


def test_a_recommendation_and_what_torch_does():
    done = initlab("recommend", "--activation", "relu", "--depth", "50")
    first, usual = printed(done)
    assert (first["choice"], usual["choice"]) == ("recommended", "torch default")
    assert float(first["gain"]) == pytest.approx(2**0.5)
    assert (first["scheme"], float(first["bias_std"])) == ("kaiming_normal", 0)
    assert float(first["std_p10"]) < float(first["std_last"]) < float(first["std_p90"])
    assert float(first["grad_ratio_p10"]) < float(first["grad_ratio"]) < 2
    assert usual["std_p10"] == ""
    assert usual["backward_verdict"] == "vanishing"
    assert usual["gain"] == ""
    assert "in a spec:\n  init: kaiming_normal\n" in done.stderr
    assert "the same as Xavier: {scheme: xavier_normal, gain: 1.41421}" in done.stderr


def after(words, heading):
    """The lines, unindented, that stand under a heading."""
    lines = words.splitlines()
    start = lines.index(heading) + 1
    return [line.strip() for line in takewhile(lambda x: x.startswith("  "), lines[start:])]


def weights_of(line):
    """Weights of a 256 x 256 layer that a printed line of torch draws from seed 0."""
    layer = nn.Linear(256, 256).double()
    torch.manual_seed(0)
    exec(line, {"nn": nn, "layer": layer})  # noqa: S102  # what a reader would do
    return layer.weight.detach()


@pytest.mark.parametrize(
    ("arguments", "spec", "gain"),
    [
        (["relu"], "init: kaiming_normal", torch.nn.init.calculate_gain("relu")),
        (
            ["leaky_relu", "--param", "negative_slope=0.2"],
            "init: {scheme: kaiming_normal, a: 0.2}",
            torch.nn.init.calculate_gain("leaky_relu", 0.2),
        ),
        (["identity"], "init: {scheme: lecun_normal, gain: 1}", 1.0),
    ],
)
def test_what_is_named_has_torch_s_scale(arguments, spec, gain):
    """To 1e-6: by the gain, the line of torch, the spec, and Xavier's in a square layer."""
    done = initlab("recommend", "--depth", "50", "--activation", *arguments)
    assert float(printed(done)[0]["gain"]) == pytest.approx(gain, rel=1e-6)
    assert after(done.stderr, "in a spec:") == [spec]
    line = after(done.stderr, "in torch, for every nn.Linear:")[0]
    unit = weights_of("nn.init.normal_(layer.weight)")  # the same draws of variance 1
    torch.testing.assert_close(weights_of(line), unit * gain / 16, rtol=1e-6, atol=1e-12)
    chosen = yaml.safe_load(spec)["init"]
    chosen = {"scheme": chosen} if isinstance(chosen, str) else dict(chosen)
    record = SCHEMES[chosen.pop("scheme")]
    scale, shift = record.scale(Fans(256, 256), {**record.defaults, **chosen})
    assert (scale, shift) == (pytest.approx(gain / 16, rel=1e-6), 0)
    xavier = weights_of(f"nn.init.xavier_normal_(layer.weight, gain={gain!r})")
    torch.testing.assert_close(xavier, unit * gain / 16, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_the_kaiming_spec_it_prints_is_one(activation):
    done = initlab("recommend", "--activation", activation, "--depth", "40")
    spec = [f"activation: {activation}", *after(done.stderr, "in a spec:")]
    text = "\n".join(["depth: 40", "width: 256", "loss: cross_entropy", *spec])
    (row,) = printed(initlab("predict", "-", stdin=text))
    assert row["init"] == "kaiming_normal"
    assert (row["forward_verdict"], row["backward_verdict"]) == ("steady", "steady")
    assert float(row["chi_1"]) == pytest.approx(1, rel=1e-6)


def test_the_spec_it_prints_is_one():
    done = initlab("recommend", "--activation", "gelu", "--depth", "40")
    lines = done.stderr.splitlines()
    start = lines.index("in a spec:") + 1
    spec = [line.strip() for line in lines[start : start + 2]]
    text = "\n".join(["depth: 40", "width: 256", "activation: gelu", "loss: cross_entropy", *spec])
    (row,) = printed(initlab("predict", "-", stdin=text))
    assert (row["forward_verdict"], row["backward_verdict"]) == ("steady", "steady")
    assert float(row["chi_1"]) == pytest.approx(1, abs=1e-4)


def test_a_verified_recommendation():
    done = initlab("recommend", "--activation", "tanh", "--depth", "60", "--verify")
    first, usual = printed(done)
    assert first["measured_forward"] == first["measured_backward"] == "steady"
    assert float(first["measured_std_last"]) == pytest.approx(float(first["std_last"]), rel=0.3)
    assert usual["measured_forward"] == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--activation", "softplus"], "at no sigma_w and sigma_b is chi_1 = 1"),
        (["--activation", "relu", "--depth", "1000", "--width", "64"], "a width of 512 will do"),
        (["--activation", "relu_squared"], "nothing can"),
    ],
)
def test_where_nothing_can_help_it_says_so(arguments, words):
    done = initlab("recommend", *arguments)
    first, _ = printed(done)
    assert first["choice"] == "none"
    assert first["gain"] == ""
    assert words in first["why"]
    assert words in done.stderr
