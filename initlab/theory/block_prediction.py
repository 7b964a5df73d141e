"""Predictions of networks with norms, dropout and residual sums, many of one structure at once."""

from collections.abc import Callable, Sequence

import numpy as np

from initlab.catalog.inputs import InputMoments
from initlab.spec.run import IDENTITY, Run
from initlab.theory import blocks
from initlab.theory.blocks import BlockLayers
from initlab.theory.initial_loss import LastLayer
from initlab.theory.overflow import block_limits, largest_of
from initlab.theory.predicted import Layers, Prediction, sure_start
from initlab.theory.quadrature import Array
from initlab.theory.recursions import SURE, exp
from initlab.theory.variances import LayerLaw

Laws = Sequence[LayerLaw]


def group_of(run: Run, laws: Laws) -> tuple[object, ...]:
    """Equal for networks that can be followed side by side."""
    kinds = tuple((law.activation, law.shift) for law in laws)
    return (
        kinds,
        run.depth,
        run.batch,
        run.surroundings,
        tuple(run.structure.projections(run.shape)),
    )


def predicted(
    runs: Sequence[Run],
    laws: Sequence[Laws],
    inputs: Sequence[InputMoments],
    tick: Callable[[], None],
) -> list[Prediction]:
    """What theory says of networks of one group.

    Args:
        runs: the networks.
        laws: of the layers, then of the projections, of each.
        inputs: moments of the samples of each.
        tick: called from time to time; it may raise.
    """
    tick()
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        layers = blocks.predicted(runs, laws, inputs)
        return [_of_one(layers, index, run, laws[index], inputs[index])
                for index, run in enumerate(runs)]  # fmt: skip


def _of_one(
    layers: BlockLayers, index: int, run: Run, laws: Laws, inputs: InputMoments
) -> Prediction:
    if layers.unsure[index]:
        return Prediction(reason=layers.unsure[index])
    share = np.array([part for _, part in inputs[1]])
    count = len(share)
    cosine = (layers.cosine[:, index, :count] * share).sum(-1)
    error = (layers.error[:, index, :count] * share).sum(-1)
    known = (error <= SURE) & (run.batch > 1)
    last, ln_grad = layers.last, layers.ln_grad[:, index]
    on_stream = np.full(run.depth, False)
    on_stream[run.structure.stream] = True
    limits = block_limits(
        run,
        _ln_largest(layers, index, run),
        float(np.exp(last.ln_variance[index] / 2)),
        np.where(on_stream, ln_grad, np.nan),  # inside of a branch a gradient may begin as 0
    )
    return Prediction(
        layers=Layers(
            pre_std=exp(layers.ln_pre[:, index] / 2),
            std=exp(layers.ln_out[:, index] / 2),
            grad_std=exp(ln_grad / 2),
            cosine=np.where(known, cosine, np.nan),
            weight_grad_std=np.full(run.depth, np.nan),
        ),
        limits=limits,
        sure_start=sure_start(run, float(last.ln_s[index])),
        approximate=blocks.why_approximate(run, laws),
        last=_last(layers, index, run, laws, float((last.cosine[index, :count] * share).sum())),
    )


def _ln_largest(layers: BlockLayers, index: int, run: Run) -> Array:
    """Ln of the largest on the way to a layer's output, as if all were normal.

    Of the output |mean| + std times its reach.
    """
    reach = largest_of(run.batch * np.array(run.shape[1:], dtype=np.float64))
    ln_variance, mean = layers.ln_out[:, index], np.abs(layers.mean[:, index])
    # mean is E h / sqrt(E h^2): relative to the std, mean / sqrt(1 - mean^2)
    relative = mean / np.sqrt(np.maximum(1 - mean**2, 1e-30))
    ln_inside = layers.ln_inside[:, index] / 2 + np.log(reach)
    largest: Array = np.maximum(ln_variance / 2 + np.log(reach + relative), ln_inside)
    return largest


def _last(layers: BlockLayers, index: int, run: Run, laws: Laws, cosine: float) -> LastLayer | None:
    """The law of what the loss reads, where it is that of an activation of a normal value."""
    structure, last = run.structure, layers.last
    around = structure.layers[-1]
    summed = structure.norm_last or around.closes is not None
    if not summed:
        if around.norm_z or around.norm_h or laws[run.depth - 1].shift is not None:
            return None
        pre = float(layers.ln_q[-1, index])
        # (of the weights' outputs only the activation's correlation is at hand)
        law = laws[run.depth - 1]
        return LastLayer(law.activation, pre, cosine if law.activation == IDENTITY else np.nan)
    if abs(float(last.mean[index])) > 1e-9:
        return None
    return LastLayer(IDENTITY, float(last.ln_s[index]), cosine)
