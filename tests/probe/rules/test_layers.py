"""Rules about single layers, from both sides of each threshold."""

import pytest
import torch
from probe_runs import Calls, rows, rules, scaled, view
from probed.models.faulty import LastStepGRU
from torch import nn

from initlab.probe.rules.layers import closing

IDS = torch.arange(32).reshape(4, 8)


def relu(units, dead, count):
    """Rows that a ReLU gets, in which so many units are never above 0."""
    x = rows(count, units).abs() + 0.1
    x[:, :dead] *= -1
    return x


@pytest.mark.parametrize(
    ("dead", "count", "found"),
    [
        (18, 64, False),  # 18 of 20 are 90 %
        (19, 64, True),
        (19, 32, True),
        (19, 31, False),  # too few rows to say so
    ],
)
def test_dead_units(dead, count, found):
    model = Calls(lambda self, x: self.act(self.a(x)), a=scaled(20, 1.0), act=nn.ReLU())
    one = rules(lambda: model, relu(20, dead, count)).get("dead-units")
    assert (one is not None) == found
    if one:
        assert (one.level, one.site) == ("error", "act")
        assert one.evidence == {"dead": dead / 20, "rows": count, "layers": 1}


def test_a_unit_that_lives_in_one_row_is_not_dead():
    x = relu(20, 20, 64)
    x[torch.arange(20), torch.arange(20)] = 1.0
    assert "dead-units" not in rules(lambda: nn.Sequential(scaled(20, 1.0), nn.ReLU()), x)


def test_channels_and_positions_of_convolutions_make_rows():
    x = relu(20, 19, 64)[:4].reshape(4, 20, 1, 1).expand(4, 20, 3, 3)  # 36 rows
    model = nn.Sequential(nn.Identity(), nn.ReLU())
    assert rules(lambda: model, x)["dead-units"].evidence["rows"] == 36


EPS = 1e-3
NORMS = {
    "layer": (lambda: nn.LayerNorm(4, eps=EPS), lambda v: v),
    "group": (lambda: nn.GroupNorm(1, 4, eps=EPS), lambda v: v),
    "batch": (lambda: nn.BatchNorm1d(4, eps=EPS), lambda v: v.T),
    "instance": (lambda: nn.InstanceNorm1d(4, eps=EPS), lambda v: v[None]),
    "rms": (lambda: nn.RMSNorm(4, eps=EPS), lambda v: v),
}


@pytest.mark.parametrize("name", NORMS)
def test_norm_starved(name):
    build, turned = NORMS[name]
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0])

    def found(variance):
        x = rows(4, 1).abs() + signs * 0  # only the last of four has this variance
        x = torch.cat(
            [signs * torch.tensor([[1.0], [2.0], [3.0]]), signs * variance**0.5 + 0 * x[:1]]
        )
        return rules(lambda: nn.Sequential(nn.Identity(), build()), turned(x))

    assert found(1.01e-2 * EPS) == {}
    one = found(0.99e-2 * EPS)["norm-starved"]
    # torch takes RMSNorm apart on a CPU: its rsqrt tells
    assert (one.level, one.site) == ("warning", "1 : rsqrt" if name == "rms" else "1")
    assert one.evidence == {"share": 1 / 4, "eps": EPS, "places": 1}


def test_no_gradient():
    for forward in (
        lambda self, x: self.a(x).detach(),
        lambda self, x: self.a(x).argmax(-1),
        lambda self, x: None,
    ):
        found = rules(lambda f=forward: Calls(f, a=nn.Linear(4, 4)), rows(8, 4))
        assert found.keys() == {"no-gradient"}
        assert found["no-gradient"].level == "error"


def test_unused_parameters():
    model = Calls(
        lambda self, x: self.a(x) + self.cut(x).detach(),
        a=nn.Linear(4, 4),
        cut=nn.Linear(4, 4),
        lost=nn.Linear(4, 4),
        frozen=nn.Linear(4, 4).requires_grad_(False),
    )
    (one,) = rules(lambda: model, rows(8, 4)).values()
    assert (one.rule, one.level, one.parameter, one.site) == (
        "unused-parameter",
        "note",
        "cut.weight",
        "cut",
    )
    assert one.evidence["names"] == ["cut.weight", "cut.bias", "lost.weight", "lost.bias"]
    assert (
        rules(
            lambda: Calls(lambda s, x: (s.a(x), s.b(x)), a=nn.Linear(4, 4), b=nn.Linear(4, 4)),
            rows(8, 4),
        )
        == {}
    )


class AllSteps(LastStepGRU):
    """Reads both halves where each has seen all tokens."""

    def forward(self, ids):
        _, last = self.gru(self.embedding(ids))
        return self.head(torch.cat([last[0], last[1]], -1))


def test_zero_gradient():
    (one,) = rules(LastStepGRU, IDS).values()
    assert (one.rule, one.level, one.parameter) == (
        "zero-gradient",
        "warning",
        "gru.weight_hh_l0_reverse",
    )
    assert rules(AllSteps, IDS) == {}


def test_what_a_zero_scale_stops_learns_after_it():
    def build(scale):
        parts = {"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)}
        model = Calls(lambda self, x: self.a(x) + self.scale * self.b(x), **parts)
        model.scale = nn.Parameter(torch.full((4,), scale))
        return model

    assert rules(lambda: build(0.0), rows(8, 4)) == {}

    def frozen():
        model = build(0.0)
        model.scale.requires_grad_(False)
        return model

    assert rules(frozen, rows(8, 4))["zero-gradient"].parameter == "b.weight"


def residual(zero_last):
    def forward(self, x):
        return self.head(x + self.last(torch.tanh(self.first(x))))

    parts = {"first": nn.Linear(4, 4), "last": nn.Linear(4, 4), "head": nn.Linear(4, 3)}
    model = Calls(forward, **parts)
    for name in zero_last:
        nn.init.zeros_(getattr(model, name).weight)
    return model


@pytest.mark.parametrize(
    ("zero", "closed"),
    [
        ((), ()),
        (("last",), ()),  # the end of a branch closes nothing
        (("head",), ("head.weight",)),
        (("last", "head"), ("head.weight",)),  # what lies behind the head gets no gradient yet
    ],
)
def test_zero_matrices_that_close(zero, closed):
    assert closing(view(lambda: residual(zero), rows(8, 4))) == closed


def test_a_branch_of_zeros_is_no_finding():
    assert rules(lambda: residual(("last",)), rows(8, 4)) == {}


def test_two_layers_of_zeros_in_a_row_never_learn():
    # `last` gets tanh(bias) as its input: without biases neither gets a gradient
    def build():
        model = residual(("first", "last"))
        nn.init.zeros_(model.first.bias)
        return model

    assert rules(build, rows(8, 4))["zero-gradient"].evidence["names"] == [
        "first.weight",
        "last.weight",
    ]
