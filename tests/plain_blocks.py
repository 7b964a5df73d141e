"""Networks with residual sums, norms and dropout as anyone would write them in torch.

They are built from what a spec says of a run, by modules of torch's own, in float64, and have the
run's weights. Where everything stands is said here once more: `structure` is not asked.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from initlab.catalog import ACTIVATIONS
from initlab.network.draws import draws_of
from initlab.network.weights import layers_of

WIDE = torch.float64
NOTHING = nn.Identity()  # stands wherever a part is left out
NUMBERS = {"1/sqrt(L)": lambda count: count**-0.5, "1/L": lambda count: 1 / count}


def norm_of(run, width):
    """torch's own module, in training mode."""
    parameters = run.norm.parameters
    eps = {"eps": parameters["eps"]} if "eps" in parameters else {}
    match run.norm.name:
        case "layer":
            return nn.LayerNorm(width, dtype=WIDE, **eps)
        case "batch":
            return nn.BatchNorm1d(width, dtype=WIDE, **eps).train()
    if not eps:  # of the dtype that the run has
        eps = {"eps": torch.finfo(getattr(torch, run.dtype)).eps}
    return nn.RMSNorm(width, dtype=WIDE, **eps)


class Masked(nn.Module):
    """Dropout with the masks of a run."""

    def __init__(self, run, draws, index, width):
        super().__init__()
        generator = draws.generator("mask", index)
        dtype = getattr(torch, run.draw_dtype)
        uniform = torch.rand((run.batch, width), generator=generator, dtype=dtype)
        self.mask = (uniform < 1 - run.dropout).to(WIDE) / (1 - run.dropout)

    def forward(self, h):
        return h * self.mask


@dataclass
class Seen:
    """What came by, layer by layer, with the gradients that autograd leaves there."""

    fed: list[Tensor] = field(default_factory=list)  # what the weights are multiplied with
    pre: list[Tensor] = field(default_factory=list)
    out: list[Tensor] = field(default_factory=list)
    ratio: dict[int, float] = field(default_factory=dict)  # by the layer that closes a block


class Layer(nn.Module):
    """[norm] [dropout] weights [norm] activation [norm]; a part that is not there is left out."""

    def __init__(self, run, draws, index, weights, seen):
        super().__init__()
        fan_in, fan_out = run.shape[index : index + 2]
        self.run, self.index, self.seen = run, index, seen
        self.linear = linear_of(*weights)
        self.masked = Masked(run, draws, index, fan_in) if run.dropout else NOTHING
        self.norm_in, self.norm_z, self.norm_h = NOTHING, NOTHING, NOTHING
        chosen = run.activation
        for override in run.overrides:
            if index in override.layers(run.depth):
                chosen = override.activation or chosen
        self.phi = ACTIVATIONS[chosen.name].bind(chosen.parameters)
        self.width = fan_out

    def weighed(self, h):
        """Up to the activation."""
        fed = self.masked(self.norm_in(h))
        z = self.linear(fed)
        if z.requires_grad:
            z.retain_grad()
        self.seen.fed.append(fed.detach())
        self.seen.pre.append(z)
        return self.norm_z(z)

    def forward(self, h):
        return self.norm_h(self.phi(self.weighed(h)))


class Branch(nn.Module):
    """Skip h + scale F(h), with what stands around it."""

    def __init__(self, layers, residual, scale, skip, projection, norm_sum):
        super().__init__()
        self.layers, self.scale, self.skip = nn.ModuleList(layers), scale, skip
        self.projection, self.norm_sum = projection, norm_sum
        several = residual["every"] > 1
        self.end = residual.get("branch", "linear" if several else "activation")

    def forward(self, h):
        came_in, last = self.projection(h), self.layers[-1]
        for layer in self.layers[:-1]:
            h = layer(h)
            keep(last.seen, h)
        match self.end:
            case "linear":
                h = last.norm_h(last.weighed(h))
            case "activation":
                h = last(h)
            case "after_sum":
                h = last.weighed(h)
        added = self.scale * h
        ratio = added.detach().norm() / (self.skip * came_in).detach().norm()
        last.seen.ratio[last.index] = float(ratio)
        h = self.norm_sum(self.skip * came_in + added)
        return last.norm_h(last.phi(h)) if self.end == "after_sum" else h


class Network(nn.Module):
    """All of a run. After `run_through` its lists hold what came by."""

    def __init__(self, run):
        super().__init__()
        self.run, self.seen = run, Seen()
        weights = list(layers_of(run))
        draws = draws_of(run, keep=False)
        layers = [Layer(run, draws, i, weights[i], self.seen) for i in range(run.depth)]
        projections = iter(weights[run.depth :])
        residual = run.residual and run.residual.parameters
        place = run.norm and run.norm.parameters["place"]
        own = {override.at for override in run.overrides}
        stem = "first" in own or run.shape[0] != run.shape[1]
        head = run.depth > 1 and ("last" in own or run.shape[-2] != run.shape[-1])
        for layer in layers[: run.depth - head]:
            if place == "before_activation":
                layer.norm_z = norm_of(run, layer.width)
            if place == "after_activation":
                layer.norm_h = norm_of(run, layer.width)
        parts, self.norm_end = layers, NOTHING
        if residual:
            every = residual["every"]
            count = (run.depth - stem - head) // every
            scale = NUMBERS.get(residual["scale"], lambda _: residual["scale"])(count)
            parts = layers[:stem]
            for k in range(count):
                inside = layers[stem + k * every : stem + (k + 1) * every]
                width_in, width_out = run.shape[inside[0].index], inside[-1].width
                projection = NOTHING
                if width_in != width_out:
                    projection = linear_of(*next(projections))
                if place == "pre":
                    inside[0].norm_in = norm_of(run, width_in)
                norm_sum = norm_of(run, width_out) if place == "post" else NOTHING
                parts.append(
                    Branch(inside, residual, scale, residual["skip"], projection, norm_sum)
                )
            after = layers[stem + count * every :]
            if place == "pre" and after:
                after[0].norm_in = norm_of(run, run.shape[after[0].index])
            elif place == "pre":
                self.norm_end = norm_of(run, run.shape[-1])
            parts += after
        self.parts = nn.ModuleList(parts)
        self.linears = [layer.linear for layer in layers]

    def forward(self, x):
        for part in self.parts:
            x = part(x)
            keep(self.seen, x)
        return self.norm_end(x)

    def run_through(self):
        """Forward and backward; the loss as reduced."""
        run, draws = self.run, draws_of(self.run, keep=False)
        drawn, to = getattr(torch, run.draw_dtype), getattr(torch, run.dtype)
        x = torch.randn(run.batch, run.shape[0], generator=draws.generator("input"), dtype=drawn)
        output, generator = self(x.to(to).to(WIDE)), draws.generator("target")
        if run.loss.name == "cross_entropy":
            target = torch.randint(run.shape[-1], (run.batch,), generator=generator)
            loss = nn.functional.cross_entropy(output, target, reduction=run.reduction)
        else:
            target = torch.randn(run.batch, run.shape[-1], generator=generator, dtype=drawn)
            loss = nn.functional.mse_loss(output, target.to(to).to(WIDE), reduction=run.reduction)
        loss.backward()
        return float(loss.detach())


def linear_of(weight, bias):
    linear = nn.Linear(*weight.T.shape, bias=bias is not None, dtype=WIDE)
    linear.weight = nn.Parameter(weight.to(WIDE))
    if bias is not None:
        linear.bias = nn.Parameter(bias.to(WIDE))
    return linear


def keep(seen, h):
    h.retain_grad()
    seen.out.append(h)


def rms(x):
    return np.sqrt(np.square(x).mean())


def std(x):
    return x.std(ddof=1) if x.size > 1 else np.nan


def cosine(h):
    rows = h[np.abs(h).max(axis=1) > 0]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = (rows @ rows.T)[np.triu_indices(len(rows), 1)]  # every pair once
    return pairs.mean() if len(pairs) else np.nan


def columns_of(run):
    """The loss, and every layer's columns, each with the size of what it is computed from."""
    network = Network(run)
    loss, seen, found = network.run_through(), network.seen, []
    for index, linear in enumerate(network.linears):
        z, h, fed = (part[index].detach().numpy() for part in (seen.pre, seen.out, seen.fed))
        gradient, delta = seen.out[index].grad.numpy(), seen.pre[index].grad.numpy()
        # a weight's gradient is a sum over samples, rounded in units of its terms
        terms = rms(np.abs(delta).T @ np.abs(fed))
        columns = {
            "pre_std": (std(z), rms(z)),
            "std": (std(h), rms(h)),
            "rms": (rms(h), rms(h)),
            "cosine": (cosine(h), 1.0),
            "grad_std": (std(gradient), rms(gradient)),
            "weight_grad_std": (std(linear.weight.grad.numpy()), terms),
        }
        if index in seen.ratio:
            columns["stream_rms"] = (rms(h), rms(h))
            columns["branch_ratio"] = (seen.ratio[index], seen.ratio[index])
            columns["stream_grad_rms"] = (rms(gradient), rms(gradient))
        found.append(columns)
    return loss, found
