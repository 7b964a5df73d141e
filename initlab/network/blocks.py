"""What stands around the linear layers of networks side by side: norms, dropout, residual sums.

    h' = skip h + scale F(h)        dL/dh = skip dL/dh' + (scale dL/dh' back through the branch F)

`spec/structure.py` says what stands where. Of every network only elementwise operations and sums
over its own samples or neurons are made, whose bits do not depend on the others.

Shapes: R networks, B samples, N neurons (I inputs, O outputs of a layer).
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from initlab.catalog import NORMS
from initlab.network.scratch import Block, Scratch
from initlab.network.sums import Array
from initlab.network.torch_sums import norms_of_runs
from initlab.spec.run import Choice, Run

Activate = Callable[[Tensor, Tensor, Tensor], None]  # of z, writes phi(z) and phi'(z)


class Source(Protocol):
    """Where random numbers and projections of the networks come from."""

    def uniforms(self, layer: int, width: int) -> Tensor:
        """Numbers between 0 and 1 of every network, shape (R, B, width), for a layer's mask."""

    def project(self, number: int, h_RBI: Tensor) -> Tensor:
        """What comes into a block, in the width of its sum; memory of the caller's own."""

    def project_back(self, number: int, gradient_RBO: Tensor) -> Tensor:
        """The gradient of that, in the width of what came in."""


class Norm:
    """A norm of some values x, with what its backward pass needs.

        y = (x - mean x) s,  s = 1 / sqrt(mean (x - mean x)^2 + eps)
        dL/dx = s (g - mean g - y mean(g y)),  g = dL/dy

    Means are over neurons or over the batch, in float64; without `centred` the first is left out.

    Args:
        choice: the norm.
        x_RBN: what is normalised.
    """

    def __init__(self, choice: Choice, x_RBN: Tensor) -> None:
        record = NORMS[choice.name]
        eps = choice.parameters.get("eps", record.eps)
        # (torch has that of the type it computes in, which of half precision is float32)
        own = torch.promote_types(x_RBN.dtype, torch.float32)
        eps = torch.finfo(own).eps if eps is None else eps
        self.dim, self.centred = (-1 if record.over == "neurons" else 1), record.centred
        wide = x_RBN.double()
        if self.centred:
            wide = wide - self._mean(wide)
        self.inverse = 1 / (self._mean(wide.square()) + eps).sqrt()
        self.y_RBN = (wide * self.inverse).to(x_RBN.dtype)

    def back(self, gradient_RBN: Tensor) -> Tensor:
        """dL/dx."""
        wide, y = gradient_RBN.double(), self.y_RBN.double()
        along = self._mean(wide * y)
        if self.centred:
            wide = wide - self._mean(wide)
        return ((wide - y * along) * self.inverse).to(gradient_RBN.dtype)

    def _mean(self, x_RBN: Tensor) -> Tensor:
        if self.dim == -1:
            return x_RBN.mean(-1, keepdim=True)
        # numpy adds sample after sample: torch would in another order for other numbers of columns
        with np.errstate(invalid="ignore", over="ignore"):  # in a run that is about to burst
            return torch.from_numpy(x_RBN.numpy().mean(axis=1, keepdims=True))


class Blocks:
    """Norms, dropout and sums of every layer; of a network without any, its activations alone.

    Args:
        runs: of equal structure; their factors may differ.
        source: where random numbers and projections come from.
        scratch: memory to work in.
        keep: whether the blocks handed in stay as they are, as they do for a backward pass.
        ratios: whether `branch_ratio_R` is found: the rms of what the last block added over that
            of what came into it.
    """

    def __init__(
        self, runs: list[Run], source: Source, scratch: Scratch, *, keep: bool, ratios: bool = False
    ) -> None:
        first, self.ratios = runs[0], ratios
        self.structure, self.norm = first.structure, first.norm or Choice("none")
        self.source, self.scratch, self.keep = source, scratch, keep
        self.skip_R11, self.scale_R11, self.kept_R11 = (
            torch.tensor(column, dtype=torch.float64).reshape(-1, 1, 1)
            for column in zip(*map(_factors, runs), strict=True)
        )
        self.drops = first.dropout > 0
        self.projections = {
            end: number for number, (_, end) in enumerate(self.structure.projections(first.shape))
        }
        self.norms: dict[tuple[int, str], Norm] = {}
        self.masks: dict[int, Tensor] = {}
        self.skipped = torch.empty(0)  # what came into the block; on the way back its gradient
        self.branch_ratio_R: Array = np.empty(0)

    # forward -------------------------------------------------------------------------------

    def enter(self, index: int, h_RBN: Tensor) -> Tensor:
        """What the weights of a layer are multiplied with."""
        around = self.structure.layers[index]
        if around.opens:
            block = next(b for b in self.structure.blocks if b[0] == index)
            number = self.projections.get(block[-1])
            if number is not None:
                self.skipped = self.source.project(number, h_RBN)
            else:
                self.skipped = h_RBN if self.keep else h_RBN.clone()
        if around.norm_in:
            h_RBN = self._normed(index, "in", h_RBN)
        if self.drops:
            h_RBN = h_RBN * self._mask(index, h_RBN)
        return h_RBN

    def leave(self, index: int, z: Block, out: Block, slope: Block, activate: Activate) -> None:
        """Fill in what a layer hands on, and its slopes, from its pre-activations."""
        around = self.structure.layers[index]
        if around.norm_z or around.after_sum:
            batch, width = z.RBN.shape[1:]
            argument = self.scratch.block("argument", len(z.RBN), batch, width, z.RBN.dtype)
            argument.RBN.copy_(self._normed(index, "z", z.RBN) if around.norm_z else z.RBN)
            z = argument
        if around.after_sum:
            z.RBN.copy_(self._sum(index, z.RBN))
        activate(z.flat, out.flat, slope.flat)
        if around.norm_h:
            out.RBN.copy_(self._normed(index, "h", out.RBN))
        if around.closes is not None and not around.after_sum:
            out.RBN.copy_(self._sum(index, out.RBN))

    def hands_on_sum(self, index: int) -> bool:
        """Whether a layer closes a block."""
        return self.structure.layers[index].closes is not None

    def end(self, h_RBN: Tensor) -> Tensor:
        """What the loss reads."""
        if not self.structure.norm_last:
            return h_RBN
        return self._normed(len(self.structure.layers), "in", h_RBN)

    def _sum(self, index: int, branch_RBN: Tensor) -> Tensor:
        """Skip h + scale F, and its norm."""
        came_in = self.skipped * self.skip_R11.to(self.skipped.dtype)
        added = branch_RBN * self.scale_R11.to(branch_RBN.dtype)
        if self.ratios:
            sizes_R = (norms_of_runs(x_RBN, self.scratch) for x_RBN in (added, came_in))
            with np.errstate(divide="ignore", invalid="ignore"):
                self.branch_ratio_R = np.divide(*sizes_R)
        total = came_in.add_(added)
        return self._normed(index, "sum", total) if self.structure.layers[index].norm_sum else total

    def _normed(self, index: int, place: str, x_RBN: Tensor) -> Tensor:
        norm = Norm(self.norm, x_RBN)
        if self.keep:
            self.norms[index, place] = norm
        return norm.y_RBN

    def _mask(self, index: int, h_RBN: Tensor) -> Tensor:
        """1 / keep with probability keep, else 0."""
        uniform_RBN = self.source.uniforms(index, h_RBN.shape[-1])
        kept = uniform_RBN < self.kept_R11
        factor_R11 = (1 / self.kept_R11).to(h_RBN.dtype)
        mask_RBN = torch.where(kept, factor_R11, torch.zeros_like(factor_R11))
        if self.keep:
            self.masks[index] = mask_RBN
        return mask_RBN

    # backward ------------------------------------------------------------------------------

    def back_end(self, gradient_RBN: Tensor) -> Tensor:
        """The gradient of what the last layer hands on."""
        last = len(self.structure.layers)
        return (
            self.norms.pop((last, "in")).back(gradient_RBN)
            if self.structure.norm_last
            else gradient_RBN
        )

    def back_out(self, index: int, gradient_RBO: Tensor, slope_RBO: Tensor, out: Tensor) -> None:
        """Fill in dL/dz at the pre-activations, from dL/dh of what the layer hands on."""
        around, g = self.structure.layers[index], gradient_RBO
        if around.closes is not None and not around.after_sum:
            g = self._back_sum(index, g)
        torch.mul(self._back_norm(index, "h", g), slope_RBO, out=out)  # dL/dh phi'
        if around.after_sum:
            out.copy_(self._back_sum(index, out))
        if around.norm_z:
            out.copy_(self._back_norm(index, "z", out))

    def back_in(self, index: int, gradient_RBI: Tensor) -> Tensor:
        """dL/dh of what the layer before hands on."""
        if self.drops:
            gradient_RBI = gradient_RBI * self.masks.pop(index)
        gradient_RBI = self._back_norm(index, "in", gradient_RBI)
        if self.structure.layers[index].opens:
            gradient_RBI = gradient_RBI + self.skipped
        return gradient_RBI

    def _back_sum(self, index: int, gradient_RBO: Tensor) -> Tensor:
        """The branch's part; what goes past it waits for the layer that opened the block."""
        gradient_RBO = self._back_norm(index, "sum", gradient_RBO)
        self.skipped = gradient_RBO * self.skip_R11.to(gradient_RBO.dtype)
        number = self.projections.get(index)
        if number is not None:
            self.skipped = self.source.project_back(number, self.skipped)
        return gradient_RBO * self.scale_R11.to(gradient_RBO.dtype)

    def _back_norm(self, index: int, place: str, gradient_RBN: Tensor) -> Tensor:
        norm = self.norms.pop((index, place), None)
        return gradient_RBN if norm is None else norm.back(gradient_RBN)


def _factors(run: Run) -> tuple[float, float, float]:
    """What multiplies what comes in, a branch, and the share of activations that dropout keeps."""
    return run.structure.skip, run.structure.scale, 1 - run.dropout
