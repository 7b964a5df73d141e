"""Rules about single parameters, from both sides of each threshold."""

import math

import pytest
import torch
from probe_runs import Calls, rows, rules
from torch import nn


def with_value(value, **options):
    """A model that adds a parameter of these values to what a linear layer gives."""
    model = Calls(lambda self, x: self.a(x) + self.p.sum(), a=nn.Linear(4, 4))
    model.p = nn.Parameter(torch.as_tensor(value, dtype=torch.float32), **options)
    return model


def found(build, name):
    return rules(build, rows(16, 4)).get(name)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_finite(bad):
    one = found(lambda: with_value([1.0, bad, bad]), "parameter-nonfinite")
    assert (one.level, one.parameter, one.evidence) == ("error", "p", {"values": 2})
    assert found(lambda: with_value([1.0, 2.0, 3.0]), "parameter-nonfinite") is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1e-3] * 16 + [0.99e3], False),  # 0.99e6 times the median
        ([1e-3] * 16 + [1.01e3], True),
        ([0.99e6] * 17, False),  # all of one size, and below 1e6
        ([1.01e6] * 17, True),
        ([1e-3] * 14 + [1.01e3], False),  # fewer than 16
        ([1e-3] * 15 + [1.01e3], True),
        ([0.0] * 100 + [1e-3] * 14 + [1e3], False),  # zeros do not count
        ([-1e-3] * 16 + [-1.01e3], True),
    ],
)
def test_uninitialised(values, expected):
    one = found(lambda: with_value(values), "parameter-uninitialised")
    assert (one is not None) == expected
    if one:
        assert (one.level, one.parameter) == ("error", "p")
        assert one.evidence["absmax"] == pytest.approx(max(map(abs, values)))


def test_random_memory_is_found():
    # every pattern of bits: exponents are uniform, so the largest is far above the median
    bits = torch.randint(-(2**31), 2**31 - 1, (64,), generator=torch.Generator().manual_seed(0))
    values = torch.nan_to_num(bits.to(torch.int32).view(torch.float32), 0.0, 1e30, -1e30)
    assert found(lambda: with_value(values), "parameter-uninitialised")


@pytest.mark.parametrize(
    "draw", [nn.init.kaiming_normal_, nn.init.sparse_, nn.init.orthogonal_, nn.init.eye_]
)
def test_torch_s_draws_are_initialised(draw):
    options = {"sparsity": 0.9} if draw is nn.init.sparse_ else {}
    value = draw(torch.empty(64, 64), **options)
    assert rules(lambda: with_value(value), rows(16, 4)) == {}


def linear(**options):
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4))
    with torch.no_grad():
        model[0].weight.copy_(options.get("weight", model[0].weight))
    return model


def test_no_symmetry_breaking():
    one = found(lambda: linear(weight=torch.full((6, 4), 0.1)), "no-symmetry-breaking")
    assert (one.level, one.parameter, one.site) == ("error", "0.weight", "0")
    assert one.evidence == {"units": 6}
    # rows alike, of unlike columns
    alike = rows(1, 4).expand(6, 4)
    assert found(lambda: linear(weight=alike), "no-symmetry-breaking")
    # one row differs in one number
    other = alike.clone()
    other[5, 3] += 1e-6
    assert found(lambda: linear(weight=other), "no-symmetry-breaking") is None
    assert found(lambda: linear(weight=torch.zeros(6, 4)), "no-symmetry-breaking") is None


def test_rows_alike_are_sound_where_no_product_sums_over_them():
    assert found(lambda: with_value([[1.0, 2.0]] * 3), "no-symmetry-breaking") is None
    one_row = nn.Sequential(nn.Linear(4, 1))
    assert found(lambda: one_row, "no-symmetry-breaking") is None

    def frozen():
        model = linear(weight=torch.full((6, 4), 0.1))
        model[0].weight.requires_grad_(False)
        return model

    assert found(frozen, "no-symmetry-breaking") is None


def test_kernels_alike():
    model = nn.Sequential(nn.Conv1d(4, 4, 1), nn.Flatten())
    nn.init.constant_(model[0].weight, 0.1)
    one = rules(lambda: model, rows(16, 4, 3))["no-symmetry-breaking"]
    assert one.parameter == "0.weight"


def twins(change=lambda model: None, shape=(4, 4)):
    def build():
        model = Calls(lambda self, x: x @ self.p @ self.q.T, p=nn.Parameter(torch.randn(shape)))
        model.q = nn.Parameter(model.p.detach().clone())
        change(model)
        return model

    return build


def test_identical():
    one = found(twins(), "identical-parameters")
    assert (one.level, one.parameter) == ("warning", "p")
    assert one.evidence == {"tensors": 2, "copies": ["q"], "names": ["p", "q"]}


def test_copies_that_are_none():
    def differ(model):
        model.q.data[0, 0] += 1e-3

    def constant(model):
        model.p.data.fill_(0.1)
        model.q.data.fill_(0.1)

    def frozen(model):  # a teacher
        model.q.requires_grad_(False)

    def tied(model):
        model.q = model.p

    def small(model):
        model.p = nn.Parameter(rows(4, 3))
        model.q = nn.Parameter(rows(4, 3))

    for change in (differ, constant, frozen, tied, small):
        assert found(twins(change), "identical-parameters") is None, change.__name__


def test_tied_by_their_data():
    def tied(model):
        model.q.data = model.p.data

    assert found(twins(tied), "identical-parameters") is None


def test_three_of_a_kind_are_one_finding():
    def build():
        model = Calls(lambda self, x: x @ self.p @ self.q @ self.r)
        drawn = torch.randn(4, 4)
        for name in "pqrs":
            setattr(model, name, nn.Parameter(drawn.clone()))
        return model

    one = found(build, "identical-parameters")
    assert one.evidence["names"] == ["p", "q", "r"]  # s is not used
