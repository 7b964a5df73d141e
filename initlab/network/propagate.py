"""Forward and backward through all networks of a share, side by side, layer by layer.

A block holds one layer's activations of every run, shape (R, B, N). Matrix products are made run by
run, as a product of many at once rounds differently with their number; everything elementwise and
every statistic is made for the block at once.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from initlab.catalog import ACTIVATIONS, Fans
from initlab.network import losses, statistics
from initlab.network.draws import draws_of
from initlab.network.inputs import draw_input
from initlab.network.measurement import BACKWARD, FORWARD, Measurement
from initlab.network.scratch import Block, Scratch
from initlab.network.weights import scaled
from initlab.spec.run import Run
from initlab.spec.shares import Share
from initlab.theory.gains import scale_of

_Groups = dict[tuple[float, float], list[int]]


@dataclass
class _Layer:
    """What the backward pass needs of one layer, for the runs (by position) that reached it."""

    runs: list[int]
    input_RBI: Tensor
    slope_RBO: Tensor

    def of(self, runs: list[int]) -> tuple[Tensor, Tensor]:
        if runs == self.runs:
            return self.input_RBI, self.slope_RBO
        at = [self.runs.index(run) for run in runs]
        return self.input_RBI[at], self.slope_RBO[at]


@dataclass
class _Rows:
    """Statistics of one run, gathered layer by layer."""

    forward: list[Sequence[float]] = field(default_factory=list)
    backward: list[Sequence[float]] = field(default_factory=list)
    loss_value: float | None = None


def measure(
    share: Share, on_layer: Callable[[int], None] = lambda _: None
) -> dict[int, Measurement]:
    """Build and measure every network of a share.

    Args:
        share: runs with equal draws.
        on_layer: called before every layer, forward and backward, with the number of networks still
            alive; what it raises ends the share.

    Returns:
        A measurement by each run's index in the plan.
    """
    with torch.no_grad():
        return _Pass(share, on_layer).measurements()


class _Pass:
    """One share's way through its networks."""

    def __init__(self, share: Share, on_layer: Callable[[int], None]) -> None:
        # runs of one activation stand side by side, so that it is applied to all of them at once
        ordered = sorted(share.runs, key=lambda pair: repr(pair[1].activation))
        self.indices = [index for index, _ in ordered]
        self.runs = [run for _, run in ordered]
        self.first: Run = share.first
        self.dtype: torch.dtype = getattr(torch, self.first.dtype)
        self.draws = draws_of(self.first, keep=share.keeps_draws)
        self.functions = [
            ACTIVATIONS[run.activation.name].bind(run.activation.parameters) for run in self.runs
        ]
        self.rows = [_Rows() for _ in self.runs]
        self.layers: list[_Layer] = []
        self.groups: dict[tuple[Fans, str, int], _Groups] = {}
        self.scratch = Scratch()
        self.on_layer = on_layer

    def measurements(self) -> dict[int, Measurement]:
        alive, output_RBN = self._forward()
        if alive and self.first.record == "both":
            self._backward(alive, self._losses(alive, output_RBN))
        return {i: _measurement(rows) for i, rows in zip(self.indices, self.rows, strict=True)}

    # forward -------------------------------------------------------------------------------

    def _forward(self) -> tuple[list[int], Tensor]:
        both = self.first.record == "both"
        x_BN = draw_input(self.first, self.draws.generator("input")).to(self.dtype)
        alive = list(range(len(self.runs)))
        h_RBN = x_BN.expand(len(alive), *x_BN.shape)
        if both:
            self._reserve(len(alive))
        for index in range(self.first.depth):
            if not alive:
                break
            self.on_layer(len(alive))
            # the next layer reads what this one writes, the one after next may write there again
            keep = index if both else index % 2
            pre = self._pre_activations(index, alive, h_RBN)
            out = self._block(("out", keep), len(alive), index)
            slope = self._block(("slope", keep), len(alive), index)
            self._activate(alive, pre.flat, out.flat, slope.flat)
            measured = statistics.forward(pre.RBN, out.RBN, slope.RBN, self.scratch)
            self._note("forward", FORWARD, alive, measured)
            if both:
                self.layers.append(_Layer(alive, h_RBN, slope.RBN))
            finite = (measured["finite_fraction"] == 1).tolist()
            if not all(finite):
                at = [row for row, ok in enumerate(finite) if ok]
                alive, out = [alive[row] for row in at], Block(out.flat[at], *out.RBN.shape[1:])
            h_RBN = out.RBN
        return alive, h_RBN

    def _reserve(self, runs: int) -> None:
        """Allocate what is kept for the backward pass before any weight.

        Between weights that come and go it would leave holes too small for the next ones, and
        memory would grow with depth * width^2 although no weight is kept.
        """
        for index in range(self.first.depth):
            self._block(("out", index), runs, index)
            self._block(("slope", index), runs, index)

    def _block(self, name: Hashable, runs: int, index: int) -> Block:
        """Memory for one layer's outputs of so many runs."""
        width = self.first.shape[index + 1]
        return self.scratch.block(name, runs, self.first.batch, width, self.dtype)

    def _pre_activations(self, index: int, alive: list[int], h_RBI: Tensor) -> Block:
        """Pre-activations z = h W^T + b of every run."""
        fans = self._fans(index)
        pre = self._block("pre", len(alive), index)
        inputs, outputs = h_RBI.unbind(), pre.RBN.unbind()
        unit, unit_bias = self.draws.layer(index)
        for (scale, shift), rows in self._groups(alive, fans, "init").items():
            transposed = scaled(unit, scale, shift, self.dtype, self.scratch).T
            for row in rows:
                torch.mm(inputs[row], transposed, out=outputs[row])
        if unit_bias is not None:
            for (scale, shift), rows in self._groups(alive, fans, "bias").items():
                bias = scaled(unit_bias, scale, shift, self.dtype, self.scratch)
                for row in rows:
                    outputs[row].add_(bias)
        return pre

    def _activate(self, alive: list[int], pre: Tensor, out: Tensor, slope: Tensor) -> None:
        """Fill in phi(z) and phi'(z), the latter as autograd has it; flat blocks."""
        leaves, values, start = [], [], 0
        with torch.enable_grad():
            for _, group in groupby(alive, key=lambda run: self.runs[run].activation):
                end = start + len(list(group))
                leaf = pre[start:end].detach().requires_grad_()
                leaves.append(leaf)
                values.append(self.functions[alive[start]](leaf))
                start = end
            slopes = torch.autograd.grad(values, leaves, [torch.ones_like(v) for v in values])
        torch.cat(values, out=out)
        torch.cat(slopes, out=slope)

    # backward ------------------------------------------------------------------------------

    def _losses(self, alive: list[int], output_RBN: Tensor) -> Tensor:
        """dL/dh at the last layer, shape (R, B, N); notes each run's loss."""
        gradient_RBN = self._block("gradient", len(alive), self.first.depth - 1).RBN
        width, dtype = self.first.shape[-1], getattr(torch, self.first.draw_dtype)
        for row, run in enumerate(alive):
            generator = self.draws.generator("target")
            loss = self.runs[run].loss
            target = losses.draw_target(loss, self.first.batch, width, generator, dtype)
            self.rows[run].loss_value, gradient_RBN[row] = losses.loss_and_gradient(
                loss, self.runs[run].reduction, output_RBN[row], target
            )
        return gradient_RBN

    def _backward(self, alive: list[int], gradient_RBO: Tensor) -> None:
        for index in reversed(range(self.first.depth)):
            self.on_layer(len(alive))
            input_RBI, slope_RBO = self.layers.pop().of(alive)
            delta_RBO = self._block("delta", len(alive), index).RBN
            torch.mul(gradient_RBO, slope_RBO, out=delta_RBO)  # dL/dz = dL/dh phi'(z)
            measured = statistics.backward(gradient_RBO, delta_RBO, input_RBI, self.scratch)
            if self.first.bias is None:
                del measured["bias_grad_std"]
            self._note("backward", BACKWARD, alive, measured)
            if index:
                gradient_RBO = self._to_input(index, alive, delta_RBO)

    def _to_input(self, index: int, alive: list[int], delta_RBO: Tensor) -> Tensor:
        """dL/dh of the layer before: delta W."""
        fans = self._fans(index)
        # dL/dh of two layers is alive at a time
        gradient = self._block(("gradient", index % 2), len(alive), index - 1)
        deltas, gradients = delta_RBO.unbind(), gradient.RBN.unbind()
        unit, _ = self.draws.layer(index)
        for (scale, shift), rows in self._groups(alive, fans, "init").items():
            weights = scaled(unit, scale, shift, self.dtype, self.scratch)
            for row in rows:
                torch.mm(deltas[row], weights, out=gradients[row])
        return gradient.RBN

    # both ----------------------------------------------------------------------------------

    def _fans(self, index: int) -> Fans:
        return Fans(*self.first.shape[index : index + 2])

    def _groups(self, alive: list[int], fans: Fans, part: str) -> _Groups:
        """Rows of the block by the (scale, shift) of their weights or biases."""
        key = (fans, part, len(alive))  # runs only ever leave, so their number says which are left
        if key not in self.groups:
            rows: _Groups = defaultdict(list)
            for row, run in enumerate(alive):
                choice = getattr(self.runs[run], part)
                rows[scale_of(choice, fans, self.runs[run].activation)].append(row)
            self.groups[key] = rows
        return self.groups[key]

    def _note(
        self, kind: str, names: list[str], alive: list[int], measured: dict[str, statistics.Array]
    ) -> None:
        absent = [None] * len(alive)
        values = [measured[name].tolist() if name in measured else absent for name in names]
        for run, row in zip(alive, zip(*values, strict=True), strict=True):
            getattr(self.rows[run], kind).append(row)


def _measurement(rows: _Rows) -> Measurement:
    forward = np.array(rows.forward, dtype=np.float64).reshape(-1, len(FORWARD))
    result = Measurement(forward, loss_value=rows.loss_value)
    if rows.backward:
        result.backward = np.array(rows.backward[::-1], dtype=np.float64)
    last = dict(zip(FORWARD, forward[-1], strict=True))
    if last["finite_fraction"] < 1:
        result.nan_onset = len(forward) - 1
        result.reason = (
            f"layer {result.nan_onset}: {1 - last['finite_fraction']:.2%} of the activations are"
            f" not finite; the run stops there"
        )
    return result
