"""One run of a model, taken apart, for tests of what measures it and of the rules.

And the same run without a probe, by what torch documents: hooks of modules and of tensors.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import nn

from initlab.probe.batch.inputs import Inputs, batch_size
from initlab.probe.model.build import built
from initlab.probe.recording.backward import cotangent
from initlab.probe.recording.losses import Loss
from initlab.probe.recording.measure import FORWARD_SEED, Setup, measure, seed_all, untouched
from initlab.probe.recording.outputs import chosen, named_tensors
from initlab.probe.recording.statistics import norm, statistics
from initlab.probe.recording.torch_interface import recomputing, transformed, tree_map
from initlab.probe.rules.run import found_in
from initlab.probe.rules.view import View


class Calls(nn.Module):
    """A module whose forward is a function of itself and its inputs; it has what is named."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.compute = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args, **kwargs):
        return self.compute(self, *args, **kwargs)


def setup_of(build, batch, *, loss=None, **options):
    """What is run of a build and a batch, as `probe` makes it."""
    chosen = Loss(loss) if isinstance(loss, str) else loss
    return Setup(build, Inputs.of(batch).draw, chosen, **options)


def view(build, batch, seed=0, **options):
    """One seed's run."""
    with untouched():
        return View(measure(setup_of(build, batch, **options), seed))


@cache
def of_case(case, seed=0):
    """One seed's run of a model of `probed`."""
    return view(lambda: built(case.build), case.batch, seed, loss=case.loss, dtype=dtype_of(case))


def dtype_of(case):
    return getattr(torch, case.dtype) if case.dtype else None


@dataclass
class Plain:
    """What a run shows without a probe.

    `values` and `gradients` are of the outputs of modules, by path and how often it was called.
    """

    model: nn.Module
    returned: Any = None
    output: torch.Tensor | None = None
    values: dict = field(default_factory=dict)
    gradients: dict = field(default_factory=dict)
    loss: float | None = None


@cache
def plain(case, seed=0, *, hooks=True):
    """A model of `probed`, run forward and backward with a probe's seeds and without a probe."""
    with untouched():
        seed_all(seed)
        model = built(case.build)
        model = model if case.dtype is None else model.to(dtype_of(case))
        run = Plain(model.train())
        seed_all(FORWARD_SEED + seed)
        args, kwargs = tree_map(lambda x: leaf_of(x, case), Inputs.of(case.batch).draw(seed))
        if hooks:
            _hooks(run, batch_size(args, kwargs))
        run.returned = model(*args, **kwargs)
        _, run.output = chosen(run.returned, "")
        direction = cotangent(run.output, seed)
        run.output.backward(direction, retain_graph=case.loss is not None)
        if case.loss is not None:
            run.loss = Loss(case.loss).of(run.returned, run.output, seed).value
    return run


def leaf_of(x, case):
    """A tensor of a batch as a leaf of the graph, if it is of floats."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        return x
    return x.to(dtype_of(case) or x.dtype).requires_grad_()


def _hooks(run, batch):
    names = {}
    for name, module in run.model.named_modules(remove_duplicate=False):
        names.setdefault(module, name)
    calls = Counter()

    def noted(module, _, output):
        if recomputing():
            return
        key = names[module], calls[module]
        calls[module] += 1
        first = next((t for _, t in named_tensors(output) if t.is_floating_point()), None)
        if first is None or transformed():
            return
        run.values[key] = statistics(first, batch)
        if first.requires_grad:
            first.register_hook(lambda g: run.gradients.__setitem__(key, norm(g)))

    for module in names:
        if isinstance(module, torch.jit.ScriptModule):
            continue  # takes no hooks of its own
        module.register_forward_hook(noted)


def rules(build, batch, **options):
    """Findings of one seed by their rule."""
    return {found.rule: found for found in found_in(view(build, batch, **options))}


def rows(*shape, seed=0):
    """Standard normal numbers that depend on their seed alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class _ScaledBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return ctx.factor * g, None


class ScaledBack(nn.Module):
    """The identity, which multiplies the gradient by a number."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return _ScaledBack.apply(x, self.factor)


def scaled(width, factor):
    """A linear layer of one square matrix: the identity times a factor, without bias."""
    layer = nn.Linear(width, width, bias=False)
    nn.init.eye_(layer.weight)
    with torch.no_grad():
        layer.weight.mul_(factor)
    return layer
