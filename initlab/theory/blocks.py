"""What theory says of networks with norms, dropout and residual sums, layer by layer.

Forward by `streams.py`, back by `stream_gradients.py`: each layer is a chain of a few operations,
which `spec/structure.py` lists.

Shapes: R networks side by side, L layers, M kinds of pairs of samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from initlab.catalog import LOSSES, NORMS
from initlab.catalog.blocks import BEFORE, PRE
from initlab.catalog.inputs import InputMoments
from initlab.spec.run import IDENTITY, Run
from initlab.theory import stream_gradients as back
from initlab.theory import streams
from initlab.theory.batch_norm import SMALLEST, BatchNormMoments, batch_norm_moments
from initlab.theory.curves import Curves, curves_of
from initlab.theory.quadrature import Array
from initlab.theory.streams import Activated, Pre, Signal
from initlab.theory.variances import LayerLaw

EPSILONS = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}


class BlockLayers(NamedTuple):
    """Predictions of every layer, each (L, R): logarithms of variances, as they are measured."""

    ln_pre: Array
    ln_out: Array
    ln_grad: Array  # relative to the last layer's
    cosine: Array  # (L, R, M)
    error: Array  # (L, R, M): a bound
    mean: Array  # E h / sqrt(E h^2)
    ln_q: Array  # of what the activation is applied to
    last: Signal  # what the loss reads


def why_none(run: Run, inputs: InputMoments) -> str:
    """Why there is no recursion for a network; empty where there is one."""
    tells = "; bands of drawn networks tell: band: {networks: 100, gradient: true}"
    structure, norm = run.structure, run.norm
    if any(around.after_sum for around in structure.layers):
        return f"an activation after a sum, whose argument is not normal, has no recursion{tells}"
    if norm is None or NORMS[norm.name].over != "batch":
        return ""
    place = norm.parameters["place"]
    if place not in (PRE, BEFORE):
        return f"batch norm in the place {place} has no recursion{tells}"
    if run.batch < SMALLEST:
        return f"batch norm of {run.batch} samples: no gradient is finite on average{tells}"
    if len(inputs[1]) > 1:
        return f"batch norm of samples that are not all alike to each other has no recursion{tells}"
    ends = any(a.closes is not None and not a.linear for a in structure.layers)
    if ends and (place == PRE or LOSSES[run.loss.name].residual):
        return f"batch norm with branches that end in an activation has no recursion{tells}"
    return ""


def approximation(run: Run, laws: Sequence[LayerLaw]) -> str:
    """Why predictions of a network with norms are approximate; empty where they are not."""
    before = run.norm is not None and run.norm.parameters["place"] == BEFORE
    if before and any(law.shift is not None for law in laws):
        return "biases that are not normal, in front of a norm, count as if they were"
    return ""


class _Sum(NamedTuple):
    """A residual sum: what came into its block, what of it is added, and what comes of that."""

    source: Signal
    added: Signal  # after a projection
    result: Signal  # before a norm


@dataclass
class _Step:
    """One layer on the way forward, as the way back needs it."""

    fed: Signal  # what dropout leaves for the weights
    pre: Pre
    argument: Pre  # of the activation
    curves: Curves
    activated: Activated
    branch: Signal  # what a sum adds, or what is handed on where there is none
    out: Signal
    sum: "_Sum | None" = None  # that the layer closes
    normed: dict[str, Signal] = field(default_factory=dict)  # what norms were applied to, by place
    ln_by: dict[str, Array] = field(default_factory=dict)  # and what these divide by


class BlockNetworks:
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
        self.steps: list[_Step] = []

    def predicted(self) -> BlockLayers:
        """Everything about every layer."""
        h = self._input()
        opened = h
        for index in range(self.first.depth):
            opened = h if self.structure.layers[index].opens else opened
            h = self._forward(index, h, opened)
        last, ln_last = self._normed_last(h)
        ln_grad = self._backward(last, ln_last)
        steps = self.steps
        error = np.stack([step.out.error for step in steps])
        return BlockLayers(
            np.stack([self._spread(i, s.pre.ln_q) for i, s in enumerate(steps)]),
            np.stack([s.out.ln_variance for s in steps]),
            ln_grad - ln_grad[-1],
            np.stack([s.out.cosine for s in steps]),
            error,
            np.stack([s.out.mean for s in steps]),
            np.stack([s.argument.ln_q for s in steps]),
            last,
        )

    def _input(self) -> Signal:
        most = max(len(kinds) for _, kinds in self.inputs)
        cosine = np.zeros((len(self.runs), most))
        for index, (_, kinds) in enumerate(self.inputs):
            cosine[index, : len(kinds)] = [c for c, _ in kinds]
        ln_s = streams.ln(np.array([second for second, _ in self.inputs]))
        # the mean over features counts where a norm takes it out, or a sum adds to it
        mean = np.array([np.sqrt(max(k[0][0], 0)) if len(k) == 1 else 0.0 for _, k in self.inputs])
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
            argument, curves = self._whole(index, pre), curves_of(law.activation)
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
        step = _Step(fed, pre, argument, curves, done, out, out, normed=normed, ln_by=ln_by)
        if around.closes is not None:
            came_in = self._projected(index, opened)
            step.out = streams.added(came_in, out, self.skip, self.scale)
            step.sum = _Sum(opened, came_in, step.out)
            if around.norm_sum:
                normed["sum"] = step.out
                step.out, ln_by["sum"] = self._normed(step.out)
        self.steps.append(step)
        return step.out

    def _normed(self, h: Signal) -> tuple[Signal, Array]:
        """Of batch norm, of a normal h: what stands next are weights."""
        if not self.batch:
            return streams.normed(h, self.eps, centred=self.centred)
        moments = self._moments(index=None)
        pairs = (h.cosine - np.square(h.mean)[:, None]) / np.maximum(h.spread, 1e-300)[:, None]
        return streams.batch_normed(h.ln_variance, pairs, self.first.batch, moments)

    def _batch_normed(self, index: int, z: Pre) -> tuple[Activated, Array]:
        moments = self._moments(index)
        signal, ln_tau2 = streams.batch_normed(z.ln_q, z.c, self.first.batch, moments)
        at = curves_of(self.laws[0][index].activation).at(np.zeros_like(z.ln_q))
        return Activated(signal, at, np.zeros_like(z.c)), ln_tau2

    def _moments(self, index: int | None) -> BatchNormMoments:
        activation = IDENTITY if index is None else self.laws[0][index].activation
        return batch_norm_moments(activation, self.first.batch)

    def _whole(self, index: int, z: Pre) -> Pre:
        """Pre-activations whose biases all count as normal around 0, as before a norm."""
        variance = np.array([_shift_variance(own[index]) for own in self.laws])
        if not variance.any():
            return z
        ln_q = np.logaddexp(z.ln_q, streams.ln(variance))
        share = np.exp(z.ln_q - ln_q)[:, None]
        return Pre(ln_q, share * z.c + 1 - share, share * z.error)

    def _projected(self, index: int, h: Signal) -> Signal:
        """What comes into a block, through weights of its own if there are any."""
        number = self.projections.get(index)
        if number is None:
            return h
        w2, _ = self._variances(number)
        return h._replace(ln_s=h.ln_s + streams.ln(w2), mean=np.zeros_like(h.mean))

    def _variances(self, index: int) -> tuple[Array, Array]:
        variances = [own[index].variance for own in self.laws]
        return np.array([v.sigma_w2 for v in variances]), np.array(
            [v.bias_variance for v in variances]
        )

    def _spread(self, index: int, ln_q: Array) -> Array:
        """ln Var z, to which biases that are not normal add theirs."""
        variance = np.array([_shift_variance(own[index], centred=True) for own in self.laws])
        return np.logaddexp(ln_q, streams.ln(variance)) if variance.any() else ln_q

    def _normed_last(self, h: Signal) -> tuple[Signal, Array | None]:
        return self._normed(h) if self.structure.norm_last else (h, None)

    # backward ------------------------------------------------------------------------------

    def _backward(self, last: Signal, ln_last: Array | None) -> Array:
        """ln Var dL/dh of every layer, (L, R)."""
        residual = np.array([LOSSES[run.loss.name].residual for run in self.runs])
        g = back.Gradient.start(len(self.runs), last.ln_s, residual)
        if ln_last is not None:
            g = self._through_norm(g, self.steps[-1].out, ln_last)
        ln_grad = np.empty((self.first.depth, len(self.runs)))
        past = g
        for index in range(self.first.depth - 1, -1, -1):
            step, around = self.steps[index], self.structure.layers[index]
            ln_grad[index] = g.ln_variance(step.out)
            if around.norm_sum:
                g = self._through_norm(g, step.normed["sum"], step.ln_by["sum"])
            if step.sum is not None:
                past, g = back.into_branch(
                    g, step.sum.result, step.sum.added, step.branch, self.skip, self.scale
                )
                past = self._past(index, past, step.sum)
            g = self._into_weights(index, g)
            if around.opens:
                g = back.together(past, g)
            g = g.scaled()
        return ln_grad

    def _through_norm(self, g: back.Gradient, x: Signal, ln_by: Array) -> back.Gradient:
        if not self.batch:
            return back.through_layer_norm(g, x, ln_by, centred=self.centred)
        moments = self._moments(index=None)
        return back.as_gradient(back.through_batch_norm(g, self.first.batch, ln_by, moments))

    def _into_weights(self, index: int, g: back.Gradient) -> back.Gradient:
        """From what the layer's own chain hands on to what came into it."""
        step, around = self.steps[index], self.structure.layers[index]
        if around.norm_h:
            g = self._through_norm(g, step.normed["h"], step.ln_by["h"])
        if around.norm_z and self.batch:
            u = back.through_batch_norm(g, self.first.batch, step.ln_by["z"], self._moments(index))
        else:
            done = step.activated
            slope, cosine = done.slope[:, 0], done.signal.cosine[:, 0]
            u = back.through_activation(g, step.curves, step.argument.ln_q, done.at, slope, cosine)
            if around.norm_z:
                u = back.through_norm(u, step.ln_by["z"], centred=self.centred)
        g = back.through_weights(
            u, step.fed, step.pre.ln_q, self._growth(index), self._kept(index, step)
        )
        if self.first.dropout:
            g = back.through_dropout(g, self.kept)
        if around.norm_in:
            g = self._through_norm(g, step.normed["in"], step.ln_by["in"])
        return g

    def _past(self, index: int, g: back.Gradient, of: _Sum) -> back.Gradient:
        """Of what came into a block, back through the weights of a projection."""
        number = self.projections.get(index)
        if number is None:
            return g
        none = np.zeros_like(g.along)
        # u = g: E[u z] / sqrt(q) = k sqrt(q), and z has no mean
        u = back.Slopes(g.ln, g.along, none, g.total(of.added), g.across)
        return back.through_weights(u, of.source, of.added.ln_s, self._growth(number), none)

    def _growth(self, index: int) -> Array:
        return np.array([own[index].variance.backward for own in self.laws])

    def _kept(self, index: int, step: _Step) -> Array:
        """As `recursions.kept`."""
        variances = [own[index].variance for own in self.laws]
        wide = np.array([v.orthogonal * min(v.fan_out / v.fan_in, 1) for v in variances])
        biases = streams.ln(np.array([v.bias_variance for v in variances]))
        kept: Array = wide * (1 - np.exp(biases - step.pre.ln_q))
        return kept


def _eps(run: Run) -> float:
    if run.norm is None:
        return 0.0
    given = run.norm.parameters.get("eps", NORMS[run.norm.name].eps)
    return EPSILONS[run.dtype] if given is None else float(given)


def _shift_variance(law: LayerLaw, *, centred: bool = False) -> float:
    if law.shift is None:
        return 0.0
    return float(law.shift.variance + (0 if centred else law.shift.mean**2))
