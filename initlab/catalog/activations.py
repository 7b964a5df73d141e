"""Activation functions. To add one, add a record; its tests, help and completion follow."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from initlab.catalog.table import Parameter, Record, Table, load

Parameters = Mapping[str, Any]


def _no_kinks(_: Parameters) -> tuple[float, ...]:
    return ()


def _kinks(*points: float) -> Callable[[Parameters], tuple[float, ...]]:
    return lambda _: points


@dataclass(frozen=True, kw_only=True, eq=False)
class Activation(Record):
    """An elementwise function of the pre-activation.

    `function` names a callable on tensors, `fixed` its constant keywords; parameters are passed as
    keywords. `kinks` are the points where the function or a low derivative jumps: quadrature splits
    there. `table_gain` is torch's `calculate_gain` for it, where torch has one. `into` names a
    faster way to function and slope, which writes both into given memory.
    """

    function: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    kinks: Callable[[Parameters], tuple[float, ...]] = _no_kinks
    table_gain: Callable[[Parameters], float] | None = None
    into: str = ""

    def bind(self, parameters: Parameters) -> Callable[[Any], Any]:
        """The function of a tensor with its parameters filled in. Imports torch."""
        return partial(load(self.function), **self.fixed, **parameters)

    def bind_into(self, parameters: Parameters) -> Callable[[Any, Any, Any], None] | None:
        """What writes phi(z) and phi'(z), if there is such a way. Imports torch."""
        return partial(load(self.into), **parameters) if self.into else None


LARGE = 1e6  # far beyond it, quadrature and float32 lose all digits
ALPHA = Parameter("alpha", "height of the negative plateau", 1.0, above=0, maximum=LARGE)

ACTIVATIONS = Table(
    "activation",
    "activations",
    Activation(
        name="identity",
        function="initlab.network.activations:identity",
        into="initlab.network.activations:identity_into",
        formula="z",
        about="no activation: a deep linear network",
        source="Saxe, McClelland & Ganguli 2014",
        aliases=("linear", "none"),
        table_gain=lambda _: 1.0,
    ),
    Activation(
        name="sigmoid",
        function="torch:sigmoid",
        into="initlab.network.activations:sigmoid_into",
        formula="1 / (1 + e^-z)",
        about="saturates at 0 and 1, slope at most 1/4",
        source="Rumelhart, Hinton & Williams 1986",
        aliases=("logistic",),
        table_gain=lambda _: 1.0,
    ),
    Activation(
        name="tanh",
        function="torch:tanh",
        into="initlab.network.activations:tanh_into",
        formula="(e^z - e^-z) / (e^z + e^-z)",
        about="saturates at -1 and 1, slope 1 at 0",
        source="LeCun et al. 1998, Efficient BackProp",
        table_gain=lambda _: 5 / 3,
    ),
    Activation(
        name="relu",
        function="torch:relu",
        into="initlab.network.activations:relu_into",
        formula="max(0, z)",
        about="zero for half of its inputs, linear for the others",
        source="Nair & Hinton 2010",
        kinks=_kinks(0.0),
        table_gain=lambda _: math.sqrt(2.0),
    ),
    Activation(
        name="leaky_relu",
        function="torch.nn.functional:leaky_relu",
        into="initlab.network.activations:leaky_relu_into",
        formula="max(0, z) + negative_slope min(0, z)",
        about="a ReLU that leaks on the negative side",
        source="Maas, Hannun & Ng 2013",
        parameters=(
            Parameter("negative_slope", "slope for z < 0", 0.01, minimum=-LARGE, maximum=LARGE),
        ),
        kinks=_kinks(0.0),
        table_gain=lambda p: math.sqrt(2.0 / (1.0 + p["negative_slope"] ** 2)),
    ),
    Activation(
        name="relu6",
        function="torch.nn.functional:relu6",
        formula="min(max(0, z), 6)",
        about="a ReLU with a ceiling, for low precision",
        source="Krizhevsky 2010",
        kinks=_kinks(0.0, 6.0),
    ),
    Activation(
        name="elu",
        function="torch.nn.functional:elu",
        into="initlab.network.activations:elu_into",
        formula="z if z > 0 else alpha (e^z - 1)",
        about="exponential linear unit",
        source="Clevert, Unterthiner & Hochreiter 2016",
        parameters=(ALPHA,),
        kinks=_kinks(0.0),
    ),
    Activation(
        name="selu",
        function="torch:selu",
        formula="1.0507 (z if z > 0 else 1.6733 (e^z - 1))",
        about="self-normalising: with Var W = 1/n, mean 0 and variance 1 are a fixed point",
        source="Klambauer et al. 2017",
        kinks=_kinks(0.0),
        table_gain=lambda _: 0.75,
    ),
    Activation(
        name="celu",
        function="torch:celu",
        formula="max(0, z) + min(0, alpha (e^(z/alpha) - 1))",
        about="an ELU whose slope is continuous for every alpha",
        source="Barron 2017",
        parameters=(ALPHA,),
        kinks=_kinks(0.0),
    ),
    Activation(
        name="gelu",
        function="torch.nn.functional:gelu",
        into="initlab.network.activations:gelu_into",
        formula="z N(z), N the standard normal distribution",
        about="Gaussian error linear unit, the exact (erf) form",
        source="Hendrycks & Gimpel 2016",
    ),
    Activation(
        name="gelu_tanh",
        function="torch.nn.functional:gelu",
        fixed={"approximate": "tanh"},
        formula="z (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))) / 2",
        about="GELU's tanh approximation, as in GPT-2",
        source="Hendrycks & Gimpel 2016",
        aliases=("gelu_new",),
    ),
    Activation(
        name="silu",
        function="torch.nn.functional:silu",
        into="initlab.network.activations:silu_into",
        formula="z / (1 + e^-z)",
        about="sigmoid linear unit",
        source="Elfwing, Uchibe & Doya 2018; Ramachandran et al. 2017",
        aliases=("swish",),
    ),
    Activation(
        name="mish",
        function="torch.nn.functional:mish",
        formula="z tanh(ln(1 + e^z))",
        about="a smooth, slightly non-monotone ReLU",
        source="Misra 2020",
    ),
    Activation(
        name="softplus",
        function="torch.nn.functional:softplus",
        formula="ln(1 + e^(beta z)) / beta",
        about="a smooth ReLU that is never zero",
        source="Dugas et al. 2001",
        parameters=(Parameter("beta", "sharpness", 1.0, minimum=1 / LARGE, maximum=LARGE),),
    ),
    Activation(
        name="softsign",
        function="torch.nn.functional:softsign",
        formula="z / (1 + |z|)",
        about="saturates like tanh, but slowly",
        source="Bergstra et al. 2009; Glorot & Bengio 2010",
        kinks=_kinks(0.0),
    ),
    Activation(
        name="hardtanh",
        function="torch.nn.functional:hardtanh",
        formula="min(max(min_val, z), max_val)",
        about="a piecewise linear tanh",
        source="Collobert 2004",
        parameters=(
            Parameter("min_val", "floor", -1.0, maximum=0),
            Parameter("max_val", "ceiling", 1.0, above=0),
        ),
        kinks=lambda p: (p["min_val"], p["max_val"]),
    ),
    Activation(
        name="hardsigmoid",
        function="torch.nn.functional:hardsigmoid",
        formula="min(max(0, z/6 + 1/2), 1)",
        about="a piecewise linear sigmoid",
        source="Courbariaux, Bengio & David 2015; Howard et al. 2019",
        kinks=_kinks(-3.0, 3.0),
    ),
    Activation(
        name="hardswish",
        function="torch.nn.functional:hardswish",
        formula="z min(max(0, z + 3), 6) / 6",
        about="a piecewise polynomial SiLU",
        source="Howard et al. 2019",
        kinks=_kinks(-3.0, 3.0),
    ),
    Activation(
        name="tanhshrink",
        function="torch.nn.functional:tanhshrink",
        formula="z - tanh z",
        about="nearly zero near the origin: signals vanish at any usual scale",
        source="PyTorch, torch.nn.Tanhshrink",
    ),
    Activation(
        name="logsigmoid",
        function="torch.nn.functional:logsigmoid",
        formula="-ln(1 + e^-z)",
        about="the logarithm of the sigmoid; never positive",
        source="PyTorch, torch.nn.LogSigmoid",
    ),
    Activation(
        name="sin",
        function="initlab.network.activations:sin",
        formula="sin(omega z)",
        about="periodic, for implicit representations",
        source="Sitzmann et al. 2020",
        aliases=("sine",),
        parameters=(
            Parameter("omega", "frequency", 1.0, minimum=1 / LARGE, maximum=LARGE, later=True),
        ),
    ),
    Activation(
        name="erf",
        function="torch:erf",
        formula="2/sqrt(pi) int_0^z e^(-t^2) dt",
        about="tanh's cousin with a closed-form kernel",
        source="Williams 1997",
    ),
    Activation(
        name="arctan",
        function="torch:arctan",
        formula="arctan z",
        about="saturates at -pi/2 and pi/2, slowly",
        source="LeCun et al. 1998, Efficient BackProp",
        aliases=("atan",),
    ),
    Activation(
        name="relu_squared",
        function="initlab.network.activations:relu_squared",
        formula="max(0, z)^2",
        about="not scale-free: a signal off its fixed point squares itself away",
        source="So et al. 2021, Primer",
        aliases=("relu2", "squared_relu"),
        kinks=_kinks(0.0),
    ),
)
