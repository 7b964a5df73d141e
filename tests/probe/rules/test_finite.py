"""Rules about numbers that are none: the op that made the first of them is named."""

import math
from pathlib import Path

import pytest
import torch
from probe_runs import Calls, rows, rules
from torch import nn
from torch.nn import functional

X = rows(16, 4)


def of(forward, dtype=None):
    """What is found in a model that ends in a linear layer `b`."""
    return rules(lambda: Calls(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4)), X, dtype=dtype)


@pytest.mark.parametrize(
    ("forward", "site"),
    [
        (lambda self, x: self.b((self.a(x) * 1000).exp() * 0), "(model) : exp"),
        (lambda self, x: self.b(1 + self.a(x) / 0), "(model) : div"),
        (lambda self, x: self.b(torch.sqrt(self.a(x))), "(model) : sqrt"),
        (lambda self, x: self.b(self.a(x) * torch.zeros(4) * -math.inf), "(model) : mul#1"),
        # 0 * -inf, as of a mask that is multiplied
        (lambda self, x: self.b(torch.full((4,), -math.inf) * (self.a(x) * 0)), "(model) : mul#1"),
        # log 0 is a mask by itself, and inf what is made of it
        (lambda self, x: self.b(torch.log(self.a(x).relu()).square()), "(model) : pow"),
        # rows of which all is masked
        (
            lambda self, x: self.b(
                self.a(x).masked_fill(torch.ones(4, dtype=torch.bool), -math.inf).softmax(-1)
            ),
            "(model) : _softmax",
        ),
        (lambda self, x: self.b((self.a(x) * 1e6).half().float()), "(model) : _to_copy"),
        (lambda self, x: self.b(self.a(x).fill_(0).reciprocal_()), "(model) : reciprocal_"),
    ],
)
def test_the_producer_is_named_and_not_what_hands_it_on(forward, site):
    found = of(forward)["nonfinite-forward"]
    assert (found.level, found.site) == ("error", site)
    assert Path(found.where).name.startswith("test_finite.py:")


def test_counts_are_those_of_the_producer():
    found = of(lambda self, x: self.b(self.a(x).mul(0).add(1).log().reciprocal()))
    one = found["nonfinite-forward"]
    assert one.evidence == {"nan": 0, "inf": 64, "values": 64}
    assert "nonfinite-backward" not in found  # it is made of it


def test_overflow_in_half_precision():
    found = of(lambda self, x: self.b(self.a(x) * 100 * 1e4), dtype=torch.float16)
    assert found["nonfinite-forward"].site == "(model) : mul#1"
    wide = of(lambda self, x: self.b(self.a(x) * 100 * 1e4), dtype=torch.bfloat16)
    assert "nonfinite-forward" not in wide


def test_masks_are_silent():
    mask = torch.ones(4, 4).triu(1).bool()

    def attention(self, x):
        scores = (self.a(x) @ self.b(x).T)[:4, :4].masked_fill(mask, -math.inf)
        return scores.softmax(-1) @ x[:4]

    def added(self, x):
        scores = (self.a(x) @ self.b(x).T)[:4, :4] + torch.full((4, 4), -math.inf).triu(1)
        return scores.softmax(-1) @ x[:4]

    for forward in (attention, added):
        assert of(forward) == {}


def test_torch_s_own_attention_is_silent():
    model = nn.MultiheadAttention(4, 2, batch_first=True)
    mask = nn.Transformer.generate_square_subsequent_mask(8)
    build = lambda: Calls(lambda self, x: self.m(x, x, x, attn_mask=mask)[0], m=model)  # noqa: E731
    assert rules(build, rows(16, 8, 4)) == {}


@pytest.mark.parametrize("forward", ["buffer", "batch"])
def test_an_output_of_nan_is_never_silent(forward):
    model = Calls(lambda self, x: self.a(x) * self.scale, a=nn.Linear(4, 4))
    model.register_buffer("scale", torch.full((4,), math.nan if forward == "buffer" else 1.0))
    x = X if forward == "buffer" else X * math.nan
    assert rules(lambda: model, x)


@pytest.mark.parametrize(
    ("forward", "site"),
    [
        (lambda self, x: self.b(torch.sqrt(self.a(x) * 0)), "(model) : sqrt"),
        (lambda self, x: self.b((self.a(x).relu() * 0).pow(0.5)), "(model) : pow"),
        (lambda self, x: self.b(torch.acos(self.a(x) * 0 + 1)), "(model) : acos"),
    ],
)
def test_slopes_that_are_infinite(forward, site):
    found = of(forward)
    one = found["nonfinite-backward"]
    assert (one.level, one.site) == ("error", site)
    assert Path(one.where).name.startswith("test_finite.py:")
    assert "nonfinite-forward" not in found


def test_the_backward_producer_is_the_last_of_the_forward_pass():
    def forward(self, x):
        first, second = torch.sqrt(self.a(x) * 0), torch.sqrt(self.b(x) * 0)
        return second - first

    assert of(forward)["nonfinite-backward"].site == "(model) : sqrt#1"


def test_slopes_that_are_not():
    def forward(self, x):
        return self.b(torch.sqrt(self.a(x).square() + 1e-6))

    assert of(forward) == {}


def own_loss():
    """The random direction passes it; its own loss has the square root of 0."""

    def forward(self, x):
        y = self.a(x)
        return {"y": y, "loss": (y - y.detach()).square().sum().sqrt()}

    return Calls(forward, a=nn.Linear(4, 4))


def test_under_the_loss_alone():
    assert "nonfinite-backward" not in rules(own_loss, X)
    assert "Sqrt" in rules(own_loss, X, loss="model")["nonfinite-backward"].message


def test_under_the_loss_alone_the_op_has_its_name_and_line():
    one = rules(own_loss, X, loss="model")["nonfinite-backward"]
    assert one.site == "(model) : sqrt"
    assert Path(one.where).name.startswith("test_finite.py:")


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (8188.0, torch.float16, False),  # 65504 / 8, which float16 has
        (8192.0, torch.float16, True),
        (-8192.0, torch.float16, True),
        (1e6, torch.bfloat16, False),
        (1e6, torch.float32, False),
    ],
)
def test_headroom(value, dtype, expected):
    model = Calls(lambda self, x: functional.relu(self.a(x)) * 0 + self.w * x, a=nn.Linear(4, 4))
    model.w = nn.Parameter(torch.full((4,), value))
    x = torch.ones(16, 4)
    one = rules(lambda: model, x, dtype=dtype).get("half-headroom")
    assert (one is not None) == expected
    if one:
        assert (one.level, one.site, one.evidence) == (
            "warning",
            "(model) : mul#1",
            {"absmax": 8192.0},
        )
