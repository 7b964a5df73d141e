"""`initlab recommend`: what it recommends, the spec that it prints, and where nothing helps."""

import pytest
from commands import initlab, printed


def test_a_recommendation_and_what_torch_does():
    done = initlab("recommend", "--activation", "relu", "--depth", "50")
    first, usual = printed(done)
    assert (first["choice"], usual["choice"]) == ("recommended", "torch default")
    assert float(first["gain"]) == pytest.approx(2**0.5)
    assert (first["scheme"], float(first["bias_std"])) == ("lecun_normal", 0)
    assert float(first["std_p10"]) < float(first["std_last"]) < float(first["std_p90"])
    assert float(first["grad_ratio_p10"]) < float(first["grad_ratio"]) < 2
    assert usual["std_p10"] == ""
    assert usual["backward_verdict"] == "vanishing"
    assert "init: {scheme: lecun_normal, gain: 1.41421}" in done.stderr


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
