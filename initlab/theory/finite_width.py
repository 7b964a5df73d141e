"""Finite width: between which values the std of each layer lies, for networks drawn at random.

At infinite width every network is the same. At width n the length of a signal is a random walk over
the layers (Hanin & Nica 2019), whose spread is of order sqrt(depth / width): of 100 He-initialised
ReLU layers of 256, the last std lies between 0.2 and 1.25 in 80 % of networks.

No network is needed to draw from its law. Given a layer's input h (B, n), the columns of z are
independent N(0, K) with the Gram matrix K = Var W h h^T + Var b, if the weights are independent
normals. So h' = phi(L Z), L L^T = K, Z standard normal (B, n'), is exact in law for a whole batch:
it takes B n' draws where the network takes n n'. (Other independent weights: exact as n grows.)

Shapes: R replicates, B samples, N neurons.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from initlab.catalog import ACTIVATIONS, INPUTS
from initlab.spec.run import Choice
from initlab.theory.quadrature import Array
from initlab.theory.variances import LayerVariance

if TYPE_CHECKING:
    from torch import Generator, Tensor

MOST_SAMPLES = 64  # of a larger batch, a network costs less than its Gram matrices
AT_ONCE = 1 << 18  # activations of a layer in memory: what the processor's cache holds
JITTER = 1e-12  # of K's diagonal, above the rounding of float64
SEED = 2019


@dataclass(frozen=True)
class BandPoint:
    """What a band depends on; runs that agree in it share one."""

    activation: Choice
    variances: tuple[LayerVariance, ...]
    input: Choice
    batch: int
    double: bool = False

    @property
    def draws(self) -> tuple[Any, ...]:
        """Equal for those that can use the same random numbers."""
        widths = tuple(layer.fan_out for layer in self.variances)
        return self.variances[0].fan_in, widths, self.batch, self.double


@dataclass(frozen=True)
class Band:
    """The law of each layer's std over random networks, arrays of shape (depth,).

    Where some networks hold what is not finite, moments are nan, and quantiles that they reach.
    """

    p10: Array
    p50: Array
    p90: Array
    mean_log: Array
    sd_log: Array

    def surprise(self, std: Array) -> Array:
        """(ln std - its mean) / its standard deviation, layer by layer; nan where there is none."""
        reached = slice(len(std))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (np.log(std) - self.mean_log[reached]) / self.sd_log[reached]
        return np.where(np.isfinite(z), z, np.nan)


def bands(
    points: Sequence[BandPoint], replicates: int, tick: Callable[[int], None] = lambda _: None
) -> list[Band]:
    """The band of every point; all points must have equal `draws`, which they share.

    A point's band does not depend on the others. `tick` is called for every layer, with the number
    of networks simulated.
    """
    return [_band(stds) for stds in simulate(points, replicates, tick)]


def _band(stds: Array) -> Band:
    """Quantiles and moments over the replicates of (R, depth) stds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = np.where(np.isfinite(stds), stds, np.inf)
        quantiles = np.quantile(largest, [0.1, 0.5, 0.9], axis=0)
        p10, p50, p90 = np.where(np.isfinite(quantiles), quantiles, np.nan)
        logs = np.log(stds)
        return Band(p10, p50, p90, logs.mean(0), logs.std(0, ddof=1))


def simulate(
    points: Sequence[BandPoint], replicates: int, tick: Callable[[int], None] = lambda _: None
) -> list[Array]:
    """The std of every layer of random networks, for each point of shape (replicates, depth).

    It is the std that is measured: centred, unbiased, over all neurons and samples of a layer. From
    the first layer with a value that is not finite, it is nan.
    """
    import torch

    first = points[0]
    widest = max(layer.fan_out for layer in first.variances)
    size = max(1, AT_ONCE // (first.batch * max(widest, first.variances[0].fan_in)))
    parts = []
    with torch.no_grad():
        for start in range(0, replicates, size):
            parts.append(_block(points, start, min(size, replicates - start), tick))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _block(
    points: Sequence[BandPoint], start: int, replicates: int, tick: Callable[[int], None]
) -> list[Array]:
    """Some replicates of every point, layer by layer; `start` says which."""
    import torch

    first, generator = points[0], _seeded(start, "layers")
    dtype = torch.float64 if first.double else torch.float32
    shape = (replicates, first.batch)
    x_RBN = torch.empty(*shape, first.variances[0].fan_in, dtype=dtype)
    states = [_Signal(_fed(point.input, x_RBN.clone(), start)) for point in points]
    activations = [ACTIVATIONS[p.activation.name].bind(p.activation.parameters) for p in points]
    stds = [np.empty((replicates, len(first.variances))) for _ in points]
    for index, layer in enumerate(first.variances):
        normal_RBN = torch.empty(*shape, layer.fan_out, dtype=dtype).normal_(generator=generator)
        for point, state, phi, std in zip(points, states, activations, stds, strict=True):
            std[:, index] = state.through(point.variances[index], normal_RBN, phi)
        tick(len(points) * replicates)
    return stds


class _Signal:
    """The activations of one layer of all replicates, as unit values times a scale each."""

    def __init__(self, h_RBN: "Tensor") -> None:
        self._hold(h_RBN)

    def _hold(self, h_RBN: "Tensor") -> None:
        """Keep h, which is overwritten."""
        # squares of float32 overflow from 1.8e19: what is summed lies within -1 and 1
        flat = h_RBN.flatten(1)
        scale = flat.amax(1).maximum(-flat.amin(1))[:, None, None]  # max |h|, without a copy of h
        self.scale_R11 = scale.where(scale != 0, 1.0)
        self.unit_RBN = h_RBN.div_(self.scale_R11)

    def through(
        self, layer: LayerVariance, normal_RBN: "Tensor", phi: "Callable[[Tensor], Tensor]"
    ) -> Array:
        """Pass a layer; the std of its activations, shape (R,)."""
        factor_RBB = self._factor(layer) * self.scale_R11
        self._hold(phi(factor_RBB.to(normal_RBN.dtype).bmm(normal_RBN)))
        mean = self.unit_RBN.mean((1, 2), keepdim=True)
        count = self.unit_RBN[0].numel()
        norm = (self.unit_RBN - mean).flatten(1).norm(dim=1).double()
        std = norm / (count - 1) ** 0.5 * self.scale_R11.flatten().double()
        result: Array = std.numpy()
        return result

    def _factor(self, layer: LayerVariance) -> "Tensor":
        """L with L L^T = K / scale^2, in float64, shape (R, B, B)."""
        import torch

        # summed in float32, K would not be positive definite where samples have become alike
        unit, scale = self.unit_RBN.double(), self.scale_R11.double()
        gram = unit.bmm(unit.transpose(1, 2)) * layer.weight_variance
        gram += layer.bias_variance / scale.square()
        # then it is singular; its rounding is made good on the diagonal
        diagonal = gram.diagonal(dim1=1, dim2=2)
        diagonal += JITTER * diagonal.mean(1, keepdim=True) + torch.finfo(torch.float64).tiny
        factor, failed = torch.linalg.cholesky_ex(gram)
        unknown: Tensor = factor.masked_fill_(failed[:, None, None] > 0, torch.nan)
        return unknown


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
