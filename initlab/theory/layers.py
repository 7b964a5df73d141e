"""One layer of random networks that are drawn without their weights, by torch.

`simulation.py` says what is drawn. Neurons are rows here: their numbers are (R, M, B), so that
M neurons of B samples are Z^T = U^T L^T.

Shapes: R replicates, B samples, M neurons drawn.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initlab.theory.gram import Expected, GramCurves
from initlab.theory.overflow import largest_of
from initlab.theory.quadrature import Array
from initlab.theory.variances import LayerVariance

if TYPE_CHECKING:
    from torch import Tensor

JITTER = 1e-12  # of K's diagonal, above the rounding of float64
ALIKE = 10 * JITTER  # of a mean square: samples that differ by less are one
CANCELLED = 1e-8  # share of a sum of squares below which its centring has lost too many digits
LN_2, LEAST_LN = np.log(2.0), -3e3  # ln of what counts as 0


class Layer(NamedTuple):
    """A layer of all replicates, in units of 2^exponent."""

    gram_RBB: "Tensor"  # G = h h^T / n, in float64
    variance_R: Array  # centred, over all neurons and samples
    largest_R: Array  # max |h|
    exponent_R: NDArray[np.int_]


class Passed(NamedTuple):
    """A layer, and whether theory knew what to expect of every replicate."""

    layer: Layer
    known: bool


class Covariance(NamedTuple):
    """K = 4^unit scale (weights G + biases) of pre-activations; all but `scale` of shape (R,)."""

    weights_R: Array
    biases_R: Array
    scale: float
    unit_R: NDArray[np.int_]


def covariance(layer: Layer, law: LayerVariance, unitless: bool) -> Covariance:
    """Of what follows a layer. A unitless signal stays in the unit that it is in: of 0."""
    ones, sigma_b = np.ones(len(layer.exponent_R)), math.sqrt(law.bias_variance)
    if not sigma_b:
        unit_R = layer.exponent_R * (not unitless)
        return Covariance(ones, 0 * ones, law.sigma_w2, unit_R)
    # the larger one of the weights' and the biases' part is near 1
    unit_R = np.maximum(layer.exponent_R, math.frexp(sigma_b)[1])
    weights_R = law.sigma_w2 * np.exp2(2.0 * (layer.exponent_R - unit_R))
    return Covariance(weights_R, np.square(sigma_b * np.exp2(-unit_R)), 1.0, unit_R)


def ln_variances(q_RB: Array, unit_R: NDArray[np.int_]) -> Array:
    """ln q of variances in units of 4^unit."""
    ln_q_RB: Array = np.maximum(np.log(q_RB), LEAST_LN) + 2 * LN_2 * unit_R[:, None]
    return ln_q_RB


def passed(
    layer: Layer,
    law: LayerVariance,
    unitless: bool,
    normal_RMB: "Tensor",
    phi: Callable[["Tensor"], "Tensor"],
    curves: GramCurves,
) -> Passed:
    """The layer after another one.

    Args:
        layer: the one before.
        law: the variances of the weights and biases between them.
        unitless: whether the scale of the signal is left out.
        normal_RMB: standard normal numbers, of as many neurons as are to be drawn.
        phi: the activation.
        curves: what is expected of it.
    """
    k = covariance(layer, law, unitless)
    c_RBB, q_RB = _correlations(layer.gram_RBB, k)
    factor_RBB = _factor(c_RBB, np.sqrt(q_RB) * np.exp2(k.unit_R)[:, None])
    z_RMB = normal_RMB.bmm(factor_RBB.to(normal_RMB.dtype).transpose(1, 2))
    neurons = drawn(phi(z_RMB))
    if normal_RMB.shape[1] == law.fan_out:
        return Passed(_merged(neurons.layer()), True)
    expected = curves.expected(c_RBB, ln_variances(q_RB, k.unit_R), LN_2 * neurons.exponent_R)
    known = ~np.isnan(expected.variance_R) | ~(neurons.variance_R > 0)
    return Passed(_merged(neurons.widened(law.fan_out, expected)), bool(known.all()))


def _correlations(gram_RBB: "Tensor", k: Covariance) -> "tuple[Tensor, Array]":
    """Correlations of z, shape (R, B, B), and its variances in units of 4^unit, shape (R, B)."""
    import torch

    k_RBB = gram_RBB * _column(k.weights_R)
    k_RBB += _column(k.biases_R)
    q_RB = k_RBB.diagonal(dim1=1, dim2=2).numpy().copy()
    norm = torch.from_numpy(np.where(q_RB == 0, 0.0, 1 / np.sqrt(q_RB)))
    c_RBB = k_RBB.mul_(norm[:, :, None]).mul_(norm[:, None])
    # singular where samples are alike; its rounding is made good on the diagonal
    c_RBB.diagonal(dim1=1, dim2=2).fill_(1 + JITTER)
    return c_RBB, k.scale * q_RB


def _factor(c_RBB: "Tensor", size_RB: Array) -> "Tensor":
    """L with L L^T = c size size'^T, in float64, shape (R, B, B); nan where there is none."""
    import torch

    factor, failed = torch.linalg.cholesky_ex(c_RBB)
    if failed.any():
        factor[failed > 0] = torch.nan
    factor *= torch.from_numpy(size_RB)[:, :, None]
    result: Tensor = factor
    return result


class Drawn(NamedTuple):
    """Neurons of a layer, in units of 2^exponent, in float64."""

    h_RMB: "Tensor"
    mean_R: Array  # over neurons and samples
    variance_R: Array
    largest_R: Array
    exponent_R: NDArray[np.int_]

    def layer(self) -> Layer:
        """A layer of these neurons."""
        # summed in float32, G would not be positive definite where samples have become alike
        gram_RBB = self.h_RMB.transpose(1, 2).bmm(self.h_RMB).div_(self.h_RMB.shape[1])
        return Layer(gram_RBB, self.variance_R, self.largest_R, self.exponent_R)

    def widened(self, neurons: int, expected: Expected) -> Layer:
        """A layer of more neurons, of which these were drawn."""
        import torch

        drawn, samples = self.h_RMB.shape[1:]
        share = math.sqrt(drawn / neurons)
        root = math.sqrt(1 - share)
        mean, deviation = (
            torch.from_numpy(root * x)[:, :, None]
            for x in (expected.means_RB, expected.deviations_RB)
        )
        # (1 - s) E G + s G_M
        gram_RBB = expected.cosine_RBB.mul_(deviation).mul_(deviation.transpose(1, 2))
        gram_RBB.addcmul_(mean, mean.transpose(1, 2))
        gram_RBB.baddbmm_(self.h_RMB.transpose(1, 2), self.h_RMB, alpha=share / drawn)
        # of the mean square (1 - s) V + s V_M, the square of the mean E + s (E_M - E) is taken off
        variance = expected.variance_R + share * (self.variance_R - expected.variance_R)
        variance += share * (1 - share) * np.square(self.mean_R - expected.mean_R)
        equal = self.variance_R == 0  # what is rounded to one number is, whatever is expected
        if equal.any():
            gram_RBB[equal], variance[equal] = self.layer().gram_RBB[equal], 0.0
        largest_R = self.largest_R * reach(samples, drawn, neurons)
        return Layer(gram_RBB, variance, largest_R, self.exponent_R)


def reach(samples: int, drawn: int, neurons: int) -> float:
    """How much larger the largest of all numbers is than that of those drawn, if normal."""
    most, reached = largest_of(samples * np.array([neurons, drawn], dtype=float))
    return float(most / reached)


def drawn(h_RMB: "Tensor") -> Drawn:
    """Activations, divided by powers of two: no digit is lost, and no square overflows."""
    import torch

    flat = h_RMB.flatten(1)
    size = flat.amax(1).maximum(-flat.amin(1)).double().numpy()  # max |h|, without a copy of h
    exponent_R = np.frexp(size)[1].clip(min=-1022)
    h_RMB = h_RMB.double().mul_(_column(np.exp2(-exponent_R)))
    mean = h_RMB.mean((1, 2))
    square = torch.linalg.vector_norm(h_RMB, dim=(1, 2)).square_() / h_RMB[0].numel()
    variance = square - mean.square()
    poor = variance < CANCELLED * square
    if poor.any():
        centred = h_RMB[poor] - mean[poor, None, None]
        variance[poor] = centred.square_().mean((1, 2))
    largest = np.ldexp(size, -exponent_R)
    return Drawn(h_RMB, mean.numpy(), variance.numpy(), largest, exponent_R)


def _merged(layer: Layer) -> Layer:
    """One row for all samples, where they are alike in all replicates.

    mean_b |h_b - mean h|^2 = mean_b |h_b|^2 - |mean_b h_b|^2, nan of what is not finite.
    """
    gram_RBB = layer.gram_RBB
    square = gram_RBB.diagonal(dim1=1, dim2=2).mean(1)
    if gram_RBB.shape[1] == 1 or (square - gram_RBB.mean((1, 2)) > ALIKE * square).any():
        return layer
    return one_sample(layer)


def one_sample(layer: Layer) -> Layer:
    """The first sample in the place of all."""
    return layer._replace(gram_RBB=layer.gram_RBB[:, :1, :1].contiguous())


def _column(values_R: Array) -> "Tensor":
    """A number of each replicate, shape (R, 1, 1)."""
    import torch

    return torch.from_numpy(values_R)[:, None, None]
