"""Initialisers: each is a unit draw times a scale plus a shift. To add one, add a record.

The unit draws (`network/draws.py` makes them):

    normal       N(0, 1)
    uniform      U(-1, 1)
    truncated    N(0, 1) cut at (lower, upper)
    orthogonal   a matrix with orthonormal rows or columns, Haar distributed
    identity     ones on the main diagonal
    sparse       N(0, 1) with a fraction of every column set to zero
    constant     ones

Schemes that differ only in scale and shift share their random numbers, so comparing them is paired.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from initlab.catalog.activations import ACTIVATIONS
from initlab.catalog.table import Parameter, Record, Table

Parameters = Mapping[str, Any]
Draw = tuple[str | float, ...]

#: what theory says of weights, by their unit draw
INDEPENDENT = "predictions and bands, if the mean is 0"
THEORY = {
    "normal": INDEPENDENT,
    "uniform": INDEPENDENT,
    "truncated": INDEPENDENT,
    "orthogonal": "predictions and bands",
    "sparse": "predictions; entries are not independent: bands with band.gradient only",
    "identity": "none: weights are not independent draws of mean 0",
    "constant": "none, but for zeros: weights are not independent draws of mean 0",
}


@dataclass(frozen=True)
class Fans:
    """Inputs and outputs of one layer; `nn.Linear`'s weight has shape (fan_out, fan_in)."""

    fan_in: int
    fan_out: int

    def mode(self, name: str) -> float:
        """The fan that a `mode` or a `fan` names: fan_in, fan_out, fan_avg or fan_geo_avg.

        Raises:
            ValueError: no such fan.
        """
        match name.removeprefix("fan_"):
            case "in":
                return self.fan_in
            case "out":
                return self.fan_out
            case "avg":
                return (self.fan_in + self.fan_out) / 2
            case "geo" | "geo_avg":
                return math.sqrt(self.fan_in * self.fan_out)
        raise ValueError(f"no fan {name!r}; known: fan_in, fan_out, fan_avg, fan_geo_avg")


def _sound(_: Parameters) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class Scheme(Record):
    """How a layer's weights are drawn.

    `draw(parameters)` is the unit draw; `scale(fans, parameters)` returns (scale, shift), with a
    `gain` already resolved to a number. `for_bias` says whether it can fill a bias vector, `bias`
    which scheme fills the bias when the spec says nothing. `check` returns what is wrong with a set
    of parameters that are each in range. In a plain PyTorch script torch_default needs no second
    draw: `in_constructor` says that the `nn.Linear` constructor already made these weights.
    """

    draw: Callable[[Parameters], Draw]
    scale: Callable[[Fans, Parameters], tuple[float, float]]
    for_bias: bool = False
    bias: str | None = None
    in_constructor: bool = False
    check: Callable[[Parameters], str | None] = _sound


def _draw(name: str) -> Callable[[Parameters], Draw]:
    return lambda _: (name,)


def table_gain(nonlinearity: str, parameters: Parameters) -> float:
    """Torch's `calculate_gain`: a ratio of standard deviations by convention, not by computation.

    Args:
        nonlinearity: an activation with an entry in torch's table.
        parameters: that activation's parameters (leaky_relu's negative_slope).
    """
    record = ACTIVATIONS[nonlinearity]
    if record.table_gain is None:
        raise ValueError(f"torch's gain table has no entry for {nonlinearity}")
    return record.table_gain({**record.defaults, **parameters})


def _glorot(fans: Fans, p: Parameters, spread: float) -> tuple[float, float]:
    # Var W = gain^2 * 2 / (fan_in + fan_out); a uniform on (-a, a) has variance a^2 / 3
    return float(p["gain"]) * math.sqrt(2.0 / (fans.fan_in + fans.fan_out)) * spread, 0.0


def _he(fans: Fans, p: Parameters, spread: float) -> tuple[float, float]:
    # Var W = gain^2 / fan, gain^2 = 2 / (1 + a^2) for leaky_relu of slope a
    gain = table_gain(p["nonlinearity"], {"negative_slope": p["a"]})
    return gain / math.sqrt(fans.mode(p["mode"])) * spread, 0.0


def _lecun(fans: Fans, p: Parameters, spread: float) -> tuple[float, float]:
    return float(p["gain"]) / math.sqrt(_fan(fans, p)) * spread, 0.0


def _fan(fans: Fans, p: Parameters) -> float:
    return fans.mode(str(p.get("fan", FAN.default)))


def _scaled_variance(fans: Fans, p: Parameters) -> tuple[float, float]:
    # Var W = scale / fan, whatever the draw
    std = math.sqrt(p["scale"] / fans.mode(p["mode"]))
    return std / DISTRIBUTIONS[p["distribution"]][1], 0.0


def _sparse_scale(fans: Fans, p: Parameters) -> tuple[float, float]:
    if "gain" not in p:
        return p["std"], 0.0
    # of the fan_in inputs of a neuron, on average (fan_out - zeros) / fan_out have a weight, as
    # every column has that share of its own
    zeros = math.ceil(p["sparsity"] * fans.fan_out)
    inputs = fans.fan_in * (fans.fan_out - zeros) / fans.fan_out
    return float(p["gain"]) / math.sqrt(inputs) if inputs else 0.0, 0.0


def _uniform_check(p: Parameters) -> str | None:
    return None if p["a"] < p["b"] else f"needs a < b, got a={p['a']:g} and b={p['b']:g}"


def _truncated_check(p: Parameters) -> str | None:
    if p["a"] >= p["b"]:
        return f"needs a < b, got a={p['a']:g} and b={p['b']:g}"
    lower, upper = (p["a"] - p["mean"]) / p["std"], (p["b"] - p["mean"]) / p["std"]
    if lower > 2 or upper < -2:
        return f"mean {p['mean']:g} is more than 2 std outside [{p['a']:g}, {p['b']:g}]"
    return None


def _truncated(p: Parameters) -> Draw:
    return "truncated", (p["a"] - p["mean"]) / p["std"], (p["b"] - p["mean"]) / p["std"]


GAIN = Parameter("gain", "a number, an activation's name, or auto", 1.0, kind="gain", above=0)
OMEGA = Parameter("omega", "omega of the activation sin(omega z)", 30.0, above=0)
MEAN = Parameter("mean", "mean of the weights", 0.0)
STD = Parameter("std", "standard deviation of the weights", 1.0, minimum=0)
FAN = Parameter(
    "fan",
    "which fan to divide by: avg is their mean, geo the square root of their product",
    "in",
    kind="choice",
    choices=("in", "out", "avg", "geo"),
    later=True,
)
HE = (
    Parameter("a", "negative slope of the leaky_relu that follows", 0.0),
    Parameter(
        "mode",
        "fan_in steadies the forward pass, fan_out the backward pass",
        "fan_in",
        kind="choice",
        choices=("fan_in", "fan_out"),
    ),
    Parameter(
        "nonlinearity",
        "whose gain in torch's table to use",
        "leaky_relu",
        kind="choice",
        choices=tuple(name for name, a in ACTIVATIONS.items() if a.table_gain),
        also={n: name for name, a in ACTIVATIONS.items() if a.table_gain for n in a.aliases},
    ),
)
ROOT3 = math.sqrt(3.0)
#: draws of variance_scaling, and the std of one: of N(0, 1) cut at +-2 it is
#: sqrt(1 - 4 n(2) / (2 N(2) - 1)), n and N the normal density and distribution
DISTRIBUTIONS: Mapping[str, tuple[Draw, float]] = {
    "normal": (("normal",), 1.0),
    "truncated_normal": (("truncated", -2.0, 2.0), 0.87962566103423978),
    "uniform": (("uniform",), 1 / ROOT3),
}

SCHEMES = Table(
    "scheme",
    "schemes",
    Scheme(
        name="xavier_uniform",
        draw=_draw("uniform"),
        scale=lambda f, p: _glorot(f, p, ROOT3),
        parameters=(GAIN,),
        formula="U(-a, a), a = gain sqrt(6 / (fan_in + fan_out))",
        about="a compromise between a steady forward and a steady backward pass",
        source="Glorot & Bengio 2010, eq. 16",
        aliases=("glorot_uniform", "xavier", "glorot"),
    ),
    Scheme(
        name="xavier_normal",
        draw=_draw("normal"),
        scale=lambda f, p: _glorot(f, p, 1.0),
        parameters=(GAIN,),
        formula="N(0, gain^2 2 / (fan_in + fan_out))",
        about="Xavier with normal draws",
        source="Glorot & Bengio 2010, eq. 12",
        aliases=("glorot_normal",),
    ),
    Scheme(
        name="kaiming_uniform",
        draw=_draw("uniform"),
        scale=lambda f, p: _he(f, p, ROOT3),
        parameters=HE,
        formula="U(-b, b), b = sqrt(6 / ((1 + a^2) fan))",
        about="keeps the second moment of a (leaky) ReLU network",
        source="He et al. 2015, eq. 10",
        aliases=("he_uniform",),
    ),
    Scheme(
        name="kaiming_normal",
        draw=_draw("normal"),
        scale=lambda f, p: _he(f, p, 1.0),
        parameters=HE,
        formula="N(0, 2 / ((1 + a^2) fan))",
        about="keeps the second moment of a (leaky) ReLU network",
        source="He et al. 2015, eq. 10",
        aliases=("he_normal", "kaiming", "he"),
    ),
    Scheme(
        name="lecun_normal",
        draw=_draw("normal"),
        scale=lambda f, p: _lecun(f, p, 1.0),
        parameters=(GAIN, FAN),
        formula="N(0, gain^2 / fan_in)",
        about="keeps the variance of a linear network; what SELU asks for",
        source="LeCun et al. 1998, Efficient BackProp, sec. 4.6",
    ),
    Scheme(
        name="lecun_uniform",
        draw=_draw("uniform"),
        scale=lambda f, p: _lecun(f, p, ROOT3),
        parameters=(GAIN, FAN),
        formula="U(-a, a), a = gain sqrt(3 / fan_in)",
        about="LeCun with uniform draws",
        source="LeCun et al. 1998, Efficient BackProp, sec. 4.6",
    ),
    Scheme(
        name="scaled_normal",
        draw=_draw("normal"),
        scale=lambda f, p: (p["sigma_w"] / math.sqrt(_fan(f, p)), 0.0),
        parameters=(Parameter("sigma_w", "std of the weights times sqrt(fan_in)", above=0), FAN),
        formula="N(0, sigma_w^2 / fan_in)",
        about="the parametrisation of mean-field theory",
        source="Poole et al. 2016, eq. 1",
    ),
    Scheme(
        name="variance_scaling",
        draw=lambda p: DISTRIBUTIONS[p["distribution"]][0],
        scale=_scaled_variance,
        parameters=(
            Parameter("scale", "Var W times the fan: 2 for ReLU", 1.0, above=0),
            Parameter(
                "mode",
                "which fan to divide by: avg is their mean, geo_avg the root of their product",
                "fan_in",
                kind="choice",
                choices=("fan_in", "fan_out", "fan_avg", "fan_geo_avg"),
            ),
            Parameter(
                "distribution",
                "truncated_normal is cut at 2 std, and widened so that Var W is what it says",
                "truncated_normal",
                kind="choice",
                choices=tuple(DISTRIBUTIONS),
                also={"untruncated_normal": "normal"},
            ),
        ),
        formula="Var W = scale / fan",
        about="Var W by any draw; glorot_normal, he_normal and lecun_normal of Keras and JAX are"
        " its truncated normals, those here are not truncated",
        source="Keras, VarianceScaling; JAX, jax.nn.initializers.variance_scaling",
    ),
    Scheme(
        name="siren",
        draw=_draw("uniform"),
        scale=lambda f, p: (math.sqrt(6.0 / f.fan_in) / p["omega"], 0.0),
        parameters=(OMEGA,),
        bias="torch_default",
        formula="U(-a, a), a = sqrt(6 / fan_in) / omega; biases as nn.Linear has them",
        about="for the hidden layers of a network of sin(omega z): omega z keeps a std near 1",
        source="Sitzmann et al. 2020, sec. 3.2; biases as in their code",
    ),
    Scheme(
        name="siren_first",
        draw=_draw("uniform"),
        scale=lambda f, _: (1.0 / f.fan_in, 0.0),
        bias="torch_default",
        formula="U(-1 / fan_in, 1 / fan_in); biases as nn.Linear has them",
        about="for the first layer of a network of sin(omega z), whose inputs lie in -1 to 1",
        source="Sitzmann et al. 2020, sec. 3.2 and supplement; biases as in their code",
    ),
    Scheme(
        name="normal",
        draw=_draw("normal"),
        scale=lambda _, p: (p["std"], p["mean"]),
        parameters=(MEAN, STD),
        for_bias=True,
        formula="N(mean, std^2)",
        about="the same spread whatever the width: explodes or vanishes with depth",
        source="PyTorch, torch.nn.init.normal_",
        aliases=("gaussian",),
    ),
    Scheme(
        name="uniform",
        draw=_draw("uniform"),
        scale=lambda _, p: (p["b"] / 2 - p["a"] / 2, p["b"] / 2 + p["a"] / 2),
        parameters=(
            Parameter("a", "lower bound", 0.0),
            Parameter("b", "upper bound", 1.0),
        ),
        check=_uniform_check,
        for_bias=True,
        formula="U(a, b)",
        about="torch's default bounds 0 and 1 give every weight a mean of 1/2",
        source="PyTorch, torch.nn.init.uniform_",
    ),
    Scheme(
        name="trunc_normal",
        draw=_truncated,
        scale=lambda _, p: (p["std"], p["mean"]),
        parameters=(
            MEAN,
            Parameter("std", "std before truncation", 1.0, above=0),
            Parameter("a", "lower cut, in units of the weights", -2.0),
            Parameter("b", "upper cut, in units of the weights", 2.0),
        ),
        check=_truncated_check,
        for_bias=True,
        formula="N(mean, std^2) given a <= w <= b",
        about="cuts are absolute: with std 0.02 and the default cuts nothing is truncated",
        source="PyTorch, torch.nn.init.trunc_normal_",
        aliases=("truncated_normal",),
    ),
    Scheme(
        name="constant",
        draw=_draw("constant"),
        scale=lambda _, p: (p["value"], 0.0),
        parameters=(Parameter("value", "what every weight is"),),
        for_bias=True,
        formula="value",
        about="every neuron computes the same: symmetry is never broken",
        source="PyTorch, torch.nn.init.constant_",
    ),
    Scheme(
        name="zeros",
        draw=_draw("constant"),
        scale=lambda *_: (0.0, 0.0),
        for_bias=True,
        formula="0",
        about="no signal and no gradient",
        source="PyTorch, torch.nn.init.zeros_",
    ),
    Scheme(
        name="orthogonal",
        draw=_draw("orthogonal"),
        scale=lambda _, p: (float(p["gain"]), 0.0),
        parameters=(GAIN,),
        formula="gain Q, Q Q^T = I or Q^T Q = I",
        about="keeps every length in a linear network, not only the average one",
        source="Saxe, McClelland & Ganguli 2014",
    ),
    Scheme(
        name="identity",
        draw=_draw("identity"),
        scale=lambda _, p: (float(p["gain"]), 0.0),
        parameters=(GAIN,),
        formula="gain I",
        about="each layer hands its input on; not random at all",
        source="PyTorch, torch.nn.init.eye_",
        aliases=("eye",),
    ),
    Scheme(
        name="sparse",
        draw=lambda p: ("sparse", p["sparsity"]),
        scale=_sparse_scale,
        parameters=(
            Parameter("sparsity", "fraction of zeros in every column", minimum=0, below=1),
            Parameter("std", "std of the weights that are not zero", 0.01, minimum=0),
            Parameter(
                "gain",
                "in place of std: std = gain / sqrt(inputs of a neuron whose weight is not zero,"
                " on average), so that Var z does not depend on sparsity",
                kind="gain",
                above=0,
                later=True,
            ),
        ),
        formula="N(0, std^2), ceil(sparsity fan_out) zeros in every column",
        about="few inputs a neuron, each with a weight of full size",
        source="Martens 2010, sec. 5",
    ),
    Scheme(
        name="torch_default",
        draw=_draw("uniform"),
        scale=lambda f, _: (1.0 / math.sqrt(f.fan_in), 0.0),
        for_bias=True,
        bias="torch_default",
        in_constructor=True,
        formula="U(-a, a), a = 1 / sqrt(fan_in), weights and bias alike",
        about="what nn.Linear does by itself: Var W = 1 / (3 fan_in), and a bias",
        source="PyTorch, torch.nn.Linear.reset_parameters",
        aliases=("pytorch_default", "default"),
    ),
    key="scheme",
)
#: those that can fill a vector
BIAS_SCHEMES = Table(
    SCHEMES.singular, SCHEMES.plural, *[s for s in SCHEMES.values() if s.for_bias], key=SCHEMES.key
)
