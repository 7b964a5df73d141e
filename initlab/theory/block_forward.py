"""The way forward through networks with norms, dropout and residual sums, layer by layer.

Shapes: R networks side by side, M kinds of pairs of samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from initlab.catalog import INPUTS, NORMS
from initlab.catalog.dtypes import DTYPES
from initlab.catalog.inputs import InputMoments
from initlab.spec.run import IDENTITY, Run
from initlab.theory import streams
from initlab.theory.batch_norm import BatchNormMoments, batch_norm_moments
from initlab.theory.curves import Curves, curves_of
from initlab.theory.quadrature import Array
from initlab.theory.recursions import ln
from initlab.theory.streams import Activated, Pre, Signal
from initlab.theory.variances import LayerLaw


class Sum(NamedTuple):
    """A residual sum: what came into its block, what of it is added, and what comes of that."""

    source: Signal
    added: Signal  # after a projection
    result: Signal  # before a norm


@dataclass
class Step:
    """One layer on the way forward, as the way back needs it."""

    fed: Signal  # what dropout leaves for the weights
    pre: Pre
    argument: Pre  # of the activation
    curves: Curves
    activated: Activated
    branch: Signal  # what a sum adds, or what is handed on where there is none
    out: Signal
    sum: Sum | None = None  # that the layer closes
    normed: dict[str, Signal] = field(default_factory=dict)  # what norms were applied to, by place
    ln_by: dict[str, Array] = field(default_factory=dict)  # and what these divide by


class ForwardPass:
    """Networks of one structure and the same laws, whose variances and factors differ.

    Args:
        runs: R of them.
        laws: of their layers, then of projections.
        inputs: moments of their samples.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        laws: Sequence[Sequence[LayerLaw]],
        inputs: Sequence[InputMoments],
    ) -> None:
        self.runs, self.laws, self.inputs = runs, laws, inputs
        self.first, self.structure = runs[0], runs[0].structure
        norm = self.first.norm
        record = None if norm is None else NORMS[norm.name]
        self.centred = record is not None and record.centred
        self.batch = record is not None and record.over == "batch"
        self.skip, self.scale, self.kept = (
            np.array(column)
            for column in zip(
                *((r.structure.skip, r.structure.scale, 1 - r.dropout) for r in runs), strict=True
            )
        )
        self.eps = np.array([_eps(run) for run in runs])
        self.projections = {
            end: self.first.depth + number
            for number, (_, end) in enumerate(self.structure.projections(self.first.shape))
        }
        self.steps: list[Step] = []

    def run(self) -> tuple[Signal, Array | None]:
        """What the loss reads, and ln of what a norm in front of it divides by."""
        h = opened = self._input()
        for index in range(self.first.depth):
            opened = h if self.structure.layers[index].opens else opened
            h = self._forward(index, h, opened)
        return self._normed(h) if self.structure.norm_last else (h, None)

    def _input(self) -> Signal:
        most = max(len(kinds) for _, kinds in self.inputs)
        cosine = np.zeros((len(self.runs), most))
        for index, (_, kinds) in enumerate(self.inputs):
            cosine[index, : len(kinds)] = [c for c, _ in kinds]
        second = np.array([second for second, _ in self.inputs])
        # the mean over features counts where a norm takes it out, or a sum adds to it
        means = [INPUTS[run.input.name].mean(run.input.arguments, run.batch) for run in self.runs]
        mean = np.clip(np.array(means) / np.sqrt(np.where(second > 0, second, 1)), -1, 1)
        ln_s = ln(second)
        return Signal(ln_s, mean, cosine, np.zeros_like(cosine))

    # forward -------------------------------------------------------------------------------

    def _forward(self, index: int, h: Signal, opened: Signal) -> Signal:
        around, ln_by = self.structure.layers[index], dict[str, Array]()
        normed: dict[str, Signal] = {}
        law = self.laws[0][index]
        x = h
        if around.norm_in:
            normed["in"] = x
            x, ln_by["in"] = self._normed(x)
        fed = streams.dropped(x, self.kept) if self.first.dropout else x
        pre = streams.weighted(fed, *self._variances(index))
        argument, curves = pre, curves_of(law.activation, law.shift)
        if around.norm_z:
            argument, curves = self._with_all_biases(index, pre), curves_of(law.activation)
            if self.batch:
                done, ln_by["z"] = self._batch_normed(index, argument)
            else:
                argument, ln_by["z"] = streams.normed_pre(argument, self.eps)
                done = streams.activated(curves, argument)
        else:
            done = streams.activated(curves, pre)
        out = done.signal
        if around.norm_h:
            normed["h"] = out
            out, ln_by["h"] = self._normed(out)
        step = Step(fed, pre, argument, curves, done, out, out, normed=normed, ln_by=ln_by)
        if around.closes is not None:
            came_in = self._projected(index, opened)
            step.out = streams.added(came_in, out, self.skip, self.scale)
            step.sum = Sum(opened, came_in, step.out)
            if around.norm_sum:
                normed["sum"] = step.out
                step.out, ln_by["sum"] = self._normed(step.out)
        self.steps.append(step)
        return step.out

    def _normed(self, h: Signal) -> tuple[Signal, Array]:
        """Of batch norm, of a normal h: what stands next are weights."""
        if not self.batch:
            return streams.normed(h, self.eps, centred=self.centred)
        moments = self.moments(index=None)
        pairs = (h.cosine - np.square(h.mean)[:, None]) / np.maximum(h.spread, 1e-300)[:, None]
        return streams.batch_normed(h.ln_variance, pairs, self.first.batch, moments)

    def _batch_normed(self, index: int, z: Pre) -> tuple[Activated, Array]:
        moments = self.moments(index)
        signal, ln_tau2 = streams.batch_normed(z.ln_q, z.c, self.first.batch, moments)
        at = curves_of(self.laws[0][index].activation).at(np.zeros_like(z.ln_q))
        return Activated(signal, at, np.zeros_like(z.c)), ln_tau2

    def moments(self, index: int | None) -> BatchNormMoments:
        """Over a normalised batch, of a layer's activation; None: of the identity."""
        activation = IDENTITY if index is None else self.laws[0][index].activation
        return batch_norm_moments(activation, self.first.batch)

    def _with_all_biases(self, index: int, z: Pre) -> Pre:
        """Pre-activations whose biases all count as normal around 0, as before a norm."""
        # a constant is nothing to a norm that takes the mean out
        variance = np.array(
            [_shift_variance(own[index], centred=self.centred) for own in self.laws]
        )
        if not variance.any():
            return z
        ln_q = np.logaddexp(z.ln_q, ln(variance))
        share = np.exp(z.ln_q - ln_q)[:, None]
        return Pre(ln_q, share * z.c + 1 - share, share * z.error)

    def _projected(self, index: int, h: Signal) -> Signal:
        """What comes into a block, through weights of its own if there are any."""
        number = self.projections.get(index)
        if number is None:
            return h
        w2, _ = self._variances(number)
        return h._replace(ln_s=h.ln_s + ln(w2), mean=np.zeros_like(h.mean))

    def _variances(self, index: int) -> tuple[Array, Array]:
        variances = [own[index].variance for own in self.laws]
        return np.array([v.sigma_w2 for v in variances]), np.array(
            [v.bias_variance for v in variances]
        )

    def spread(self, index: int, ln_q: Array) -> Array:
        """Ln Var z, to which biases that are not normal add theirs."""
        variance = np.array([_shift_variance(own[index], centred=True) for own in self.laws])
        return np.logaddexp(ln_q, ln(variance)) if variance.any() else ln_q


def _eps(run: Run) -> float:
    if run.norm is None:
        return 0.0
    given = run.norm.parameters.get("eps", NORMS[run.norm.name].eps)
    return DTYPES[run.draw_dtype].epsilon if given is None else float(given)


def _shift_variance(law: LayerLaw, *, centred: bool = False) -> float:
    if law.shift is None:
        return 0.0
    return float(law.shift.variance + (0 if centred else law.shift.mean**2))
