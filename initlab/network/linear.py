"""Linear layers of all runs of a block: z = h W^T + b forward, dL/dh = dL/dz W backward.

Runs of one seed have weights W = s U + t of one unit draw U. In float32 the scales go onto the
inputs instead,

    h W^T = (s h) U^T + t (sum_i h_i)            delta W = (s delta) U + t (sum_o delta_o)

so that one product serves all runs of a seed. Other types round their weights, which so have to be
made, and take a product a run.

Signals that have all but vanished, and those about to overflow, are multiplied as powers of two of
themselves, and rounded after that: a processor takes a hundred times as long for a product of
numbers below 1e-38, and one infinite term makes others nan. (W itself might be infinite there.)
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise, starmap

import numpy as np
import torch
from torch import Tensor

from initlab.catalog import Fans
from initlab.network.draws import Drawn, Draws
from initlab.network.products import linear
from initlab.network.rows import Rows
from initlab.network.scratch import VECTOR, Block, Scratch
from initlab.network.statistics import Array
from initlab.network.weights import scaled
from initlab.spec.run import Run

#: powers of two: inputs below 2^-60 are multiplied as 2^-40, those above 2^60 as 2^40
VANISHING, RAISED = -60, -40


class Linear:
    """The linear layers of the runs of a share.

    Args:
        first: a run that speaks for all where they agree.
        draws: unit draws, by seed.
        scratch: memory to work in.
    """

    def __init__(self, first: Run, draws: Mapping[int, Draws], scratch: Scratch) -> None:
        self.batch = first.batch
        self.draws = draws
        self.places = {seed: place for place, seed in enumerate(draws)}
        self.scratch = scratch
        self.dtype: torch.dtype = getattr(torch, first.dtype)
        self.layers = list(starmap(Fans, pairwise(first.shape)))

    def forward(self, index: int, rows: Rows, h_RBI: Tensor, size_R: Array) -> Block:
        """Pre-activations of every run, whose inputs are of some size.

        The caller's until the next call.
        """
        fans = self.layers[index]
        z, biases = self._product("pre", index, rows, h_RBI, size_R, fans.fan_out)
        for at, bias_O in biases:
            scale_R11, shift_R11 = rows.affine(fans, "bias")
            scaled_R1O = bias_O * scale_R11[at]
            if shift_R11 is not None:
                scaled_R1O += shift_R11[at]
            z.RBN[at] += scaled_R1O.to(self.dtype)
        return z

    def backward(self, index: int, rows: Rows, delta_RBO: Tensor, size_R: Array) -> Block:
        """dL/dh of the layer's input; the caller's until the call after next."""
        fan_in = self.layers[index].fan_in
        name = "gradient", index % 2  # dL/dh of two layers is alive at a time
        return self._product(name, index, rows, delta_RBO, size_R, fan_in, transposed=True)[0]

    def _product(
        self,
        name: Hashable,
        index: int,
        rows: Rows,
        x_RBI: Tensor,
        size_R: Array,
        width: int,
        *,
        transposed: bool = False,
    ) -> tuple[Block, list[tuple[slice, Tensor]]]:
        """X W^T, or x W, and the biases that came with the weights, by the rows that have them."""
        if self.dtype == torch.float32:
            return self._by_seed(name, index, rows, x_RBI, size_R, width, transposed=transposed)
        fans, biases = self.layers[index], []
        result = self.scratch.block(name, len(rows), self.batch, width, self.dtype)
        for seed, at in rows.by_seed:
            unit_OI, bias_O = self._drawn(index, seed)
            biases += [] if bias_O is None else [(at, bias_O)]
            self._by_run(rows, fans, at, unit_OI, x_RBI, result.RBN, transposed=transposed)
        return result, biases

    def _by_seed(
        self,
        name: Hashable,
        index: int,
        rows: Rows,
        x_RBI: Tensor,
        size_R: Array,
        width: int,
        *,
        transposed: bool,
    ) -> tuple[Block, list[tuple[slice, Tensor]]]:
        """A product for every seed, (s x) U^T."""
        scale_R11, shift_R11 = rows.affine(self.layers[index], "init")
        moved_R11 = _moved(size_R * scale_R11.numpy().ravel())
        own_R11 = scale_R11 if moved_R11 is None else scale_R11 * moved_R11
        scaled_RBI = self.scratch.take("scaled", x_RBI.shape, x_RBI.dtype)
        inputs = self._split(rows, torch.mul(x_RBI, own_R11, out=scaled_RBI))
        products, biases = [], []
        for (seed, at), own_MI in zip(rows.by_seed, inputs, strict=True):
            unit_OI, bias_O = self._drawn(index, seed)
            biases += [] if bias_O is None else [(at, bias_O)]
            products.append(linear(own_MI, unit_OI.T if transposed else unit_OI, self.batch))
        product = products[0] if len(products) == 1 else torch.cat(products)
        result = self._block(name, product.view(len(rows), self.batch, width))
        if moved_R11 is not None:
            result.RBN.div_(moved_R11)
        if shift_R11 is not None:
            result.RBN.add_((shift_R11 * x_RBI).sum(-1, keepdim=True))
        return result, biases

    def _block(self, name: Hashable, x_RBN: Tensor) -> Block:
        """A block of these numbers, and their own memory where no row has to be padded."""
        runs, batch, width = x_RBN.shape
        if not batch * width % VECTOR:
            return Block(x_RBN.flatten(1), batch, width)
        block = self.scratch.block(name, runs, batch, width, x_RBN.dtype)
        block.RBN.copy_(x_RBN)
        return block

    def _split(self, rows: Rows, x_RBI: Tensor) -> Sequence[Tensor]:
        """The rows (samples) of each seed, (M, I)."""
        counts = [self.batch * (at.stop - at.start) for _, at in rows.by_seed]
        return torch.split(x_RBI.flatten(0, 1), counts)

    def _drawn(self, index: int, seed: int) -> Drawn:
        """Unit weights and biases of a layer. Weights that are not kept are there until the next"""
        draws, fans = self.draws[seed], self.layers[index]
        # by its place among the seeds: the next share has as many, which are others
        name = ("unit", self.places[seed], index) if draws.keeps else "unit"
        memory = self.scratch.take(name, (fans.fan_out, fans.fan_in), draws.dtype)
        return draws.layer(index, memory)

    def _by_run(
        self,
        rows: Rows,
        fans: Fans,
        at: slice,
        unit_OI: Tensor,
        x_RBI: Tensor,
        out_RBO: Tensor,
        *,
        transposed: bool,
    ) -> None:
        """A product for every run, with weights made once for those of equal scale and shift."""
        alike: dict[tuple[float, float], list[int]] = defaultdict(list)
        for row in range(*at.indices(len(rows))):
            alike[rows.scales(fans, "init")[row]].append(row)
        for (scale, shift), group in alike.items():
            weights_OI = scaled(unit_OI, scale, shift, self.dtype, self.scratch)
            for row in group:
                torch.mm(x_RBI[row], weights_OI if transposed else weights_OI.T, out=out_RBO[row])


def _moved(size_R: Array) -> Tensor | None:
    """Powers of two that take inputs of such sizes away from where float32 ends, (R, 1, 1)."""
    exponent = np.frexp(np.where(np.isfinite(size_R), size_R, 0.0))[1]
    wanted = np.where(
        exponent < VANISHING, RAISED, np.where(exponent > -VANISHING, -RAISED, exponent)
    )
    if (wanted == exponent).all():
        return None
    powers = np.exp2((wanted - exponent).clip(-110, 110))
    return torch.from_numpy(powers.astype(np.float32)).reshape(-1, 1, 1)
