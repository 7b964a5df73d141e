"""Theory beside measurement: wide networks agree, and of what it cannot follow it is silent.

Tolerances are those of one network of width 1000: ln of a mean square strays by some sqrt(5 L / n)
after L layers (Hanin & Nica 2019), 0.14 of the square and 0.07 of the rms for L = 4.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from initlab import load_plan
from initlab.probe.recording.measure import Setup, measure
from initlab.probe.rules.view import View
from initlab.probe.theory.expectation import expect
from initlab.theory.prediction import predict

WIDTH, INPUTS, ROWS, RMS, GRADIENT = 1000, 100, 32, 0.05, 0.08


def view_of(build, *shape, seed=0, x=None):
    shape = shape or (ROWS, INPUTS)
    return View(
        measure(Setup(build, lambda _: ((torch.randn(shape) if x is None else x,), {})), seed)
    )


def stack(activation, init, *, width=WIDTH, depth=3, inputs=INPUTS, **options):
    """Products, each but the last with an activation behind it, of one width."""

    def build():
        layers = []
        for fan_in, fan_out in pairwise([inputs, *[width] * depth]):
            layers += [nn.Linear(fan_in, fan_out, **options), activation()]
            init(layers[-2])
        return nn.Sequential(*layers[:-1])

    return build


def he(linear):
    nn.init.kaiming_normal_(linear.weight)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)


def with_biases(linear):
    nn.init.normal_(linear.weight, std=1.5 / linear.in_features**0.5)
    nn.init.normal_(linear.bias, std=0.3)


def around(linear):
    nn.init.normal_(linear.weight, std=1.5 / linear.in_features**0.5)
    nn.init.constant_(linear.bias, 0.5)


def tanh_gain(linear):
    nn.init.xavier_uniform_(linear.weight, 5 / 3)
    nn.init.zeros_(linear.bias)


def orthogonal(linear):
    nn.init.orthogonal_(linear.weight, 2**0.5)
    nn.init.zeros_(linear.bias)


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *values):
        return self.function(*values)


class Branch(nn.Module):
    """X + factor F(x), F = norm, linear, activation, dropout, linear."""

    def __init__(self, norm=nn.LayerNorm, factor=0.5, dropout=0.0):
        super().__init__()
        self.norm, self.up, self.down = (
            norm(WIDTH),
            nn.Linear(WIDTH, WIDTH),
            nn.Linear(WIDTH, WIDTH),
        )
        self.factor, self.drop = factor, nn.Dropout(dropout)
        he(self.up)
        he(self.down)

    def forward(self, x):
        return x + self.factor * self.down(self.drop(torch.relu(self.up(self.norm(x)))))


def residual(**options):
    def build():
        branches = [Branch(**options) for _ in range(2)]
        norm = options.get("norm", nn.LayerNorm)
        return nn.Sequential(
            nn.Linear(INPUTS, WIDTH), *branches, norm(WIDTH), nn.Linear(WIDTH, 500)
        )

    return build


# closed forms ------------------------------------------------------------------------------------


def test_he_keeps_the_second_moment_of_relu():
    # E z^2 = 2 E h^2, E relu(z)^2 = E z^2 / 2 (He et al. 2015, eq. 10). Backward each product of
    # equal fans doubles ||g||^2, and each ReLU halves it; the first has fan_in 100 of fan_out 1000
    view = view_of(stack(nn.ReLU, he))
    expected = expect(view)
    assert expected.why == ""
    (x, *sites), by_site = view.trunk, expected.by_site
    assert x.value is not None
    for site in sites:
        factor = 2**0.5 if "addmm" in site.op.name else 1.0
        # weights of 1e6 normal numbers have their std to 1e-3, and those of 1e5 to 2e-3
        assert by_site[site.name].rms == pytest.approx(factor * x.value.rms, rel=0.01)
    assert by_site["4"].grad == pytest.approx(1, rel=1e-6)
    assert by_site["3"].grad == pytest.approx(2**0.5, rel=0.01)
    assert by_site["2"].grad == pytest.approx(1, rel=0.01)
    assert by_site["(input)"].grad == pytest.approx(2**0.5, rel=0.02)


def test_a_linear_network_multiplies_both():
    # E z^2 = sigma_w^2 E h^2 and ||W^T g||^2 = sigma_w^2 ||g||^2, here 1.21
    def init(linear):
        nn.init.normal_(linear.weight, std=1.1 / WIDTH**0.5)
        nn.init.zeros_(linear.bias)

    view = view_of(stack(nn.Identity, init, inputs=WIDTH), ROWS, WIDTH)
    by_site = expect(view).by_site
    for power, name in enumerate(("0", "2", "4"), 1):
        assert by_site[name].rms == pytest.approx(view.trunk[0].value.rms * 1.1**power, rel=0.005)
        assert by_site[name].grad == pytest.approx(1.1 ** (3 - power), rel=0.005)


def test_predictions_are_those_of_initlab_predict():
    # the same network by its spec: tanh has mean 0, so that std and rms are the same
    x = torch.randn(ROWS, INPUTS, generator=torch.Generator().manual_seed(0))
    x /= x.square().mean(1, keepdim=True).sqrt()
    view = view_of(stack(nn.Tanh, with_biases, width=200, depth=4), x=x)
    linears = [m for m in view.run.model if isinstance(m, nn.Linear)]
    layers = {
        str(i): {
            "init": {
                "scheme": "scaled_normal",
                "sigma_w": math.sqrt(m.weight.detach().double().square().sum() / m.out_features),
            },
            "bias": {"std": math.sqrt(m.bias.detach().double().square().mean())},
        }
        for i, m in enumerate(linears)
    }
    layers["3"]["activation"] = "identity"
    plan = load_plan(
        {
            "shape": [INPUTS, *[200] * 4],
            "activation": "tanh",
            "init": "xavier_normal",
            "layers": layers,
        }
    )
    (prediction,) = predict(plan.runs)
    by_site = expect(view).by_site
    for layer in range(4):
        pre, post = by_site[str(2 * layer)], by_site[str(min(2 * layer + 1, 6))]
        assert pre.rms == pytest.approx(prediction.layers.pre_std[layer], rel=1e-5)
        assert post.rms == pytest.approx(prediction.layers.std[layer], rel=1e-5)


# measured networks -------------------------------------------------------------------------------

NETWORKS = {
    "relu, He": (stack(nn.ReLU, he), ()),
    "no biases": (stack(nn.ReLU, he, bias=False), ()),
    "as torch makes it": (stack(nn.ReLU, lambda _: None), ()),
    "tanh, 5/3": (stack(nn.Tanh, tanh_gain), ()),
    "gelu, with biases": (stack(nn.GELU, with_biases), ()),
    "sigmoid, with biases": (stack(nn.Sigmoid, with_biases), ()),
    "tanh, biases of a half": (stack(nn.Tanh, around), ()),
    "orthogonal": (stack(nn.ReLU, orthogonal), ()),
    "several ops": (stack(lambda: Function(lambda z: z * z.sigmoid()), with_biases), ()),
    "tokens": (stack(nn.Softsign, with_biases, bias=True), (8, 4, INPUTS)),
    "pictures": (
        lambda: nn.Sequential(nn.Flatten(), stack(nn.ReLU, he)()),
        (ROWS, 4, 5, 5),
    ),
    "layer norm": (
        lambda: nn.Sequential(
            nn.Linear(INPUTS, WIDTH), nn.ReLU(), nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH)
        ),
        (),
    ),
    "dropout": (
        lambda: nn.Sequential(
            nn.Linear(INPUTS, WIDTH), nn.ReLU(), nn.Dropout(0.5), nn.Linear(WIDTH, WIDTH)
        ),
        (),
    ),
    "pre-norm": (residual(), ()),
    "pre-norm, rms, dropout": (residual(norm=nn.RMSNorm, dropout=0.2), ()),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_wide_network_is_as_predicted(name):
    build, shape = NETWORKS[name]
    view = view_of(build, *shape)
    expected = expect(view)
    assert expected.why == ""
    assert len(view.trunk) > 3
    for site in view.trunk:
        found = expected.by_site[site.name]
        assert found.rms == pytest.approx(site.value.rms, rel=RMS), site.name
        assert found.grad == pytest.approx(site.grad, rel=GRADIENT), site.name


def test_rows_of_other_lengths_are_followed_each_by_itself():
    # of tanh, E tanh(z)^2 at the mean q is far from the mean over rows of q / 100 and 100 q
    scale = torch.tensor([0.1, 10.0]).repeat(ROWS // 2)[:, None]
    x = torch.randn(ROWS, INPUTS, generator=torch.Generator().manual_seed(0)) * scale
    view = view_of(stack(nn.Tanh, tanh_gain), x=x)
    by_site = expect(view).by_site
    for site in view.trunk:
        assert by_site[site.name].rms == pytest.approx(site.value.rms, rel=RMS)
        assert by_site[site.name].grad == pytest.approx(site.grad, rel=GRADIENT)


def test_a_frozen_bias_counts():
    def frozen(linear):
        around(linear)
        linear.bias.requires_grad_(False)

    view = view_of(stack(nn.Tanh, frozen))
    for site in view.trunk:
        found = expect(view).by_site[site.name]
        assert found.rms == pytest.approx(site.value.rms, rel=RMS)


# bands -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid])
def test_four_fifths_of_networks_lie_in_the_band(activation):
    init = he if activation is nn.ReLU else with_biases
    within, seeds = [], range(24)
    for seed in seeds:
        view = view_of(stack(activation, init, width=60, depth=5, inputs=60), 16, 60, seed=seed)
        by_site = expect(view).by_site
        # of the first product little is left to chance, once its weights' std was measured
        for site in view.trunk[2:]:
            found = by_site[site.name]
            assert found.rms_p10 < found.rms_p90
            within.append(found.rms_p10 <= site.value.rms <= found.rms_p90)
    # sites of a network are not independent: 2 standard errors of 24 networks are 0.16
    assert np.mean(within) == pytest.approx(0.8, abs=0.15)


@pytest.mark.parametrize("build", [stack(nn.ReLU, orthogonal), stack(nn.Tanh, around), residual()])
def test_there_is_no_band_of_what_is_not_simulated(build):
    expected = expect(view_of(build))
    assert expected.why == ""
    assert {site.rms_p10 for site in expected.by_site.values()} == {None}


# silence -----------------------------------------------------------------------------------------


class Twice(nn.Module):
    """One weight at two places."""

    def __init__(self):
        super().__init__()
        self.first, self.again = nn.Linear(20, 20), nn.Linear(20, 20)

    def forward(self, x):
        return self.again(torch.relu(self.again(torch.relu(self.first(x)))))


class Copies(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 20))
        self[2].load_state_dict(self[0].state_dict())


class Plus(nn.Module):
    """Z + relu(W z): both sides know W."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(20, 20), nn.Linear(20, 20)

    def forward(self, x):
        z = self.first(x)
        return z + torch.relu(self.second(z))


def constant():
    model = nn.Sequential(nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 20))
    nn.init.constant_(model[2].weight, 0.1)
    return model


def linear_and(*rest):
    return lambda: nn.Sequential(nn.Linear(20, 20), *rest, nn.Linear(20, 5))


SILENT = [
    (linear_and(nn.BatchNorm1d(20), nn.ReLU()), (16, 20), "batch norm"),
    (linear_and(nn.Softmax(-1)), (16, 20), "_softmax"),
    (linear_and(Function(lambda z: z @ z)), (20, 20), "two values"),
    (linear_and(nn.ReLU(), nn.ReLU()), (16, 20), "relu of 1: what comes in is not normal"),
    (Twice, (16, 20), "again.weight is used again"),
    (Copies, (16, 20), "2.weight is a copy of 0.weight"),
    (Plus, (16, 20), "both sides of a sum"),
    (constant, (16, 20), "2.weight is of no law that theory knows: constant"),
    (linear_and(Function(lambda z: z.T)), (20, 20), "transposed"),
    (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10)),
        (8, 3, 8, 8),
        "a convolution (0)",
    ),
]


@pytest.mark.parametrize(("build", "shape", "why"), SILENT)
def test_what_theory_does_not_follow_it_names(build, shape, why):
    view = view_of(build, *shape)
    expected = expect(view)
    assert why in expected.why
    # what comes before is known, if it is more than the input; what comes after is not, and no
    # gradient is
    assert view.trunk[-1].name not in expected.by_site
    assert {site.grad for site in expected.by_site.values()} <= {None}
    for site in view.trunk:
        if site.name in expected.by_site:
            assert expected.by_site[site.name].rms == pytest.approx(site.value.rms, rel=0.3)
    assert bool(expected.by_site) == (why != "a convolution (0)")


def test_weights_that_are_computed_are_no_law():
    def build():
        model = nn.Sequential(nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 5))
        nn.utils.parametrizations.weight_norm(model[2])
        return model

    view = view_of(build, 16, 20)
    expected = expect(view)
    assert "parameters alone" in expected.why
    assert view.trunk[-1].name not in expected.by_site


def test_tokens_and_two_inputs_have_no_theory():
    tokens = torch.arange(20).reshape(4, 5)
    view = view_of(lambda: nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 3)), x=tokens)
    assert expect(view).why == "no input is a number; theory follows one"
    setup = Setup(
        lambda: nn.Bilinear(5, 6, 7), lambda _: ((torch.randn(4, 5), torch.randn(4, 6)), {})
    )
    assert expect(View(measure(setup, 0))).why.startswith("there are 2 floating point inputs")


def test_numbers_that_leave_their_dtype_raise_nothing():
    def init(linear):
        nn.init.normal_(linear.weight, std=1e30)

    expected = expect(view_of(stack(nn.ReLU, init, width=20, inputs=20), 8, 20))
    assert expected.by_site["(input)"].rms is not None
    x = torch.full((8, 20), torch.nan)
    assert expect(view_of(stack(nn.ReLU, he, width=20, inputs=20), x=x)) is not None


def test_zeros_are_predicted_as_zeros():
    view = view_of(stack(nn.ReLU, he), x=torch.zeros(ROWS, INPUTS))
    assert {site.rms for site in expect(view).by_site.values()} == {0.0}
