"""Random networks drawn from their law, layer by layer, without their weights.

Given a layer's input h (B, n), the columns of z are independent N(0, K) with the Gram matrix
K = Var W h h^T + Var b, if the weights are independent normals. So h' = phi(L Z), L L^T = K, Z
standard normal (B, n'), is exact in law for a whole batch: it takes B n' draws where the network
takes n n'. (Other independent weights: exact as n grows.)

The next layer asks of h' for G = h' h'^T / n' only, a mean over n' independent neurons. Of wide
layers, M neurons are drawn. With G_M their mean and E G what theory expects,

    G = E G + sqrt(M / n') (G_M - E G)

has the mean and the covariances that all n' would have. It is also positive semidefinite, as a
mean of two such matrices. Its skewness, of order 1 / sqrt(n'), is sqrt(n' / M) times too large.

Shapes: R replicates, B samples, N neurons, M of them drawn.
"""

import math
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initlab.catalog import ACTIVATIONS, INPUTS
from initlab.spec.run import Choice
from initlab.theory.curves import curves_of
from initlab.theory.gram import Expected, gram_curves_of
from initlab.theory.overflow import largest_of
from initlab.theory.quadrature import Array
from initlab.theory.random_walk import kurtoses
from initlab.theory.variances import LayerVariance

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from initlab.theory.finite_width import BandPoint

NEURONS, ACTIVATIONS_DRAWN = 32, 512  # drawn of a layer: so many neurons, or so many activations
ALL = sys.maxsize
MOST_KURTOSIS = 12.0  # E phi^4 / (E phi^2)^2 at q = 1 of layers of which some neurons are drawn
AT_ONCE = 1 << 18  # activations in memory: what the processor's cache holds
JITTER = 1e-12  # of K's diagonal, above the rounding of float64
CANCELLED = 1e-8  # share of a sum of squares below which its centring has lost too many digits
LN_2, LEAST_LN = np.log(2.0), -3e3  # ln of what counts as 0
SEED = 2019


class Simulated(NamedTuple):
    """Every layer of random networks in units of 2^exponent, each of shape (replicates, depth)."""

    std: Array
    largest: Array  # max |h|
    exponent: NDArray[np.int_]


def simulate(
    points: Sequence["BandPoint"], replicates: int, tick: Callable[[int], None] = lambda _: None
) -> list[Simulated]:
    """Networks of every point, which share their random numbers; all must have equal `draws`.

    `tick` is called for every layer, with the number of networks simulated.
    """
    drawn = max(NEURONS, ACTIVATIONS_DRAWN // points[0].batch)
    light = [point for point in points if _light_tailed(point.activation)]
    heavy = [point for point in points if point not in light]
    found = _simulate(light, replicates, drawn, tick) | _simulate(heavy, replicates, ALL, tick)
    again = [point for point in light if point not in found]
    found |= _simulate(again, replicates, ALL, lambda _: tick(0))
    return [found[point] for point in points]


@cache
def _light_tailed(activation: Choice) -> bool:
    """Whether some neurons stand for all: not of relu^2, where a few make most of the sum."""
    kurtosis: Array = kurtoses(curves_of(activation).activation)(np.zeros(1))
    return bool(kurtosis[0, 0] <= MOST_KURTOSIS)


def _simulate(
    points: Sequence["BandPoint"], replicates: int, drawn: int, tick: Callable[[int], None]
) -> "dict[BandPoint, Simulated]":
    """Networks of which so many neurons a layer are drawn, but where theory expects nothing."""
    import torch

    if not points:
        return {}
    first = points[0]
    widest = max(layer.fan_out for layer in first.variances)
    size = max(1, AT_ONCE // (first.batch * max(first.batch, min(drawn, widest))))
    parts = []
    with torch.no_grad(), np.errstate(all="ignore"):  # signals that leave their dtype
        for start in range(0, replicates, size):
            parts.append(_block(points, start, min(size, replicates - start), drawn, tick))
    return {
        point: Simulated(*map(np.concatenate, zip(*(s.simulated for s in signals), strict=True)))
        for point, signals in zip(points, zip(*parts, strict=True), strict=True)
        if all(signal.resolved for signal in signals)
    }


def _block(
    points: Sequence["BandPoint"],
    start: int,
    replicates: int,
    drawn: int,
    tick: Callable[[int], None],
) -> "list[_Signal]":
    """Some replicates of every point, layer by layer; `start` says which."""
    import torch

    first, generator = points[0], _seeded(start, "layers")
    dtype = torch.float64 if first.double else torch.float32
    shape = (replicates, first.batch)
    fed: dict[Choice, _Layer] = {}
    for input_ in dict.fromkeys(point.input for point in points):
        x_RBN = torch.empty(*shape, first.variances[0].fan_in, dtype=dtype)
        fed[input_] = _drawn(_fed(input_, x_RBN, start)).layer()
    signals = [_Signal(point, fed[point.input]) for point in points]
    for index, law in enumerate(first.variances):
        neurons = min(law.fan_out, drawn)
        normal_RBM = torch.empty(*shape, neurons, dtype=dtype).normal_(generator=generator)
        for signal in signals:
            signal.through(index, normal_RBM)
        tick(len(points) * replicates)
    return signals


class _Layer(NamedTuple):
    """A layer of all replicates, in units of 2^exponent."""

    gram_RBB: "Tensor"  # G = h h^T / n, in float64
    variance_R: Array  # centred, over all neurons and samples
    largest_R: Array  # max |h|
    exponent_R: NDArray[np.int_]


class _Signal:
    """What becomes of a point's networks, layer by layer."""

    def __init__(self, point: "BandPoint", fed: _Layer) -> None:
        self.point, self.unitless, self.layer = point, point.unitless, fed
        self.phi = ACTIVATIONS[point.activation.name].bind(point.activation.parameters)
        self.curves = gram_curves_of(point.activation)
        shape = len(fed.gram_RBB), len(point.variances)
        self.simulated = Simulated(np.empty(shape), np.empty(shape), np.empty(shape, dtype=int))
        self.resolved = True  # by quadrature, so that theory knows what to expect
        self.taken_R = fed.exponent_R  # out of a unitless signal, up to this layer

    def through(self, index: int, normal_RBM: "Tensor") -> None:
        """Pass a layer, and note what its activations are."""
        law = self.point.variances[index]
        c_RBB, q_RB, unit_R = _correlations(self.layer, law, self.unitless)
        # where one row stands for all samples, it takes the numbers of the others
        normal_RBM = normal_RBM.view(len(c_RBB), c_RBB.shape[1], -1)[:, :, : law.fan_out]
        factor_RBB = _factor(c_RBB, np.sqrt(q_RB) * np.exp2(unit_R)[:, None])
        drawn = _drawn(self.phi(factor_RBB.to(normal_RBM.dtype).bmm(normal_RBM)))
        if normal_RBM.shape[2] < law.fan_out:
            ln_q_RB = np.maximum(np.log(q_RB), LEAST_LN) + 2 * LN_2 * unit_R[:, None]
            expected = self.curves.expected(c_RBB, ln_q_RB, LN_2 * drawn.exponent_R)
            layer = drawn.widened(law.fan_out, expected)
            self.resolved &= not np.isnan(expected.variance_R[~np.isnan(drawn.variance_R)]).any()
        else:
            layer = drawn.layer()
        self.layer = _merged(layer)
        self.taken_R = layer.exponent_R + self.taken_R * self.unitless
        count = law.fan_out * self.point.batch
        std, largest, exponent = self.simulated
        std[:, index] = np.sqrt(layer.variance_R * count / (count - 1))
        largest[:, index], exponent[:, index] = layer.largest_R, self.taken_R


def _correlations(
    layer: _Layer, law: LayerVariance, unitless: bool
) -> "tuple[Tensor, Array, NDArray[np.int_]]":
    """Correlations of z, shape (R, B, B), its variances in units of 4^u, shape (R, B), and u.

    A unitless signal stays in the unit that it is in: its u is 0.
    """
    import torch

    k_RBB, exponent_R = layer.gram_RBB, layer.exponent_R
    sigma_b, scale_R = math.sqrt(law.bias_variance), law.sigma_w2
    unit_R = exponent_R * (not unitless)
    if sigma_b:
        # the larger one of the weights' and the biases' part is near 1
        unit_R = np.maximum(exponent_R, math.frexp(sigma_b)[1])
        k_RBB = k_RBB * _column(scale_R * np.exp2(2.0 * (exponent_R - unit_R)))
        k_RBB += _column(np.square(sigma_b * np.exp2(-unit_R)))
        scale_R = 1.0
    q_RB = k_RBB.diagonal(dim1=1, dim2=2).numpy().copy()
    norm = torch.from_numpy(np.where(q_RB == 0, 0.0, 1 / np.sqrt(q_RB)))
    c_RBB = (k_RBB * norm[:, :, None]).mul_(norm[:, None])
    # singular where samples are alike; its rounding is made good on the diagonal
    c_RBB.diagonal(dim1=1, dim2=2).fill_(1 + JITTER)
    return c_RBB, scale_R * q_RB, unit_R


def _factor(c_RBB: "Tensor", size_RB: Array) -> "Tensor":
    """L with L L^T = c size size'^T, in float64, shape (R, B, B); nan where there is none."""
    import torch

    factor, failed = torch.linalg.cholesky_ex(c_RBB)
    if failed.any():
        factor[failed > 0] = torch.nan
    factor *= torch.from_numpy(size_RB)[:, :, None]
    result: Tensor = factor
    return result


class _Drawn(NamedTuple):
    """Neurons of a layer, in units of 2^exponent, in float64."""

    h_RBM: "Tensor"
    mean_R: Array  # over neurons and samples
    variance_R: Array
    largest_R: Array
    exponent_R: NDArray[np.int_]

    def layer(self) -> _Layer:
        """A layer of these neurons."""
        # summed in float32, G would not be positive definite where samples have become alike
        gram_RBB = self.h_RBM.bmm(self.h_RBM.transpose(1, 2)).div_(self.h_RBM.shape[2])
        return _Layer(gram_RBB, self.variance_R, self.largest_R, self.exponent_R)

    def widened(self, neurons: int, expected: Expected) -> _Layer:
        """A layer of more neurons, of which these were drawn."""
        import torch

        samples, drawn = self.h_RBM.shape[1:]
        share = math.sqrt(drawn / neurons)
        root = math.sqrt(1 - share)
        mean, deviation = (
            torch.from_numpy(root * x)[:, :, None]
            for x in (expected.means_RB, expected.deviations_RB)
        )
        # (1 - s) E G + s G_M
        gram_RBB = expected.cosine_RBB.mul_(deviation).mul_(deviation.transpose(1, 2))
        gram_RBB.addcmul_(mean, mean.transpose(1, 2))
        gram_RBB.baddbmm_(self.h_RBM, self.h_RBM.transpose(1, 2), alpha=share / drawn)
        # of the mean square (1 - s) V + s V_M, the square of the mean E + s (E_M - E) is taken off
        variance = expected.variance_R + share * (self.variance_R - expected.variance_R)
        variance += share * (1 - share) * np.square(self.mean_R - expected.mean_R)
        equal = self.variance_R == 0  # what is rounded to one number is, whatever is expected
        if equal.any():
            gram_RBB[equal], variance[equal] = self.layer().gram_RBB[equal], 0.0
        # as the largest of so many normal values
        most, reached = largest_of(samples * np.array([neurons, drawn], dtype=float))
        return _Layer(gram_RBB, variance, self.largest_R * (most / reached), self.exponent_R)


def _drawn(h_RBN: "Tensor") -> _Drawn:
    """Activations, divided by powers of two: no digit is lost, and no square overflows."""
    import torch

    flat = h_RBN.flatten(1)
    size = flat.amax(1).maximum(-flat.amin(1)).double().numpy()  # max |h|, without a copy of h
    exponent_R = np.frexp(size)[1].clip(min=-1022)
    h_RBN = h_RBN.double().mul_(_column(np.exp2(-exponent_R)))
    mean = h_RBN.mean((1, 2))
    square = torch.linalg.vector_norm(h_RBN, dim=(1, 2)).square_() / h_RBN[0].numel()
    variance = square - mean.square()
    poor = variance < CANCELLED * square
    if poor.any():
        centred = h_RBN[poor] - mean[poor, None, None]
        variance[poor] = centred.square_().mean((1, 2))
    largest = np.ldexp(size, -exponent_R)
    return _Drawn(h_RBN, mean.numpy(), variance.numpy(), largest, exponent_R)


def _merged(layer: _Layer) -> _Layer:
    """One row for all samples, where they are alike in all replicates.

    mean_b |h_b - mean h|^2 = mean_b |h_b|^2 - |mean_b h_b|^2, nan of what is not finite.
    """
    gram_RBB = layer.gram_RBB
    square = gram_RBB.diagonal(dim1=1, dim2=2).mean(1)
    if gram_RBB.shape[1] == 1 or (square - gram_RBB.mean((1, 2)) > JITTER * square).any():
        return layer
    return layer._replace(gram_RBB=gram_RBB[:, :1, :1])


def _column(values_R: Array) -> "Tensor":
    """A number of each replicate, shape (R, 1, 1)."""
    import torch

    return torch.from_numpy(values_R)[:, None, None]


def _seeded(start: int, role: str) -> "Generator":
    """A generator for a block of replicates; all points get the same."""
    import torch

    entropy = np.random.SeedSequence((SEED, start, *role.encode()))
    generator = torch.Generator()
    generator.manual_seed(int(entropy.generate_state(1)[0]))
    return generator


def _fed(input_: Choice, x_RBN: "Tensor", start: int) -> "Tensor":
    """The batch of every replicate."""
    return INPUTS[input_.name].fill(x_RBN, input_.arguments, _seeded(start, "input"))
