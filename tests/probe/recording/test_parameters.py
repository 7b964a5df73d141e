"""What is said of each parameter: laws of torch's own draws, fans of torch.nn.init, gradients."""

import math

import pytest
import torch
from probe_runs import Calls, rows, view
from torch import nn

from initlab.probe.recording.parameters import law_of, parameters_of

SEEDS = range(8)
INIT = nn.init
#: draws of torch.nn.init and the names of their laws
LAWS = {
    "normal_": (lambda x: INIT.normal_(x, std=0.02), "normal"),
    "kaiming_normal_": (INIT.kaiming_normal_, "normal"),
    "xavier_normal_": (INIT.xavier_normal_, "normal"),
    "uniform_": (lambda x: INIT.uniform_(x, -0.1, 0.1), "uniform"),
    "kaiming_uniform_": (lambda x: INIT.kaiming_uniform_(x, a=5**0.5), "uniform"),
    "xavier_uniform_": (INIT.xavier_uniform_, "uniform"),
    # cut off at two standard deviations, as in JAX and ViT
    "trunc_normal_": (lambda x: INIT.trunc_normal_(x, std=0.02, a=-0.04, b=0.04), "truncated"),
    # cut off at +-2, which is a hundred deviations: nothing is cut
    "trunc_normal_ far": (lambda x: INIT.trunc_normal_(x, std=0.02), "normal"),
    "orthogonal_": (INIT.orthogonal_, "orthogonal"),
    "orthogonal_ gain": (lambda x: INIT.orthogonal_(x, gain=2**0.5), "orthogonal"),
    "constant_": (lambda x: INIT.constant_(x, 0.01), "constant"),
    "ones_": (INIT.ones_, "constant"),
    "zeros_": (INIT.zeros_, "zero"),
}
#: laws that have no name here, by their kurtosis
OTHERS = {
    "Laplace, 6": lambda *s: torch.distributions.Laplace(0.0, 1.0).sample(s),
    "of two widths, 8.3": lambda *s: torch.randn(s) * torch.where(torch.rand(s) < 0.1, 5.0, 1.0),
    "of two means, 1": lambda *s: torch.randn(s) * 0.1 + torch.randint(0, 2, s) * 2 - 1,
    "half zeros, 6": lambda *s: INIT.sparse_(torch.empty(s), 0.5),
    "arcsine, 1.5": lambda *s: torch.cos(torch.rand(s) * math.pi),
    "signs, 1": lambda *s: torch.randint(0, 2, s) * 2.0 - 1,
    "uniform about 1/2": lambda *s: torch.rand(s),
    "normal about 1": lambda *s: torch.randn(s) + 1,
}


def laws(draw, *shape):
    """The names of several seeds' draws."""
    found = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        found.append(law_of(draw(torch.empty(shape))))
    return found


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("shape", [(64, 64), (16, 256), (256, 16), (16, 32, 3, 3)])
def test_torch_s_draws_have_their_names(name, shape):
    draw, expected = LAWS[name]
    assert laws(draw, *shape) == [expected] * len(SEEDS)


@pytest.mark.parametrize("name", LAWS)
def test_a_thousand_values_get_their_own_name_or_none(name):
    draw, expected = LAWS[name]
    assert set(laws(draw, 32, 32)) <= {expected, ""}


def test_large_tensors_too():
    for name in ("kaiming_normal_", "xavier_uniform_", "trunc_normal_", "orthogonal_"):
        torch.manual_seed(0)
        assert law_of(LAWS[name][0](torch.empty(300, 500))) == LAWS[name][1]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("shape", [(32, 32), (64, 64)])
def test_other_laws_get_no_name(name, shape):
    assert laws(lambda x: OTHERS[name](*x.shape), *shape) == [""] * len(SEEDS)


def test_the_sum_of_two_uniforms_gets_no_name():
    def triangular(x):
        return torch.rand(x.shape) - torch.rand(x.shape)

    assert laws(triangular, 64, 64) == [""] * len(SEEDS)


@pytest.mark.parametrize("name", ["normal_", "Laplace, 6"])
def test_a_few_values_get_their_own_name_or_none(name):
    # of 64 values the kurtosis of a normal is 3 +- 0.6, and mostly below 3
    draw, expected = LAWS.get(name) or (lambda x: OTHERS[name](*x.shape), "")
    assert set(laws(draw, 8, 8)) <= {expected, ""}


def test_a_handful_of_values_get_none():
    torch.manual_seed(0)
    assert law_of(torch.randn(63)) == ""
    assert law_of(torch.full((5,), 0.1)) == "constant"
    assert law_of(torch.zeros(1)) == "zero"
    assert law_of(torch.tensor(0.5)) == "constant"


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["kaiming_normal_", "xavier_uniform_", "trunc_normal_"])
def test_of_every_dtype(name, dtype):
    torch.manual_seed(0)
    assert law_of(LAWS[name][0](torch.empty(64, 64)).to(dtype)) == LAWS[name][1]


@pytest.mark.parametrize(
    "module",
    [
        nn.Linear(6, 4),
        nn.Conv1d(4, 6, 3),
        nn.Conv2d(4, 6, (3, 5), groups=2),
        nn.ConvTranspose2d(4, 6, 3),
        nn.Embedding(7, 3),
        nn.Bilinear(3, 4, 5),
    ],
    ids=lambda m: type(m).__name__,
)
def test_fans_are_torch_s(module):
    weight = {"weight": module.weight}
    model = Calls(lambda self, x: x * self.scale + sum(p.sum() for p in self.part.parameters()))
    model.part, model.scale = module, nn.Parameter(torch.ones(3))
    found = {p.name: p for p in parameters_of(view(lambda: model, rows(4, 3)).run)}
    of = found["part.weight"]
    assert (of.fan_in, of.fan_out) == INIT._calculate_fan_in_and_fan_out(weight["weight"])
    assert (found["scale"].fan_in, found["scale"].fan_out) == (None, None)


def probed():
    """Of a linear layer that is used, one that is frozen, one that is not used, and a scale."""
    return Calls(
        lambda self, x: self.used(x) + self.frozen(x) + 0 * self.scale,
        used=nn.Linear(5, 3),
        frozen=nn.Linear(5, 3).requires_grad_(False),
        lost=nn.Linear(5, 3),
        scale=nn.Parameter(torch.tensor([1.0, math.inf, 3.0]), requires_grad=False),
    )


def test_what_is_said_of_each():
    found = {p.name: p for p in view(probed, rows(16, 5)).parameters}
    used, frozen, lost = (found[f"{n}.weight"] for n in ("used", "frozen", "lost"))
    assert [p.used for p in (used, frozen, lost)] == [True, False, False]
    assert [p.trainable for p in (used, frozen, lost)] == [True, False, True]
    assert [p.product for p in (used, frozen, lost)] == [True, True, False]
    assert [p.grad is None for p in (used, frozen, lost)] == [False, True, True]
    assert (found["scale"].finite, found["scale"].law) == (2 / 3, "")
    assert math.isnan(found["scale"].rms)
    assert used.shape == (3, 5)
    assert used.rms == pytest.approx(float(used.tensor.detach().square().mean().sqrt()), rel=1e-6)
    assert used.absmax == float(used.tensor.detach().abs().max())
    # under L = <c, y> the gradient of a bias is the sum of c over the batch
    assert found["used.bias"].grad == pytest.approx(float(found["used.bias"].tensor.grad.norm()))


def test_a_gradient_of_zero_is_no_missing_one():
    model = Calls(lambda self, x: self.a(x) + 0 * self.b(x), a=nn.Linear(5, 3), b=nn.Linear(5, 3))
    found = {p.name: p for p in view(lambda: model, rows(16, 5)).parameters}
    assert found["b.weight"].gets_zero
    assert found["b.weight"].used
    assert not found["a.weight"].gets_zero


def test_lazy_parameters_that_were_never_run_are_left_out():
    model = Calls(lambda self, x: self.a(x), a=nn.Linear(5, 3), lost=nn.LazyLinear(2))
    assert {p.name for p in view(lambda: model, rows(4, 5)).parameters} == {"a.weight", "a.bias"}


def test_a_lazy_parameter_is_used_by_a_product():
    (weight, _) = view(lambda: nn.LazyLinear(3), rows(4, 5)).parameters
    assert weight.product
