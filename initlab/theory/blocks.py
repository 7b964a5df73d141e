"""What theory says of networks with norms, dropout and residual sums, and where it is silent.

Each layer is a chain of a few operations, which `spec/structure.py` lists; `block_forward.py` and
`block_backward.py` follow them, by `streams.py` and `stream_gradients.py`.

Shapes: R networks side by side, L layers, M kinds of pairs of samples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from initlab.catalog import LOSSES, NORMS
from initlab.catalog.blocks import BEFORE, PRE
from initlab.catalog.inputs import InputMoments
from initlab.spec.run import IDENTITY, Run
from initlab.theory.batch_norm import SMALLEST
from initlab.theory.block_backward import BackwardPass
from initlab.theory.block_forward import ForwardPass
from initlab.theory.quadrature import Array
from initlab.theory.recursions import LEAST_LN, ln
from initlab.theory.streams import Signal
from initlab.theory.variances import LayerLaw, approximation

TELLS = "; bands of drawn networks tell: band: {networks: 100, gradient: true}"
EPS_MATTERS = 1e-3  # of the variance that batch norm adds its eps to


class BlockLayers(NamedTuple):
    """Predictions of every layer, each (L, R): logarithms of variances, as they are measured."""

    ln_pre: Array
    ln_out: Array
    ln_grad: Array  # relative to the last layer's
    cosine: Array  # (L, R, M)
    error: Array  # (L, R, M): a bound
    mean: Array  # E h / sqrt(E h^2)
    ln_q: Array  # of what the activation is applied to
    ln_inside: Array  # ln E x^2 of the largest that stands on the way to a layer's output
    last: Signal  # what the loss reads
    unsure: Sequence[str]  # of each network, why its numbers are not to be had after all


def why_none(run: Run, inputs: InputMoments) -> str:
    """Why there is no recursion for a network; empty where there is one."""
    structure, norm = run.structure, run.norm
    if any(around.after_sum for around in structure.layers):
        return f"an activation after a sum, whose argument is not normal, has no recursion{TELLS}"
    if norm is None or NORMS[norm.name].over != "batch":
        return ""
    place = norm.parameters["place"]
    if place not in (PRE, BEFORE):
        return f"batch norm in the place {place} has no recursion{TELLS}"
    if run.batch < SMALLEST:
        return f"batch norm of fewer than {SMALLEST} samples has no recursion{TELLS}"
    if len(inputs[1]) > 1:
        return f"batch norm of samples that are not all alike to each other has no recursion{TELLS}"
    first = structure.blocks[0][0] if structure.blocks else 0
    if place == PRE and any(layer.activation != IDENTITY for layer in run.layers[:first]):
        return f"batch norm of what comes out of an activation has no recursion{TELLS}"
    ends = any(a.closes is not None and not a.linear for a in structure.layers)
    if ends and (place == PRE or LOSSES[run.loss.name].residual):
        return f"batch norm with branches that end in an activation has no recursion{TELLS}"
    return ""


def why_approximate(run: Run, laws: Sequence[LayerLaw]) -> str:
    """Why predictions are approximate, with norms or without; empty where they are not."""
    reasons, norm = [approximation(tuple(laws))], run.norm
    if norm is not None and norm.parameters["place"] == BEFORE:
        shifts = [law.shift for law in laws if law.shift is not None]
        if any(not (shift.constant and NORMS[norm.name].centred) for shift in shifts):
            reasons.append("biases that are not normal, in front of a norm, count as if they were")
    return "; ".join(filter(None, reasons))


def predicted(
    runs: Sequence[Run], laws: Sequence[Sequence[LayerLaw]], inputs: Sequence[InputMoments]
) -> BlockLayers:
    """Everything about every layer of networks of one structure and the same laws.

    Args:
        runs: R of them, whose variances and factors may differ.
        laws: of their layers, then of projections.
        inputs: moments of their samples.
    """
    forward = ForwardPass(runs, laws, inputs)
    last, ln_last = forward.run()
    ln_grad, steps = BackwardPass(forward).ln_variances(last, ln_last), forward.steps
    return BlockLayers(
        np.stack([forward.spread(i, s.pre.ln_q) for i, s in enumerate(steps)]),
        np.stack([s.out.ln_variance for s in steps]),
        ln_grad - ln_grad[-1],
        np.stack([s.out.cosine for s in steps]),
        np.stack([s.out.error for s in steps]),
        np.stack([s.out.mean for s in steps]),
        np.stack([s.argument.ln_q for s in steps]),
        np.stack([_ln_inside(forward, i) for i in range(len(steps))]),
        last,
        _unsure(forward, ln_last),
    )


def _ln_inside(forward: ForwardPass, index: int) -> Array:
    """Ln E x^2 of what must be finite for a layer's output to be: what a norm or a sum reads."""
    step, around = forward.steps[index], forward.structure.layers[index]
    sizes = [np.full(len(forward.runs), LEAST_LN)]
    if around.norm_z:
        sizes.append(step.pre.ln_q)
    if step.sum is not None:
        sizes.append(step.sum.result.ln_s)
        sizes.append(step.branch.ln_s + ln(np.square(forward.scale)))
    largest: Array = np.max(sizes, axis=0)
    return largest


def _unsure(forward: ForwardPass, ln_last: Array | None) -> list[str]:
    """Where a batch norm's eps is no small part of the variance, nothing that is said holds."""
    if not forward.batch:
        return [""] * len(forward.runs)
    ln_taus = [ln_tau2 for step in forward.steps for ln_tau2 in step.ln_by.values()]
    least = np.min([*ln_taus, *([] if ln_last is None else [ln_last])], axis=0)
    matters = ln(forward.eps) > least + np.log(EPS_MATTERS)
    why = f"batch norm's eps is no small part of the variance that it is added to{TELLS}"
    return [why if itself else "" for itself in matters.tolist()]
