"""Forward and backward through all networks of a share, side by side, layer by layer.

A block holds one layer's activations of every run, shape (R, B, N). Elementwise work and statistics
are made for the block at once, products with the weights of each seed (`linear.py`).
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from initlab.catalog import ACTIVATIONS
from initlab.network import losses, statistics, tables
from initlab.network.block_source import DrawnSource, largest
from initlab.network.blocks import Blocks
from initlab.network.draws import Draws, draws_of
from initlab.network.inputs import draw_input
from initlab.network.linear import Linear
from initlab.network.measurement import FORWARD, Measurement
from initlab.network.recorded import Recorded
from initlab.network.rows import Rows
from initlab.network.scratch import Block, scratch_of_thread
from initlab.network.sums import Array, Backward, Forward
from initlab.spec.run import Choice, Run
from initlab.spec.shares import Share

FINITE = FORWARD.index("finite_fraction")
STAY = 0.75  # share of a block's runs that must be finite; below it, those that burst are taken out


@dataclass
class _Layer:
    """What the backward pass needs of one layer, for the rows that reached it."""

    rows: Rows
    input_RBI: Tensor
    slope_RBO: Tensor

    def of(self, rows: Rows) -> tuple[Tensor, Tensor]:
        if rows is self.rows:
            return self.input_RBI, self.slope_RBO
        row_of = {number: row for row, number in enumerate(self.rows.numbers)}
        at = [row_of[number] for number in rows.numbers]
        return self.input_RBI[at], self.slope_RBO[at]


@dataclass
class _Found:
    """What is gathered on the way, layer by layer."""

    forward: list[tuple[Rows, Forward]] = field(default_factory=list)
    backward: list[tuple[Rows, Backward]] = field(default_factory=list)
    onset: dict[int, int] = field(default_factory=dict)  # by number: layer of the first nan
    loss_value: dict[int, float] = field(default_factory=dict)


def measure(
    share: Share, on_layer: Callable[[int], None] = lambda _: None
) -> dict[int, Measurement]:
    """Build and measure every network of a share.

    Args:
        share: runs that can be computed side by side.
        on_layer: called before every layer, forward and backward, with the number of networks that
            are still finite; what it raises ends the share.

    Returns:
        A measurement by each run's index in the plan.
    """
    with torch.no_grad():
        return _Pass(share, on_layer).measurements()


class _Pass:
    """One share's way through its networks."""

    def __init__(self, share: Share, on_layer: Callable[[int], None]) -> None:
        self.all = Rows.ordered(share.runs)
        self.first: Run = share.first
        self.both = self.first.backward
        self.dtype: torch.dtype = getattr(torch, self.first.dtype)
        self.scratch = scratch_of_thread(self.first.block_key)
        keep = self.both and share.keeps_draws
        self.draws: dict[int, Draws] = {
            seed: draws_of(self.all.runs[at.start], keep=keep) for seed, at in self.all.by_seed
        }
        self.linear = Linear(self.first, self.draws, self.scratch)
        source = DrawnSource(self.first, self.all, self.draws, self.linear)
        self.blocks = Blocks(self.all.runs, source, self.scratch, keep=self.both, ratios=True)
        self.layers: list[_Layer] = []
        self.found = _Found()
        self.recorded = Recorded(self.first, self.all) if self.first.extras else None
        self.on_layer = on_layer

    def measurements(self) -> dict[int, Measurement]:
        rows, output_RBN = self._forward()
        if self.both and len(self.found.onset) < len(self.all):
            self._backward(rows, self._losses(rows, output_RBN))
        return _measurements(self.first, self.all, self.found, self.recorded)

    # forward -------------------------------------------------------------------------------

    def _forward(self) -> tuple[Rows, Tensor]:
        rows, h_RBN = self.all, self._inputs()
        size_R = np.ones(len(rows))  # max |h| of the inputs, about; 0 of runs that have burst
        if self.both:
            self._reserve()
        for index in range(self.first.depth):
            finite = len(self.all) - len(self.found.onset)
            if not finite:
                break
            self.on_layer(finite)
            # the next layer reads what this one writes, the one after next may write there again
            keep = index if self.both else index % 2
            fed_RBI = self.blocks.enter(index, h_RBN)
            size_R = size_R if fed_RBI is h_RBN else largest(fed_RBI)
            pre = self.linear.forward(index, rows, fed_RBI, size_R)
            out, slope = (self._block((name, keep), len(rows), index) for name in ("out", "slope"))
            self.blocks.leave(index, pre, out, slope, partial(self._activate, index, rows))
            sums = statistics.forward(
                pre.RBN, out.RBN, slope.RBN, self.scratch, saturation=self.first.saturation
            )
            self.found.forward.append((rows, sums))
            if self.recorded:
                self.recorded.forward(index, rows, out.RBN, sums.finite, self.linear.weight_rms_R)
                if self.blocks.hands_on_sum(index):
                    self.recorded.sum(
                        index, rows, out.RBN, self.blocks.branch_ratio_R, self.scratch
                    )
            if self.both:
                self.layers.append(_Layer(rows, fed_RBI, slope.RBN))
            if (sums.finite < 1).any():
                self._end_burst(index, rows, sums.finite, out, slope)
            at = self._staying(rows)
            if len(at) < len(rows):
                rows, out = rows.only(at), Block(out.flat[at], *out.RBN.shape[1:])
            h_RBN, size_R = out.RBN, np.where(sums.finite < 1, 0.0, sums.abs_max)[at]
        return rows, h_RBN

    def _inputs(self) -> Tensor:
        """What every run is fed, shape (R, B, N)."""
        x_BN = {
            seed: draw_input(self.first, draws.generator("input")).to(self.dtype)
            for seed, draws in self.draws.items()
        }
        return torch.stack([x_BN[run.seed] for run in self.all.runs])

    def _reserve(self) -> None:
        """Allocate what is kept for the backward pass before any weight.

        Between weights that come and go it would leave holes too small for the next ones, and
        memory would grow with depth * width^2 although no weight is kept.
        """
        for index in range(self.first.depth):
            for name in ("out", "slope"):
                self._block((name, index), len(self.all), index)

    def _block(self, name: Hashable, runs: int, index: int) -> Block:
        """Memory for one layer's outputs of so many runs."""
        width = self.first.shape[index + 1]
        return self.scratch.block(name, runs, self.first.batch, width, self.dtype)

    def _activate(self, index: int, rows: Rows, pre: Tensor, out: Tensor, slope: Tensor) -> None:
        """Fill in phi(z) and phi'(z), the latter as autograd has it; flat blocks."""
        for activation, at in rows.by_activation(index):
            applied(activation)(pre[at], out[at], slope[at])

    def _end_burst(self, index: int, rows: Rows, finite_R: Array, out: Block, slope: Block) -> None:
        """Note runs that turned nan here. They go on as zeros, until they are taken out."""
        for row in np.flatnonzero(finite_R < 1).tolist():
            self.found.onset.setdefault(rows.numbers[row], index)
            out.flat[row] = 0
            slope.flat[row] = 0

    def _staying(self, rows: Rows) -> list[int]:
        """Rows of the next block: taking out a few costs more than to carry them along."""
        finite = [row for row, n in enumerate(rows.numbers) if n not in self.found.onset]
        # (what stands around layers keeps tensors of all rows)
        stay = self.first.has_blocks or len(finite) >= STAY * len(rows)
        return list(range(len(rows))) if stay else finite

    # backward ------------------------------------------------------------------------------

    def _losses(self, rows: Rows, output_RBN: Tensor) -> Tensor:
        """dL/dh at the last layer, shape (R, B, N); notes each run's loss. 0 of what has burst."""
        output_RBN = self.blocks.end(output_RBN)
        gradient_RBN = self._block("gradient", len(rows), self.first.depth - 1).RBN.zero_()
        width, dtype = self.first.shape[-1], getattr(torch, self.first.draw_dtype)
        for row, (number, run) in enumerate(zip(rows.numbers, rows.runs, strict=True)):
            if number in self.found.onset:
                continue
            generator = self.draws[run.seed].generator("target")
            target = losses.draw_target(
                run.loss, self.first.batch, width, generator, dtype, run.target
            )
            self.found.loss_value[number], gradient_RBN[row] = losses.loss_and_gradient(
                run.loss, run.reduction, output_RBN[row], target
            )
        return self.blocks.back_end(gradient_RBN)

    def _backward(self, rows: Rows, gradient_RBO: Tensor) -> None:
        for index in reversed(range(self.first.depth)):
            self.on_layer(len(self.all) - len(self.found.onset))
            input_RBI, slope_RBO = self.layers.pop().of(rows)
            delta_RBO = self._block("delta", len(rows), index).RBN
            self.blocks.back_out(index, gradient_RBO, slope_RBO, delta_RBO)
            biased = self.first.layers[index].bias is not None
            sums = statistics.backward(
                gradient_RBO, delta_RBO, input_RBI, self.scratch, biased=biased
            )
            self.found.backward.append((rows, sums))
            if self.recorded:
                self.recorded.backward(index, rows, sums, delta_RBO, self.scratch)
            if index:
                size_R = np.sqrt(sums.gradient.squares) * sums.gradient.unit
                if self.first.has_blocks:  # a norm makes dL/dz much larger, or smaller
                    size_R = largest(delta_RBO)
                gradient_RBO = self.linear.backward(index, rows, delta_RBO, size_R).RBN
                gradient_RBO = self.blocks.back_in(index, gradient_RBO)


@cache
def applied(activation: Choice) -> Callable[[Tensor, Tensor, Tensor], None]:
    """What writes phi(z) and phi'(z), given z and memory for both."""
    record, parameters = ACTIVATIONS[activation.name], activation.parameters
    function = record.bind(parameters)

    def by_autograd(z: Tensor, y: Tensor, slope: Tensor) -> None:
        with torch.enable_grad():
            leaf = z.detach().requires_grad_()
            value = function(leaf)
            # (of a sum, as to hand in ones has torch load a symbolic algebra, for 0.4 s)
            (found,) = torch.autograd.grad(value.sum(), leaf)
        y.copy_(value.detach())
        slope.copy_(found)

    return record.bind_into(parameters) or by_autograd


def _measurements(
    first: Run, everyone: Rows, found: _Found, recorded: Recorded | None
) -> dict[int, Measurement]:
    """A measurement by each run's number."""
    forward, backward = tables.of_runs(first, found.forward, found.backward)
    measurements = {}
    for number in everyone.numbers:
        onset = found.onset.get(number)
        reached = first.depth if onset is None else onset + 1
        m = Measurement(forward[number][:reached], loss_value=found.loss_value.get(number))
        if onset is None:
            m.backward = backward.get(number)
        else:
            m.nan_onset = onset
            m.reason = (
                f"layer {onset}: {1 - m.forward[-1, FINITE]:.2%} of the activations are not finite;"
                " the run stops there"
            )
        if recorded:
            m.more = recorded.of(number, reached, gradients=m.backward is not None)
        measurements[number] = m
    return measurements
