"""What theory knows of one value: its law over the neurons, for each row of the batch.

At infinite width, rows do not see each other through anything but the weights, and a row is its
second moment over the neurons, its mean, and whether it is normal. What a weight of mean 0 makes
of a row is normal (Poole et al. 2016, eq. 3); behind an activation phi of z ~ N(c, q),

    E h^2 = E phi(z)^2      E h = E phi(z)      ||dL/dz||^2 = E phi'(z)^2 ||dL/dh||^2

Gradients come from a random direction of the output, independent of all weights, so that they
obey the second-moment recursion without the corrections that a loss makes (Schoenholz et al. 2017,
sec. 5).

Shapes: R groups of rows, each (R,).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from initlab.probe.recording.parameters import Parameter
from initlab.spec.run import Choice
from initlab.theory.curves import curves_of
from initlab.theory.quadrature import Array
from initlab.theory.recursions import ln
from initlab.theory.shifts import Shift

ALIKE = 1e-9  # means of rows that differ by less, relative to the rms, are one
SURE = 4.0  # standard errors by which a mean of biases differs from 0


@dataclass(frozen=True, eq=False)
class Law:
    """Of one value.

    Args:
        second: E x^2 over the neurons.
        mean: E x.
        width: how many neurons.
        normal: whether they are normal around the mean.
        weights: names of all weights that it depends on.
        free: those of which one, changing its sign, changes that of x - mean.
    """

    second: Array
    mean: Array
    width: int
    normal: bool = False
    weights: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()

    @property
    def variance(self) -> Array:
        """E x^2 - (E x)^2."""
        spread: Array = np.maximum(self.second - self.mean**2, 0)
        return spread

    @property
    def shift(self) -> Shift | None:
        """The mean that all rows have, as theory takes it; None of 0. Raises ValueError."""
        if not self.mean.any():
            return None
        c = float(self.mean[0])
        if np.abs(self.mean - c).max() > ALIKE * np.sqrt(self.second.max()):
            raise ValueError("the means of its rows differ")
        return Shift(c, c)


def through_weights(law: Law, weight: Parameter) -> tuple[Law, float]:
    """W h, and what ||dL/dh||^2 is to ||dL/dz||^2: fan_in E W^2 both ways.

    E z^2 = sum over the inputs of E W^2 h^2; ||W^T g||^2 = fan_in E W^2 ||g||^2. It holds for
    orthogonal weights, too.
    """
    sigma2 = law.width * weight.rms**2
    named = frozenset([weight.name])
    made = Law(
        sigma2 * law.second,
        np.zeros_like(law.mean),
        weight.tensor.numel() // law.width,
        True,
        law.weights | named,
        named,
    )
    return made, sigma2


def with_bias(law: Law, bias: Parameter) -> Law:
    """X + b: biases around 0 count as normal, of the variance that they have; others as a mean."""
    values = bias.tensor.detach().double()
    mean = float(values.mean())
    spread = max(bias.rms**2 - mean * mean, 0.0)
    if bias.law != "constant" and abs(mean) <= SURE * (spread / values.numel()) ** 0.5:
        mean, spread = 0.0, bias.rms**2
    return shifted(replace(law, second=law.second + spread), mean)


def shifted(law: Law, c: float) -> Law:
    """X + c."""
    return replace(law, second=law.second + 2 * c * law.mean + c * c, mean=law.mean + c)


def scaled(law: Law, factor: float) -> Law:
    """X times a number."""
    return replace(law, second=law.second * factor**2, mean=law.mean * factor)


def gained(law: Law, gains: Parameter) -> tuple[Law, float]:
    """X times a vector, and what that does to ||g||^2."""
    values = gains.tensor.detach().double()
    mean, square = float(values.mean()), gains.rms**2
    alike = gains.law in ("constant", "zero")
    made = replace(
        law, second=law.second * square, mean=law.mean * mean, normal=law.normal and alike
    )
    return made, square


def activated(law: Law, activation: Choice) -> tuple[Law, Array]:
    """Phi(x), and E phi'(x)^2. Raises ValueError where x is not normal."""
    if not law.normal:
        raise ValueError("what comes in is not normal")
    at = curves_of(activation, law.shift).at(ln(law.variance))
    second = np.exp(at.ln_v)
    made = Law(second, at.mean * np.sqrt(second), law.width, weights=law.weights)
    return made, np.exp(at.ln_d)


def dropped(law: Law, p: float) -> tuple[Law, float]:
    """Dropout in training: x / (1 - p) with probability 1 - p, else 0; and the same of ||g||^2."""
    kept = 1 - p
    return replace(law, second=law.second / kept, normal=False), 1 / kept


def normed(law: Law, eps: float, *, centred: bool) -> tuple[Law, Array]:
    """Each row over its std (centred) or rms, without gains.

    Of ||g||^2 it leaves 1 / (variance + eps), less the directions that it projects out: of x and,
    if centred, of ones.
    """
    of, gone = (law.variance, 2) if centred else (law.second, 1)
    square = of + eps
    mean = np.zeros_like(law.mean) if centred else law.mean / np.sqrt(square)
    made = replace(law, second=of / square, mean=mean)
    left: Array = max(1 - gone / law.width, 0.0) / square
    return made, left


def layer_normed(
    law: Law, eps: float, parameters: Sequence[Parameter]
) -> tuple[Law, Array | float]:
    """A layer norm with its gains and then its biases, as far as it has them."""
    made, left = normed(law, eps, centred=True)
    if not parameters:
        return made, left
    made, square = gained(made, parameters[0])
    for bias in parameters[1:]:
        made = with_bias(made, bias)
    return made, left * square


def summed(first: Law, second: Law, factor: float = 1.0) -> Law:
    """X + factor y. Raises ValueError where their covariance is not known.

    It is 0 where y changes its sign with a weight that x does not know, but for the means.
    """
    other = scaled(second, factor)
    if not (first.free - second.weights or second.free - first.weights):
        raise ValueError("both sides of a sum depend on the same weights")
    return Law(
        first.second + other.second + 2 * first.mean * other.mean,
        first.mean + other.mean,
        first.width,
        first.normal and other.normal,
        first.weights | second.weights,
    )
