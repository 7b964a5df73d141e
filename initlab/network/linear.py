"""Linear layers of all runs of a block: z = h W^T + b forward, dL/dh = dL/dz W backward.

Runs of one seed have weights W = s U + t of one unit draw U. In float32 the scales go onto the
inputs instead,

    h W^T = (s h) U^T + t (sum_i h_i)            delta W = (s delta) U + t (sum_o delta_o)

so that one product serves all runs of a seed. Other types round their weights, which so have to be
made, and take a product a run.

Signals that have all but vanished, and those about to overflow, are multiplied as powers of two of
themselves, and rounded after that: some processors take ten times as long for a product of numbers
below 1e-38, and one infinite term makes others nan. (W itself might be infinite there.)
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping

import numpy as np
import torch
from torch import Tensor

from initlab.catalog import Fans
from initlab.network.draws import Drawn, Draws
from initlab.network.products import linear
from initlab.network.rows import Rows
from initlab.network.scratch import VECTOR, Block, Scratch
from initlab.network.sums import Array
from initlab.network.weights import affine_rms, rms, scaled
from initlab.spec.run import Run

#: powers of two: inputs below 2^-60 are multiplied as 2^-40, those above 2^60 as 2^40
VANISHING, RAISED = -60, -40
SMALL, LARGE = 2.0**VANISHING, 2.0**-VANISHING

Biases = list[tuple[slice, Tensor]]  # unit draws, by the rows that have them


class Linear:
    """The linear layers of the runs of a share.

    Args:
        first: a run that speaks for all where they agree.
        draws: unit draws, by seed.
        scratch: memory to work in.

    Where runs record gradients, `weight_rms_R` is that of the weights of the last layer forward.
    """

    def __init__(self, first: Run, draws: Mapping[int, Draws], scratch: Scratch) -> None:
        self.batch, self.depth = first.batch, first.depth
        self.draws = draws
        self.places = {seed: place for place, seed in enumerate(draws)}
        self.scratch = scratch
        self.dtype: torch.dtype = getattr(torch, first.dtype)
        self.layers = [Fans(*fans) for *fans, _ in first.linears]
        self.weighs = "gradients" in first.extras
        self.weight_rms_R: Array = np.empty(0)

    def forward(self, index: int, rows: Rows, h_RBI: Tensor, size_R: Array) -> Block:
        """Pre-activations of every run, whose inputs are of some size.

        The caller's until the next call.
        """
        z, biases = self._product(index, rows, h_RBI, size_R)
        for at, bias_O in biases:
            scale_R11, shift_R11 = rows.affine(index, self.layers[index], "bias")
            scaled_R1O = bias_O * scale_R11[at]
            if shift_R11 is not None:
                scaled_R1O += shift_R11[at]
            z.RBN[at] += scaled_R1O.to(self.dtype)
        return z

    def backward(self, index: int, rows: Rows, delta_RBO: Tensor, size_R: Array) -> Block:
        """dL/dh of the layer's input; the caller's until the call after next."""
        return self._product(index, rows, delta_RBO, size_R, backward=True)[0]

    def _product(
        self, index: int, rows: Rows, x_RBI: Tensor, size_R: Array, *, backward: bool = False
    ) -> tuple[Block, Biases]:
        """X W^T, or backward x W, and the biases that came with the weights."""
        if self.dtype == torch.float32:
            return self._by_seed(index, rows, x_RBI, size_R, backward)
        return self._by_run(index, rows, x_RBI, backward)

    def _by_seed(
        self, index: int, rows: Rows, x_RBI: Tensor, size_R: Array, backward: bool
    ) -> tuple[Block, Biases]:
        """A product for every seed, (s x) U^T."""
        scale_R11, shift_R11 = rows.affine(index, self.layers[index], "init")
        moved_R11 = _moved(size_R * scale_R11.numpy().ravel())
        own_R11 = scale_R11 if moved_R11 is None else scale_R11 * moved_R11
        scaled_RBI = self.scratch.take("scaled", x_RBI.shape, x_RBI.dtype)
        torch.mul(x_RBI, own_R11, out=scaled_RBI)
        products, biases, weighed = [], [], []
        for seed, at in rows.by_seed:
            unit_OI, bias_O = self._drawn(index, seed)
            if self.weighs and not backward:
                shift = 0.0 if shift_R11 is None else shift_R11[at].double().numpy().ravel()
                weighed.append(affine_rms(unit_OI, scale_R11[at].double().numpy().ravel(), shift))
            biases += [] if bias_O is None else [(at, bias_O)]
            own_MI = scaled_RBI[at].flatten(0, 1)
            products.append(linear(own_MI, unit_OI.T if backward else unit_OI, self.batch))
        if weighed and index < self.depth:
            self.weight_rms_R = np.concatenate(weighed)
        product = products[0] if len(products) == 1 else torch.cat(products)
        result = self._padded(index, backward, product.view(len(rows), self.batch, -1))
        if moved_R11 is not None:
            result.RBN.div_(moved_R11)
        if shift_R11 is not None:
            result.RBN.add_((shift_R11 * x_RBI).sum(-1, keepdim=True))
        return result, biases

    def _by_run(
        self, index: int, rows: Rows, x_RBI: Tensor, backward: bool
    ) -> tuple[Block, Biases]:
        """A product for every run, with weights made once for those of equal scale and shift."""
        fans, biases = self.layers[index], []
        weighs = self.weighs and not backward and index < self.depth
        if weighs:
            self.weight_rms_R = np.empty(len(rows))
        result = self._memory(index, len(rows), backward)
        for seed, at in rows.by_seed:
            unit_OI, bias_O = self._drawn(index, seed)
            biases += [] if bias_O is None else [(at, bias_O)]
            alike: dict[tuple[float, float], list[int]] = defaultdict(list)
            for row in range(at.start, at.stop):
                alike[rows.scales(index, fans, "init")[row]].append(row)
            for (scale, shift), group in alike.items():
                weights_OI = scaled(unit_OI, scale, shift, self.dtype, self.scratch)
                if weighs:
                    self.weight_rms_R[group] = rms(weights_OI)
                matrix = weights_OI if backward else weights_OI.T
                for row in group:
                    torch.mm(x_RBI[row], matrix, out=result.RBN[row])
        return result, biases

    def _memory(self, index: int, runs: int, backward: bool) -> Block:
        """A block for what comes of a layer."""
        # dL/dh of two layers is alive at a time
        name: Hashable = ("gradient", index % 2) if backward else "pre"
        if index >= self.depth:  # of a projection, beside which a layer's is alive
            name = "projection"
        width = self.layers[index].fan_in if backward else self.layers[index].fan_out
        return self.scratch.block(name, runs, self.batch, width, self.dtype)

    def _padded(self, index: int, backward: bool, x_RBN: Tensor) -> Block:
        """A block of these numbers: their own memory, where no row has to be padded."""
        runs, batch, width = x_RBN.shape
        if not batch * width % VECTOR:
            return Block(x_RBN.flatten(1), batch, width)
        block = self._memory(index, runs, backward)
        block.RBN.copy_(x_RBN)
        return block

    def _drawn(self, index: int, seed: int) -> Drawn:
        """Unit weights and biases of a layer. Weights that are not kept are there until the next"""
        draws, fans = self.draws[seed], self.layers[index]
        # by its place among the seeds: the next share has as many, which are others
        name = ("unit", self.places[seed], index) if draws.keeps else "unit"
        memory = self.scratch.take(name, (fans.fan_out, fans.fan_in), draws.dtype)
        return draws.layer(index, memory)


def _moved(size_R: Array) -> Tensor | None:
    """Powers of two that take inputs of such sizes away from where float32 ends, (R, 1, 1)."""
    if size_R.min() >= SMALL and size_R.max() < LARGE:
        return None
    exponent = np.frexp(np.where(np.isfinite(size_R), size_R, 0.0))[1]
    wanted = np.where(
        exponent < VANISHING, RAISED, np.where(exponent > -VANISHING, -RAISED, exponent)
    )
    if (wanted == exponent).all():
        return None
    powers = np.exp2((wanted - exponent).clip(-110, 110))
    return torch.from_numpy(powers.astype(np.float32)).reshape(-1, 1, 1)
