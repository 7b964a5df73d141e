"""The loss of a probe against torch's own functions, by value and by gradient."""

import math

import pytest
import torch
from probe_runs import Calls, rows, view
from torch import nn
from torch.nn import functional

from initlab.errors import InputError, UnknownName
from initlab.probe.recording.losses import Loss, rows_of


def output(*shape):
    return rows(*shape).requires_grad_() * 1


def classes(*shape, count=5):
    return torch.randint(count, shape, generator=torch.Generator().manual_seed(1))


def plain(function, y, target):
    """Value and gradient as training would have them."""
    leaf = y.detach().clone().requires_grad_()
    value = function(leaf, target)
    return float(value.detach()), torch.autograd.grad(value, leaf)[0]


def same(found, value, gradient):
    assert found.value == pytest.approx(value, rel=1e-6)
    assert found.gradient.shape == gradient.shape
    # a sum over rows in another order: float32 rounds to 6e-8 of the largest
    assert torch.allclose(found.gradient, gradient, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("shape", [(8, 5), (4, 7, 5), (3, 5, 6, 2), (2, 5, 3, 2, 4), (6, 1)])
def test_mse(shape):
    y, target = output(*shape), rows(*shape, seed=2)
    same(Loss("mse", target).of(y, y, 0), *plain(functional.mse_loss, y, target))


@pytest.mark.parametrize(
    ("shape", "targets", "order"),
    [
        ((8, 5), (8,), lambda y: y),
        ((4, 7, 5), (4, 7), lambda y: y.movedim(-1, 1)),  # tokens: classes come last
        ((3, 5, 6, 2), (3, 6, 2), lambda y: y),  # pictures: as torch takes them
        ((2, 5, 3, 2, 4), (2, 3, 2, 4), lambda y: y),
    ],
)
def test_cross_entropy(shape, targets, order):
    y, target = output(*shape), classes(*targets)
    value, gradient = plain(lambda y, t: functional.cross_entropy(order(y), t), y, target)
    found = Loss("cross_entropy", target).of(y, y, 0)
    same(found, value, gradient)
    assert found.ignorant == pytest.approx(math.log(5))
    assert found.logits.shape == (y.numel() // 5, 5)
    assert found.start is y


def test_cross_entropy_of_probabilities():
    y, target = output(3, 5, 4, 4), rows(3, 5, 4, 4, seed=3).softmax(1)
    same(Loss("cross_entropy", target).of(y, y, 0), *plain(functional.cross_entropy, y, target))


def test_rows_of_pictures_have_their_classes_last():
    y = torch.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    found = rows_of(y)
    assert found.shape == (8, 3)
    assert found[0].tolist() == y[0, :, 0, 0].tolist()
    assert found[5].tolist() == y[1, :, 0, 1].tolist()
    assert rows_of(torch.zeros(4)).shape == (4, 1)
    assert rows_of(torch.tensor(1.0)).shape == (1, 1)


@pytest.mark.parametrize("name", ["mse", "cross_entropy", "l1", "smooth_l1"])
def test_a_target_is_drawn_by_the_seed(name):
    y = output(8, 5)
    first, again, other = (Loss(name).of(y, y, seed) for seed in (0, 0, 1))
    assert first.value == again.value != other.value
    assert torch.equal(first.gradient, again.gradient)


def test_the_drawn_target_of_cross_entropy_is_a_class():
    y = torch.zeros(64, 5, requires_grad=True) * 1
    # whatever class is right, equal scores cost ln 5
    assert Loss("cross_entropy").of(y, y, 0).value == pytest.approx(math.log(5), rel=1e-6)


def test_only_losses_over_classes_have_scores():
    y = output(8, 5)
    found = Loss("mse").of(y, y, 0)
    assert (found.logits, found.ignorant) == (None, None)


@pytest.mark.parametrize(
    "returned",
    [
        lambda loss, y: loss,
        lambda loss, y: {"logits": y, "loss": loss},
        lambda loss, y: (loss, y),
        lambda loss, y: {"other": y.mean(), "deep": {"loss": loss}},
        lambda loss, y: [y, loss[None]],
    ],
)
def test_the_model_s_own(returned):
    y = output(8, 5)
    loss = y.square().sum()
    found = Loss("model").of(returned(loss, y), y, 0)
    assert found.value == pytest.approx(float(loss.detach()))
    assert found.gradient.numel() == 1
    assert float(found.gradient) == 1
    assert found.name == "model"


@pytest.mark.parametrize(
    ("returned", "listed"),
    [
        (lambda y: y, "a tensor"),
        (lambda y: {"logits": y, "loss": torch.tensor(1.0)}, "logits, loss"),  # no gradient
        (lambda y: None, "no tensor"),
    ],
)
def test_a_model_without_a_loss_is_told_so(returned, listed):
    y = output(8, 5)
    with pytest.raises(InputError, match=f"the model returned no loss: {listed}") as error:
        Loss("model").of(returned(y), y, 0)
    assert "labels" in error.value.fix


def test_a_loss_that_there_is_not():
    y = output(8, 5)
    with pytest.raises(UnknownName, match="cross_entropy"):
        Loss("cross_entropi").of(y, y, 0)


def test_a_target_that_does_not_fit():
    y = output(8, 5)
    with pytest.raises(InputError, match="8 rows of 5 numbers") as error:
        Loss("cross_entropy", classes(7)).of(y, y, 0)
    assert error.value.fix == "--target tokens:5:8"
    with pytest.raises(InputError, match="does not take the output"):
        Loss("cross_entropy", classes(8, count=50) + 5).of(y, y, 0)


def test_one_number_a_row_is_no_target_of_several():
    y = output(8, 8)
    with pytest.raises(InputError):
        Loss("mse", rows(8)).of(y, y, 0)


def test_the_parameters_keep_the_gradients_of_the_random_direction():
    def build():
        return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 5))

    without, with_loss = view(build, rows(16, 5)), view(build, rows(16, 5), loss="cross_entropy")
    for a, b in zip(without.parameters, with_loss.parameters, strict=True):
        assert torch.equal(a.tensor.grad, b.tensor.grad)
    assert without.run.value is None
    assert with_loss.run.value.value == pytest.approx(math.log(5), abs=0.5)


def test_so_does_the_input():
    def build():
        return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 5))

    without, with_loss = view(build, rows(16, 5)), view(build, rows(16, 5), loss="cross_entropy")
    assert with_loss.trunk[0].name == "(input)"
    assert with_loss.trunk[0].grad == without.trunk[0].grad


@pytest.mark.parametrize("name", ["mse", "cross_entropy", "model"])
def test_the_gradient_under_a_loss_is_followed(name):
    model = Calls(
        lambda self, x: {"y": self.a(x), "loss": self.a(x).square().mean()}, a=nn.Linear(5, 5)
    )
    run = view(lambda: model, rows(16, 5), loss=name).run
    assert run.loss_gradients
    assert all(math.isfinite(g.output) for g in run.loss_gradients.values() if g.output)
