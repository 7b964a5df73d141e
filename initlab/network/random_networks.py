"""Whole random networks of one run, forward and backward: the law of what is measured of a layer.

They stand side by side in blocks of shape (R, B, N), as those of `propagate.py` do, and the same
sums are taken of them. The weights of most need not be made (`weightless.py`).

Each network has its own random numbers, so that its numbers depend neither on how many there are
nor on what stands beside it.

Shapes: R networks, B samples, N neurons (I inputs, O outputs of a layer), L layers.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from initlab.network import losses, statistics, tables
from initlab.network.block_source import largest
from initlab.network.blocks import Blocks
from initlab.network.inputs import draw_input
from initlab.network.measurement import BACKWARD, FORWARD
from initlab.network.propagate import applied
from initlab.network.random_linear import RandomLinear
from initlab.network.scratch import Block, Scratch
from initlab.network.sums import Array, Forward
from initlab.network.weightless import Numbers
from initlab.spec.run import Run
from initlab.theory.finite_width import Band, band_of, quantiles
from initlab.theory.random_point import BLOCK_BYTES, RandomPoint, network_bytes

SEED = 2019  # of the networks: no run of a sweep has the numbers that follow from it

T = TypeVar("T")
S = TypeVar("S")


class RandomLayers(NamedTuple):
    """What is measured of every layer of random networks, each of shape (networks, L).

    From the first layer with a value that is not finite on, forward columns are nan, and backward
    ones are nan everywhere. `grad_std` and `weight_grad_std` are None without a backward pass.
    """

    std: Array
    cosine: Array
    grad_std: Array | None = None
    weight_grad_std: Array | None = None


def random_layers(
    run: Run,
    networks: int,
    *,
    backward: bool = False,
    tick: Callable[[int], None] = lambda _: None,
) -> RandomLayers:
    """Draw networks like this run, and measure them.

    Args:
        run: what they are; its seed does not matter. Low precision is not followed: random numbers
            and activations have the run's `draw_dtype`.
        networks: how many.
        backward: also follow the gradient.
        tick: called before every layer with the number of networks; it may raise.
    """
    size = max(1, min(networks, BLOCK_BYTES // network_bytes(run, backward)))
    parts, scratch = [], Scratch()
    with torch.no_grad(), np.errstate(all="ignore"):  # signals that leave their dtype
        for start in range(0, networks, size):
            numbers = range(start, min(start + size, networks))
            parts.append(_Networks(run, numbers, backward, scratch, tick).measured())
    columns = (column for column in zip(*parts, strict=True) if column[0] is not None)
    return RandomLayers(*map(np.concatenate, columns))


def random_band(
    point: RandomPoint, networks: int, tick: Callable[[int], None] = lambda _: None
) -> Band:
    """The band of so many networks."""
    found = random_layers(point.run, networks, backward=point.gradient, tick=tick)
    band = band_of(found.std)
    if found.grad_std is None:
        return band
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = found.grad_std / found.grad_std[:, -1:]
    # of samples that are all zero there is no cosine; it is that of the networks that have one
    silent = np.isnan(found.cosine) & np.isfinite(found.std)
    cosine = np.stack([_known(*column) for column in zip(found.cosine.T, silent.T, strict=True)])
    return replace(band, gradient=quantiles(relative), cosine=cosine.T)


def _known(values_R: Array, silent_R: NDArray[np.bool_]) -> Array:
    """Quantiles of those networks that say something, if half of them do; shape (3,)."""
    kept = values_R[~silent_R]
    return quantiles(kept) if 2 * len(kept) >= len(values_R) else np.full(3, np.nan)


class _Networks:
    """Some networks' way forward and back."""

    def __init__(
        self,
        run: Run,
        numbers: range,
        backward: bool,
        scratch: Scratch,
        tick: Callable[[int], None],
    ) -> None:
        self.run, self.both, self.tick = run, backward, tick
        self.dtype: torch.dtype = getattr(torch, run.draw_dtype)
        self.numbers = Numbers([_seed(number) for number in numbers], self.dtype)
        self.count = len(numbers)
        self.scratch = scratch
        self.layers = [RandomLinear(run, index, backward) for index in range(len(run.linears))]
        self.blocks = Blocks([run] * self.count, self, scratch, keep=backward)
        self.onset_R = np.full(self.count, run.depth)  # first layer that is not finite
        self.kept: list[tuple[Tensor, Tensor]] = []  # input and slope of every layer

    def measured(self) -> RandomLayers:
        output_RBN, forward_RLC = self._forward()
        found = [forward_RLC[:, :, FORWARD.index(name)] for name in ("std", "cosine")]
        for column_RL in found:
            column_RL[np.arange(self.run.depth) > self.onset_R[:, None]] = np.nan
        if not self.both:
            return RandomLayers(*found)
        backward_RLC = np.full((self.count, self.run.depth, len(BACKWARD)), np.nan)
        if (self.onset_R == self.run.depth).any():
            backward_RLC = self._backward(self._losses(output_RBN))
            backward_RLC[self.onset_R < self.run.depth] = np.nan
        names = ("grad_std", "weight_grad_std")
        return RandomLayers(*found, *(backward_RLC[:, :, BACKWARD.index(n)] for n in names))

    def _forward(self) -> tuple[Tensor, Array]:
        """The last layer, and columns FORWARD of every one, shape (R, L, columns)."""
        run, fed = self.run, [draw_input(self.run, g) for g in self.numbers.generators]
        h_RBN = torch.stack(fed).to(self.dtype)
        largest_R = h_RBN.abs().amax((1, 2)).double().numpy()
        found: list[Forward] = []
        for index in range(run.depth):
            if not (self.onset_R >= index).any():
                break
            self.tick(self.count)
            keep = index if self.both else index % 2
            pre, out, slope = (
                self._block((name, keep if name != "pre" else 0), index)
                for name in ("pre", "out", "slope")
            )
            fed_RBI = self.blocks.enter(index, h_RBN)
            largest_R = largest_R if fed_RBI is h_RBN else largest(fed_RBI)
            pre.RBN.copy_(self.layers[index].forward(fed_RBI, largest_R, self.numbers))
            self.blocks.leave(index, pre, out, slope, applied(run.layers[index].activation))
            sums = statistics.forward(pre.RBN, out.RBN, slope.RBN, self.scratch)
            found.append(sums)
            if self.both:
                self.kept.append((fed_RBI, slope.RBN))
            self._end_burst(index, sums, out, slope)
            h_RBN, largest_R = out.RBN, np.where(sums.finite < 1, 0.0, sums.abs_max)
        table_LRC = _of_alike(
            found, run.shape[1:], lambda sums, width: tables.forward(sums, run.batch, width)
        )
        rows = np.full((self.count, run.depth, len(FORWARD)), np.nan)
        rows[:, : len(found)] = np.moveaxis(table_LRC, 1, 0)
        return h_RBN, rows

    def _block(self, name: tuple[str, int], index: int) -> Block:
        width = self.run.shape[index + 1]
        return self.scratch.block(name, self.count, self.run.batch, width, self.dtype)

    def _end_burst(self, index: int, sums: Forward, out: Block, slope: Block) -> None:
        """Note networks that have burst here. They go on as zeros."""
        for row in np.flatnonzero(sums.finite < 1).tolist():
            self.onset_R[row] = min(self.onset_R[row], index)
            out.flat[row] = 0
            slope.flat[row] = 0

    def _losses(self, output_RBN: Tensor) -> Tensor:
        """dL/dh at the last layer, shape (R, B, N)."""
        run = self.run
        output_RBN = self.blocks.end(output_RBN)
        gradient_RBN = self._block(("gradient", 0), run.depth - 1).RBN.zero_()
        for row, generator in enumerate(self.numbers.generators):
            if self.onset_R[row] < run.depth:
                continue
            target = losses.draw_target(
                run.loss, run.batch, run.shape[-1], generator, self.dtype, run.target
            )
            _, gradient_RBN[row] = losses.loss_and_gradient(
                run.loss, run.reduction, output_RBN[row], target
            )
        return self.blocks.back_end(gradient_RBN)

    def _backward(self, gradient_RBO: Tensor) -> Array:
        """Columns BACKWARD of every layer, shape (R, L, columns)."""
        run, found = self.run, []
        for index in reversed(range(run.depth)):
            self.tick(self.count)
            input_RBI, slope_RBO = self.kept.pop()
            delta_RBO = self._block(("delta", 0), index).RBN
            self.blocks.back_out(index, gradient_RBO, slope_RBO, delta_RBO)
            found.append(
                statistics.backward(gradient_RBO, delta_RBO, input_RBI, self.scratch, biased=False)
            )
            if index:
                block = self._block(("gradient", index % 2), index - 1).RBN
                gradient_RBO = block.copy_(self.layers[index].backward(delta_RBO, self.numbers))
                gradient_RBO = self.blocks.back_in(index, gradient_RBO)
        table_LRC = _of_alike(
            found[::-1],
            list(pairwise(run.shape)),
            lambda sums, fans: tables.backward(sums, run.batch, *fans),
        )
        return np.moveaxis(table_LRC, 1, 0)

    def uniforms(self, _: int, width: int) -> Tensor:
        """For masks, as they come: shape (R, B, width)."""
        return self.numbers.uniform(self.run.batch, width)

    def project(self, number: int, h_RBI: Tensor) -> Tensor:
        """By weights of its own."""
        layer = self.layers[self.run.depth + number]
        return layer.forward(h_RBI, largest(h_RBI), self.numbers)

    def project_back(self, number: int, gradient_RBO: Tensor) -> Tensor:
        """By their transpose."""
        return self.layers[self.run.depth + number].backward(gradient_RBO, self.numbers)


def _of_alike(
    found: Sequence[T], sizes: Sequence[S], table: Callable[[list[T], S], Array]
) -> Array:
    """Columns of all layers, shape (L, R, columns), made for stretches of layers of one size."""
    stretches = groupby(zip(found, sizes, strict=False), key=lambda pair: pair[1])
    return np.concatenate([table([sums for sums, _ in pairs], size) for size, pairs in stretches])


def _seed(number: int) -> int:
    return int(np.random.SeedSequence((SEED, number)).generate_state(1)[0])
