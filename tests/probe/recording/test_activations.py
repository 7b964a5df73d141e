"""Every activation of the catalog is known again in a model, as a module and as a function."""

import pytest
import torch
from torch import nn

from initlab.catalog import ACTIVATIONS
from initlab.probe.recording.measure import Setup, measure
from initlab.probe.rules.view import View
from initlab.probe.theory.operands import Ops
from initlab.theory.moments import choice_of


class Function(nn.Module):
    """A function of a tensor as a module, whose ops are then between those of others."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, z):
        return self.function(z)


def view_of(activation):
    def build():
        return nn.Sequential(nn.Linear(6, 8), activation(), nn.Linear(8, 2))

    return View(measure(Setup(build, lambda _: ((torch.randn(5, 6),), {})), 0))


def found_in(activation):
    """What the ops of it are said to be."""
    return {*Ops(view_of(activation)).activations.values()}


def functions():
    """The catalog's own functions, with parameters other than the default ones."""
    others = {
        "leaky_relu": {"negative_slope": 0.3},
        "elu": {"alpha": 0.7},
        "celu": {"alpha": 0.7},
        "softplus": {"beta": 2.0},
        "hardtanh": {"min_val": -0.5, "max_val": 2.0},
    }
    for name, record in ACTIVATIONS.items():
        for parameters in filter(None, ({**record.defaults}, others.get(name))):
            yield pytest.param(name, parameters, id=f"{name} {parameters}")
        if not record.defaults:
            yield pytest.param(name, {}, id=name)


@pytest.mark.parametrize(("name", "parameters"), list(functions()))
def test_functions_of_the_catalog(name, parameters):
    phi = ACTIVATIONS[name].bind(parameters)
    found = found_in(lambda: Function(phi))
    # of the identity there is nothing to see: theory takes what has no activation as one
    expected = set() if name == "identity" else {choice_of(name, **parameters)}
    assert found == expected


MODULES = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "relu6": nn.ReLU6,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "hardtanh": nn.Hardtanh,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "tanhshrink": nn.Tanhshrink,
    "logsigmoid": nn.LogSigmoid,
}
#: torch.nn has no module of these
FUNCTIONS_ONLY = {"sin", "erf", "arctan", "relu_squared"}


def test_every_activation_is_tried_as_a_module_if_it_is_one():
    assert {*MODULES} | FUNCTIONS_ONLY == {*ACTIVATIONS}


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_their_activation_and_nothing_else(name):
    expected = set() if name == "identity" else {choice_of(name)}
    assert found_in(MODULES[name]) == expected


@pytest.mark.parametrize(
    ("module", "name", "parameters"),
    [
        (lambda: nn.LeakyReLU(0.2), "leaky_relu", {"negative_slope": 0.2}),
        (lambda: nn.LeakyReLU(0.2, inplace=True), "leaky_relu", {"negative_slope": 0.2}),
        (lambda: nn.ReLU(inplace=True), "relu", {}),
        (lambda: nn.PReLU(init=0.125), "leaky_relu", {"negative_slope": 0.125}),
        (lambda: nn.ELU(0.5), "elu", {"alpha": 0.5}),
        (lambda: nn.CELU(0.5), "celu", {"alpha": 0.5}),
        (lambda: nn.Softplus(3.0), "softplus", {"beta": 3.0}),
        (lambda: nn.Hardtanh(-2.0, 3.0), "hardtanh", {"min_val": -2.0, "max_val": 3.0}),
        (lambda: Function(lambda z: z.clamp(min=0)), "relu", {}),
        (lambda: Function(lambda z: z.clamp(0, 6)), "relu6", {}),
        (lambda: Function(lambda z: z.clamp(-1, max=2)), "hardtanh", {"max_val": 2.0}),
        (lambda: Function(lambda z: nn.functional.threshold(z, 0, 0)), "relu", {}),
        (lambda: Function(lambda z: torch.relu(z) ** 2), "relu_squared", {}),
        (lambda: Function(lambda z: torch.relu(z).square()), "relu_squared", {}),
        (lambda: Function(lambda z: z * torch.sigmoid(z)), "silu", {}),
        (lambda: Function(lambda z: torch.sigmoid(z) * z), "silu", {}),
        (lambda: Function(lambda z: z / (1 + z.abs())), "softsign", {}),
        (lambda: Function(lambda z: z - z.tanh()), "tanhshrink", {}),
    ],
)
def test_parameters_and_other_ways_to_write_it(module, name, parameters):
    assert choice_of(name, **parameters) in found_in(module)


@pytest.mark.parametrize(
    "function",
    [
        lambda z: z.clamp(min=0.5),
        lambda z: z.clamp(max=1),
        lambda z: z.clamp(1, 2),
        lambda z: nn.functional.threshold(z, 0.1, 0),
        lambda z: z / (2 + z.abs()),  # not softsign
        lambda z: z**2,
        lambda z: z * torch.cos(z),
        lambda z: torch.tanh(z) - z,
    ],
)
def test_what_is_none_is_none(function):
    # tanh is a part of the last, and stands for itself
    assert found_in(lambda: Function(function)) <= {choice_of("tanh")}
