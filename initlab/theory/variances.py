"""What theory sees of a network: each layer's fans and the variances of its weights and biases.

At infinite width only these enter. A uniform, a truncated, a sparse and a normal draw of one
variance share one prediction (Poole et al. 2016); orthogonal weights share it for lengths and
gradients.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from initlab.catalog import SCHEMES, Fans
from initlab.catalog.schemes import Draw
from initlab.spec.run import Choice, Layer, Run
from initlab.theory.gains import weight_scale
from initlab.theory.shifts import Shift, bias_law

#: inputs or neurons, of fewer of which a mean is far from its limit: a sum of weights that are not
#: normal from a normal one, and one network from the mean over networks
LEAST_WIDTH = 16


@dataclass(frozen=True)
class LayerVariance:
    """The variances of one layer's weights W (fan_out, fan_in) and biases: both have mean 0.

    `weight_variance` is E W^2 of one weight, `bias_variance` E b^2 of one bias; 0 without biases.
    Weights are independent of each other, or rows or columns of one orthogonal matrix.
    """

    fan_in: int
    fan_out: int
    weight_variance: float
    bias_variance: float = 0.0
    orthogonal: bool = False

    @property
    def sigma_w2(self) -> float:
        """sigma_w^2 of mean-field theory: fan_in E W^2."""
        return self.fan_in * self.weight_variance

    @property
    def backward(self) -> float:
        """What sigma_w^2 is to a gradient: fan_out E W^2."""
        return self.fan_out * self.weight_variance


class LayerLaw(NamedTuple):
    """What theory follows a signal through a layer by.

    `variance` is that of the weights, and of the part of the biases that is normal around 0;
    `shift` is the law of biases that are not, None where all are. `few` is the number of inputs of
    a neuron where these are few and their weights not normal: then z is not quite normal either.
    """

    variance: LayerVariance
    activation: Choice
    shift: Shift | None
    few: float | None = None


def layer_laws(run: Run) -> tuple[LayerLaw, ...] | str:
    """The law of every layer, then of projections; or why theory does not hold for this network."""
    return _layer_laws(run.shape, run.layers[:1]) if not run.differs else _laws_of(run.linears)


def approximation(laws: tuple[LayerLaw, ...]) -> str:
    """Why predictions by these laws are approximate; empty where nothing is known against them."""
    few = [law.few for law in laws if law.few is not None]
    return f"neurons of {min(few):.3g} inputs whose weights are not normal" if few else ""


@cache
def _layer_laws(shape: tuple[int, ...], layers: tuple[Layer, ...]) -> tuple[LayerLaw, ...] | str:
    """Of layers that are all alike."""
    return _laws_of(tuple((*pair, layers[0]) for pair in pairwise(shape)))


@cache
def _laws_of(places: tuple[tuple[int, int, Layer], ...]) -> tuple[LayerLaw, ...] | str:
    """Of layers with these fans."""
    known: dict[tuple[int, int, Layer], LayerLaw] = {}
    for place in dict.fromkeys(places):
        law = _layer_law(place[:2], place[2])
        if isinstance(law, str):
            return law
        known[place] = law
    return tuple(known[place] for place in places)


def _layer_law(pair: tuple[int, int], layer: Layer) -> LayerLaw | str:
    fans = Fans(*pair)
    moments = _moments(layer, fans)
    if moments is None:
        return f"{layer.init.name} weights are not independent draws of mean 0"
    if not math.isfinite(moments[1]):
        return "weights whose variance is beyond float64"
    if moments[0]:
        return f"weights of mean {moments[0]:.3g}; theory needs a mean of 0"
    biases = None if layer.bias is None else bias_law(layer.bias, fans, layer.activation)
    normal, shift = biases or (0.0, None)
    largest = 0.0 if shift is None else max(abs(shift.low), abs(shift.high))
    if not math.isfinite(normal + largest * largest):
        return "biases whose variance is beyond float64"
    draw = SCHEMES[layer.init.name].draw(layer.init.parameters)
    inputs = pair[0] * (_sparse(draw, fans)[1] if draw[0] == "sparse" else 1)
    # given h, a sum of normal weights is normal, however few
    few = inputs if inputs < LEAST_WIDTH and draw[0] != "normal" and moments[1] else None
    variance = LayerVariance(*pair, moments[1], normal, draw[0] == "orthogonal")
    return LayerLaw(variance, layer.activation, shift, few)


def _moments(layer: Layer, fans: Fans) -> tuple[float, float] | None:
    """(mean, variance) of one weight; None where weights are not random."""
    scale, shift = weight_scale(layer, fans)
    draw = SCHEMES[layer.init.name].draw(layer.init.parameters)
    if scale == shift == 0:
        return 0.0, 0.0
    unit = UNIT.get(str(draw[0]))
    if unit is None:
        return None
    mean, unit_variance = unit(draw, fans)
    shifted, variance = mean * scale + shift, scale * scale * unit_variance
    # it adds (sum of h)^2 mean^2 to sum of h^2 times the variance
    negligible = fans.fan_in * shifted * shifted <= 1e-10 * variance
    return 0.0 if negligible else shifted, variance


def _truncated(draw: Draw, _: Fans) -> tuple[float, float]:
    """Mean and variance of N(0, 1) cut at (a, b) (Johnson, Kotz & Balakrishnan 1994, eq. 13.134).

    mean = (n(a) - n(b)) / Z, variance = 1 + (a n(a) - b n(b)) / Z - mean^2, Z = N(b) - N(a)
    """
    a, b = float(draw[1]), float(draw[2])
    if abs(a + b) < 1e-12 * b and b < 1e-3:
        return 0.0, b * b / 3  # so narrow a cut leaves a uniform law; below, all digits cancel
    density_a, density_b = (math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in (a, b))
    mass = (math.erf(b / math.sqrt(2)) - math.erf(a / math.sqrt(2))) / 2
    mean = (density_a - density_b) / mass
    return mean, 1 + (a * density_a - b * density_b) / mass - mean * mean


def _sparse(draw: Draw, fans: Fans) -> tuple[float, float]:
    zeros = math.ceil(float(draw[1]) * fans.fan_out)
    return 0.0, 1 - zeros / fans.fan_out


#: mean and variance of one entry of a unit draw; constant and identity are not random
UNIT: Mapping[str, Callable[[Draw, Fans], tuple[float, float]]] = {
    "normal": lambda *_: (0.0, 1.0),
    "uniform": lambda *_: (0.0, 1 / 3),
    "truncated": _truncated,
    # rows or columns of length 1, whichever are fewer: sum of W^2 = min(fans) over all entries
    "orthogonal": lambda _, f: (0.0, 1 / max(f.fan_in, f.fan_out)),
    "sparse": _sparse,
}
