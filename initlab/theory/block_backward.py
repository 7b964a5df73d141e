"""The way back through networks with norms, dropout and residual sums, layer by layer.

Shapes: R networks side by side, L layers.
"""

import numpy as np

from initlab.catalog import LOSSES
from initlab.theory import recursions
from initlab.theory import stream_gradients as back
from initlab.theory.block_forward import ForwardPass, Step, Sum
from initlab.theory.quadrature import Array
from initlab.theory.streams import Signal


class BackwardPass:
    """The gradient's way through networks.

    Args:
        forward: the way forward, which was gone.
    """

    def __init__(self, forward: ForwardPass) -> None:
        self.forward, self.first, self.structure = forward, forward.first, forward.structure

    def ln_variances(self, last: Signal, ln_last: Array | None) -> Array:
        """Ln Var dL/dh of every layer, (L, R).

        Args:
            last: what the loss reads.
            ln_last: ln of what a norm in front of the loss divides by; None without one.
        """
        residual = np.array([LOSSES[run.loss.name].residual for run in self.forward.runs])
        g = back.Gradient.start(len(self.forward.runs), last.ln_s, residual)
        if ln_last is not None:
            g = self._through_norm(g, self.forward.steps[-1].out, ln_last)
        ln_grad = np.empty((self.first.depth, len(self.forward.runs)))
        past = g
        for index in range(self.first.depth - 1, -1, -1):
            step, around = self.forward.steps[index], self.structure.layers[index]
            ln_grad[index] = g.ln_variance(step.out)
            if around.norm_sum:
                g = self._through_norm(g, step.normed["sum"], step.ln_by["sum"])
            if step.sum is not None:
                past, g = back.into_branch(
                    g,
                    step.sum.result,
                    step.sum.added,
                    step.branch,
                    self.forward.skip,
                    self.forward.scale,
                )
                past = self._past(index, past, step.sum)
            g = self._into_weights(index, g)
            if around.opens:
                g = back.together(past, g)
            g = g.scaled()
        return ln_grad

    def _through_norm(self, g: back.Gradient, x: Signal, ln_by: Array) -> back.Gradient:
        if not self.forward.batch:
            return back.through_layer_norm(g, x, ln_by, centred=self.forward.centred)
        moments = self.forward.moments(index=None)
        return back.as_gradient(back.through_batch_norm(g, self.first.batch, ln_by, moments))

    def _into_weights(self, index: int, g: back.Gradient) -> back.Gradient:
        """From what the layer's own chain hands on to what came into it."""
        step, around = self.forward.steps[index], self.structure.layers[index]
        if around.norm_h:
            g = self._through_norm(g, step.normed["h"], step.ln_by["h"])
        if around.norm_z and self.forward.batch:
            u = back.through_batch_norm(
                g, self.first.batch, step.ln_by["z"], self.forward.moments(index)
            )
        else:
            done = step.activated
            slope, cosine = done.slope[:, 0], done.signal.cosine[:, 0]
            u = back.through_activation(g, step.curves, step.argument.ln_q, done.at, slope, cosine)
            if around.norm_z:
                u = back.through_norm(u, step.ln_by["z"], centred=self.forward.centred)
        g = back.through_weights(
            u, step.fed, step.pre.ln_q, self._growth(index), self._kept(index, step)
        )
        if self.first.dropout:
            g = back.through_dropout(g, self.forward.kept)
        if around.norm_in:
            g = self._through_norm(g, step.normed["in"], step.ln_by["in"])
        return g

    def _past(self, index: int, g: back.Gradient, of: Sum) -> back.Gradient:
        """Of what came into a block, back through the weights of a projection."""
        number = self.forward.projections.get(index)
        if number is None:
            return g
        none = np.zeros_like(g.along)
        # u = g: E[u z] / sqrt(q) = k sqrt(q), and z has no mean
        u = back.Slopes(g.ln, g.along, none, g.total(of.added), g.across)
        return back.through_weights(u, of.source, of.added.ln_s, self._growth(number), none)

    def _growth(self, index: int) -> Array:
        return np.array([own[index].variance.backward for own in self.forward.laws])

    def _kept(self, index: int, step: Step) -> Array:
        """Share of E z^2 that orthogonal weights hand on along their input."""
        variances = [[own[index].variance] for own in self.forward.laws]
        (kept,) = recursions.kept(variances, step.pre.ln_q[None])
        return np.asarray(kept)
