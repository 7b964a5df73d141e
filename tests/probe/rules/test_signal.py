"""Rules about the trunk, from both sides of each threshold, by factors that are built in.

A multiple of the identity changes rms and gradient by its factor, and `ScaledBack` the gradient
alone, so the expected ratios are those factors, to the rounding of float32.
"""

import pytest
import torch
from probe_runs import Calls, ScaledBack, rows, scaled, view
from torch import nn

from initlab.probe.rules import signal


def rules(build, batch):
    """Findings of the rules about the trunk alone: several identities are copies, too."""
    run = view(build, batch)
    return {found.rule: found for rule in signal.RULES for found in rule(run)}


def chain(*factors):
    return nn.Sequential(*(scaled(4, factor) for factor in factors))


def back(factor, *more):
    """A chain in which s at the input is a multiple of s at the output."""
    return nn.Sequential(scaled(4, 1.0), ScaledBack(factor), scaled(4, 1.0), *more)


X = rows(64, 4)


@pytest.mark.parametrize(
    ("factor", "level"), [(990, None), (1010, "warning"), (9900, "warning"), (10100, "error")]
)
@pytest.mark.parametrize("name", ["forward-explodes", "forward-vanishes"])
def test_scale(name, factor, level):
    factor = factor if name == "forward-explodes" else 1 / factor
    found = rules(lambda: chain(1.0, factor), X)
    assert found.keys() == ({name} if level else set())
    if level:
        one = found[name]
        assert (one.level, one.site) == (level, "1")
        assert one.evidence["factor"] == pytest.approx(factor, rel=1e-5)
        assert (one.evidence["start"], one.evidence["end"]) == ("0", "1")


def test_scale_is_followed_over_several_layers_to_where_it_passes_the_limit():
    # 1, 20, 400, 8000, 160000: past 1000 at the third
    one = rules(lambda: chain(1.0, 20.0, 20.0, 20.0, 20.0), X)["forward-explodes"]
    assert one.site == "3"
    assert one.evidence["factor"] == pytest.approx(160_000, rel=1e-5)
    # up and down again: the largest ratio is between 1 and 160000
    found = rules(lambda: chain(1.0, 400.0, 400.0, 1 / 160_000, 1.0), X)
    assert "forward-explodes" in found or "forward-vanishes" in found


def test_the_data_s_own_scale_is_not_the_model_s():
    assert rules(lambda: nn.Sequential(scaled(4, 1e-5), scaled(4, 1.0)), X * 1e5) == {}
    model = Calls(lambda self, x: self.a(self.b(x / 1e5)), a=scaled(4, 1.0), b=scaled(4, 1.0))
    assert rules(lambda: model, X) == {}


def test_norm_layers_set_the_scale_anew():
    def build(norm):
        return nn.Sequential(scaled(4, 1.0), scaled(4, 500.0), norm(4), scaled(4, 500.0))

    assert rules(lambda: build(nn.LayerNorm), X) == {}
    assert rules(lambda: build(nn.BatchNorm1d), X) == {}
    assert "forward-explodes" in rules(lambda: build(lambda _: nn.Identity()), X)


@pytest.mark.parametrize("norm", [nn.LayerNorm, nn.BatchNorm1d, nn.RMSNorm])
def test_the_scale_before_a_norm_is_not_compared_with_that_behind_it(norm):
    # 1, 500, norm: 1, 1/500: by themselves 500 and 500, together 250000
    model = nn.Sequential(scaled(4, 1.0), scaled(4, 500.0), norm(4), scaled(4, 1 / 500))
    assert rules(lambda: model, X) == {}


@pytest.mark.parametrize(
    ("factor", "level"), [(99, None), (101, "warning"), (990, "warning"), (1010, "error")]
)
@pytest.mark.parametrize("name", ["gradient-explodes", "gradient-vanishes"])
def test_gradient(name, factor, level):
    factor = float(factor) if name == "gradient-explodes" else 1 / factor
    found = rules(lambda: back(factor), X)
    assert found.keys() == ({name} if level else set())
    if level:
        one = found[name]
        assert (one.level, one.site) == (level, "0")  # what lies before the factor
        assert one.evidence["factor"] == pytest.approx(factor, rel=1e-5)
        assert "1 (100% of it)" in one.message


@pytest.mark.parametrize(
    ("factor", "level"), [(50, None), (500, "note"), (5000, "error"), (1 / 500, "warning")]
)
def test_batch_norm_raises_every_gradient_and_is_a_note(factor, level):
    found = rules(lambda: back(float(factor), nn.BatchNorm1d(4)), X)
    assert [one.level for one in found.values()] == ([level] if level else [])
    assert all(one.evidence["batch_norm"] for one in found.values())


def test_sensitivity_does_not_see_the_scale():
    # gradients shrink by 1e6 on the way back, and values grow by it
    assert "gradient-vanishes" not in rules(lambda: chain(1.0, 1e-3, 1e-3), X)


def test_short_trunks_are_left_alone():
    assert rules(lambda: ScaledBack(1e6), X) == {}
    assert rules(lambda: nn.Sequential(scaled(4, 1e6)), X) == {}


# two samples of opposite sign: signal is sqrt(2), rms 1, so that both parts are known
PAIR = torch.tensor([[1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, -1.0]])


@pytest.mark.parametrize(("part", "lost"), [(1.01e-3, False), (0.99e-3, True)])
def test_signal(part, lost):
    # x + c has the signal of x and the rms sqrt(1 + c^2)
    offset = (2 / part**2 - 1) ** 0.5
    model = Calls(lambda self, x: self.a(x) + self.c, a=scaled(4, 1.0))
    model.c = nn.Parameter(torch.full((4,), offset))
    found = rules(lambda: model, PAIR)
    assert ("signal-lost" in found) == lost
    if lost:
        one = found["signal-lost"]
        assert (one.level, one.site) == ("error", "(model) : add")
        assert one.evidence["part"] == pytest.approx(part, rel=1e-4)


def test_a_signal_that_the_input_does_not_have_is_not_lost():
    # its own part is 1e-4: only a thousandth of that would be lost
    model = nn.Sequential(scaled(4, 1.0), scaled(4, 2.0))
    assert "signal-lost" not in rules(lambda: model, PAIR + 1e4)
    assert "signal-lost" not in rules(lambda: model, torch.ones(2, 4))


def normed(factor, norm):
    return nn.Sequential(norm, scaled(4, 1.0), ScaledBack(factor), scaled(4, 1.0))


def layer_norm():
    return nn.LayerNorm(4, elementwise_affine=False)


def test_update_amplified():
    # K is sqrt(a^2 f^2 + b^2), of the layer before the factor f and of the one behind it
    square = {
        f: signal.relative_change(view(lambda f=f: normed(f, layer_norm()), X)) ** 2 for f in (0, 1)
    }
    a2, b2 = square[1] - square[0], square[0]

    def found(k, norm):
        factor = ((k**2 - b2) / a2) ** 0.5
        return rules(lambda: normed(factor, norm), X)

    assert "update-amplified" not in found(7.9, layer_norm())
    one = found(8.1, layer_norm())["update-amplified"]
    assert one.level == "note"
    assert one.evidence["K"] == pytest.approx(8.1, rel=1e-4)
    # neither without a norm, nor with batch norm
    assert "update-amplified" not in found(80, nn.Identity())
    assert "update-amplified" not in found(80, nn.BatchNorm1d(4, affine=False))


def test_values_that_are_not_finite_are_left_to_their_own_rule():
    assert rules(lambda: chain(1e30, 1e30, 1.0), X) == {}
