"""What is measured beside the usual columns, where a run's `record` asks for it.

All of it is in float64. Every number is found from one run's own block by elementwise operations,
sums over samples, selections and sums of one row, whose bits do not depend on the other runs.

Shape letters: R runs, B samples, N neurons (O outputs of a layer), L layers, C columns MORE.
"""

import numpy as np
import torch
from torch import Tensor

from initlab.catalog.columns import COLUMNS, MORE, OF_BACKWARD
from initlab.network.rows import Rows
from initlab.network.scratch import Scratch
from initlab.network.sums import Array, Backward, powers_of_two
from initlab.network.torch_sums import norms_of_runs
from initlab.spec.run import Run

PERCENT = {"q01": 1, "q25": 25, "q50": 50, "q75": 75, "q99": 99}
AT = {name: place for place, name in enumerate(MORE)}
OF_GRADIENTS = [place for name, place in AT.items() if COLUMNS[name].group in OF_BACKWARD]


class Recorded:
    """Columns MORE of every run of a block, filled in layer by layer.

    Args:
        first: a run that speaks for all where they agree.
        everyone: all runs of the block.
    """

    def __init__(self, first: Run, everyone: Rows) -> None:
        self.first = first
        self._places = {number: place for place, number in enumerate(everyone.numbers)}
        self._table_RLC = np.full((len(everyone), first.depth, len(MORE)), np.nan)

    @np.errstate(invalid="ignore", over="ignore")  # in a run that has just burst
    def forward(
        self, index: int, rows: Rows, out_RBN: Tensor, finite_R: Array, weight_rms_R: Array
    ) -> None:
        """What is known of a layer on the way forward.

        Args:
            index: of the layer.
            rows: the runs of the block.
            out_RBN: the layer's activations.
            finite_R: the share of them that is finite.
            weight_rms_R: the rms of the layer's weights, as `Linear` found it.
        """
        found: dict[str, Array] = {}
        if "neurons" in self.first.extras:
            std_R, found["dead_fraction"] = neurons(out_RBN)
            found["neuron_std"] = np.where(finite_R < 1, np.nan, std_R)
        if "quantiles" in self.first.extras:
            of_RQ = np.where((finite_R < 1)[:, None], np.nan, quantiles(out_RBN))
            found |= dict(zip(PERCENT, of_RQ.T, strict=True))
        if "gradients" in self.first.extras:
            found["weight_rms"] = weight_rms_R
        self._keep(index, rows, found)

    @np.errstate(invalid="ignore", over="ignore")
    def sum(
        self, index: int, rows: Rows, out_RBN: Tensor, branch_ratio_R: Array, scratch: Scratch
    ) -> None:
        """What is known of a residual sum.

        Args:
            index: of the layer that closes the block.
            rows: the runs of the block.
            out_RBN: what the block hands on.
            branch_ratio_R: the rms of what the branch adds over that of what came in.
            scratch: memory to work in.
        """
        count = out_RBN[0].numel()
        rms_R = norms_of_runs(out_RBN, scratch) / count**0.5
        self._keep(index, rows, {"stream_rms": rms_R, "branch_ratio": branch_ratio_R})

    @np.errstate(invalid="ignore", over="ignore", divide="ignore")
    def backward(
        self, index: int, rows: Rows, sums: Backward, delta_RBO: Tensor, scratch: Scratch
    ) -> None:
        """What is known of a layer on the way back.

        Args:
            index: of the layer.
            rows: the runs of the block.
            sums: of the layer's gradients.
            delta_RBO: dL/dz at its pre-activations.
            scratch: memory to work in.
        """
        fan_in, fan_out = self.first.shape[index : index + 2]
        of_gradient = np.sqrt(sums.gradient.squares)
        rms = of_gradient / (self.first.batch * fan_out) ** 0.5 * sums.gradient.unit
        if self.first.structure.layers[index].closes is not None:
            self._keep(index, rows, {"stream_grad_rms": rms})
        if "gradients" not in self.first.extras:
            return
        of_weights = np.sqrt(sums.weights.squares.clip(min=0))  # a sum of products, of any sign
        weight_rms = self._table_RLC[self._at(rows), index, AT["weight_rms"]]
        weight_grad_rms = of_weights / (fan_in * fan_out) ** 0.5 * sums.weights.unit
        found = {
            "grad_rms": rms,
            "grad_norm": of_gradient * sums.gradient.unit,
            "pre_grad_norm": norms_of_runs(delta_RBO, scratch),
            "weight_grad_norm": of_weights * sums.weights.unit,
            "update_ratio": weight_grad_rms / weight_rms,
        }
        self._keep(index, rows, found)

    def of(self, number: int, reached: int, *, gradients: bool) -> Array:
        """Columns MORE of a run, shape (L, C); nan where nothing was measured.

        Args:
            number: of the run.
            reached: so many layers.
            gradients: whether the backward pass was made.
        """
        table_LC: Array = self._table_RLC[self._places[number], :reached].copy()
        if not gradients:
            table_LC[:, OF_GRADIENTS] = np.nan
        return table_LC

    def _keep(self, index: int, rows: Rows, found: dict[str, Array]) -> None:
        for name, of_R in found.items():
            self._table_RLC[self._at(rows), index, AT[name]] = of_R

    def _at(self, rows: Rows) -> list[int]:
        return [self._places[number] for number in rows.numbers]


def neurons(out_RBN: Tensor) -> tuple[Array, Array]:
    """The median of the neurons' std over the batch, and the share that is dead, each (R,).

    The std is centred and unbiased; nan for a batch of one. Dead is 0 for every sample.
    """
    _, batch, width = out_RBN.shape
    x_RBN = out_RBN.to(torch.float64, copy=True).numpy()
    size_RN = np.maximum(x_RBN.max(axis=1), -x_RBN.min(axis=1))
    dead = np.count_nonzero(size_RN == 0, axis=-1) / width
    if batch == 1:
        return np.full(len(x_RBN), np.nan), dead
    unit_RN = np.ones_like(size_RN)
    if out_RBN.dtype == torch.float64:  # one neuron may be 1e200 times as large as the next
        unit_RN = powers_of_two(size_RN)
        x_RBN /= unit_RN[:, None]
    x_RBN -= x_RBN[:, :1].copy()  # exactly 0 where all samples are alike
    x_RBN -= x_RBN.sum(axis=1, keepdims=True) / batch
    squares_RN = np.square(x_RBN, out=x_RBN).sum(axis=1)
    ranked_RN = np.sort(np.sqrt(squares_RN / (batch - 1)) * unit_RN, axis=-1)
    low, high = ranked_RN[:, (width - 1) // 2], ranked_RN[:, width // 2]
    return low + (high - low) / 2, dead


def quantiles(out_RBN: Tensor) -> Array:
    """Quantiles PERCENT over samples and neurons, shape (R, 5), of what is finite.

    Between two values they are interpolated, as numpy and torch do by default ("linear").
    """
    wide = torch.float64 if out_RBN.dtype == torch.float64 else torch.float32
    values_RM = out_RBN.to(wide, copy=True).flatten(1).numpy()
    last = values_RM.shape[1] - 1
    # the p % quantile of n values stands at p (n - 1) / 100 among them
    places = [divmod(percent * last, 100) for percent in PERCENT.values()]
    below = np.array([place for place, _ in places])
    above = np.minimum(below + 1, last)
    values_RM.partition(sorted({*below.tolist(), *above.tolist()}), axis=1)
    low, high = (values_RM[:, at].astype(np.float64) for at in (below, above))
    part = np.array([rest / 100 for _, rest in places])
    # (a difference of two large ones would overflow; + 0.0 makes -0.0 into 0.0)
    found: Array = np.clip(low * (1 - part) + high * part, low, high) + 0.0
    return found
