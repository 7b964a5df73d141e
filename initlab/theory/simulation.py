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

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initlab import native
from initlab.catalog import ACTIVATIONS, INPUTS
from initlab.spec.run import Choice
from initlab.theory import compiled_layers, layers
from initlab.theory.curves import curves_of
from initlab.theory.gram import gram_curves_of
from initlab.theory.layers import Layer
from initlab.theory.quadrature import Array
from initlab.theory.random_walk import kurtoses

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from initlab.theory.finite_width import BandPoint

NEURONS, ACTIVATIONS_DRAWN = 32, 512  # drawn of a layer: so many neurons, or so many activations
ALL = sys.maxsize
MOST_KURTOSIS = 12.0  # E phi^4 / (E phi^2)^2 at q = 1 of layers of which some neurons are drawn
AT_ONCE = 1 << 18  # activations in memory: what the processor's cache holds
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
    light = [p for p in points if all(map(_light_tailed, {p.activation, *p.differing}))]
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
    fed: dict[Choice, Layer] = {}
    for input_ in dict.fromkeys(point.input for point in points):
        x_RBN = torch.empty(replicates, first.batch, first.variances[0].fan_in, dtype=dtype)
        fed[input_] = layers.drawn(_fed(input_, x_RBN, start).transpose(1, 2)).layer()
    signals = [_Signal(point, fed[point.input]) for point in points]
    for index, law in enumerate(first.variances):
        neurons = min(law.fan_out, drawn)
        normal_RMB = torch.empty(replicates, neurons, first.batch, dtype=dtype)
        normal_RMB.normal_(generator=generator)
        for signal in signals:
            signal.through(index, normal_RMB)
        tick(len(points) * replicates)
    return signals


class _Signal:
    """What becomes of a point's networks, layer by layer."""

    def __init__(self, point: "BandPoint", fed: Layer) -> None:
        self.point, self.unitless, self.layer = point, point.unitless, fed
        self.activations, each = point.activations, {point.activation, *point.differing}
        self.phi = {of: ACTIVATIONS[of.name].bind(of.parameters) for of in each}
        self.curves = {of: gram_curves_of(of) for of in each}
        shape = len(fed.gram_RBB), len(point.variances)
        self.simulated = Simulated(np.empty(shape), np.empty(shape), np.empty(shape, dtype=int))
        self.resolved = True  # by quadrature, so that theory knows what to expect
        self.taken_R = fed.exponent_R  # out of a unitless signal, up to this layer
        few = point.batch <= compiled_layers.MOST_SAMPLES
        fast = few and not point.double and native.available()
        self.passed = compiled_layers.passed if fast else layers.passed

    def through(self, index: int, normal_RMB: "Tensor") -> None:
        """Pass a layer, and note what its activations are."""
        law, (replicates, batch) = self.point.variances[index], self.layer.gram_RBB.shape[:2]
        own = self.activations[index]
        # where one sample stands for all, it takes the numbers of the others
        normal_RMB = normal_RMB.view(replicates, -1, batch)[:, : law.fan_out]
        self.layer, known = self.passed(
            self.layer, law, self.unitless, normal_RMB, self.phi[own], self.curves[own]
        )
        layer = self.layer
        self.resolved &= known
        self.taken_R = layer.exponent_R + self.taken_R * self.unitless
        count = law.fan_out * self.point.batch
        std, largest, exponent = self.simulated
        std[:, index] = np.sqrt(layer.variance_R * count / (count - 1))
        largest[:, index], exponent[:, index] = layer.largest_R, self.taken_R


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
