"""Joins what was recorded forward and backward: sites, and those of them that are on the trunk."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torch.autograd.graph import Node

from initlab.probe.model.user_code import shown
from initlab.probe.recording.backward import leaf_of
from initlab.probe.recording.layers import NORMS
from initlab.probe.recording.measure import Run
from initlab.probe.recording.record import Call, Op
from initlab.probe.recording.statistics import Statistics, norm, statistics
from initlab.probe.recording.torch_interface import is_python_function, number_of
from initlab.probe.recording.trunk import trunk

INPUT = "(input)"
MODEL = "(model)"  # the path of the model itself is empty
EMBEDDING = "EmbeddingBackward0"


@dataclass(eq=False)
class Site:
    """A place where the signal was measured: an input, a call of a module, or an op.

    `grad` is ||dL/dx|| of its value, `gain` that of the op alone; None where none came, nan where
    it is not finite.
    """

    name: str
    kind: str
    order: int
    value: Statistics | None
    call: Call | None = None
    op: Op | None = None
    node: Node | None = None
    grad: float | None = None
    gain: float | None = None
    trunk: int | None = None
    batched: bool = True

    @property
    def path(self) -> str:
        """Of the innermost module."""
        return self.call.path if self.call is not None else ""

    @property
    def shown_path(self) -> str:
        """The same for messages."""
        return INPUT if self.kind == "input" else self.path or MODEL

    @property
    def is_norm(self) -> bool:
        """Whether it is of a norm layer, behind which the scale is new."""
        if self.op is None or self.op.layer.running:
            return False
        return self.op.name in NORMS or (self.call is not None and "Norm" in self.call.module)

    @property
    def where(self) -> str:
        """file:line of the model's code that called it, from the current folder on."""
        return _from_here(self.op.where) if self.op is not None and self.op.where else ""

    @property
    def sensitivity(self) -> float | None:
        """s = ||g|| times what varies between samples; None where either is not known."""
        varying = self.varying
        return None if self.grad is None or varying is None else self.grad * varying

    @property
    def varying(self) -> float | None:
        """The signal; the rms where the run has no batch, but never one in place of the other."""
        if self.value is None:
            return None
        return self.value.signal if self.batched else self.value.rms


@cache
def _from_here(where: str) -> str:
    file, _, line = where.rpartition(":")
    return f"{shown(Path(file))}:{line}"


@dataclass(eq=False)
class Sites:
    """All sites of a run, and its trunk: sites with a value and a gradient, the input first."""

    every: list[Site]
    trunk: list[Site]
    nodes: int
    labelled: int


def sites_of(run: Run) -> Sites:
    """Every site of a run in the order of the forward pass."""
    calls = [_module_site(run, call) for call in run.calls]
    ops = list(_op_sites(run))
    by_node = {site.node: site for site in ops if site.node is not None}
    _of_functions(run, by_node, calls)
    inputs = list(_input_sites(run))
    by_node |= {site.node: site for site in inputs if site.node is not None}
    every = sorted([*inputs, *calls, *ops], key=lambda site: site.order)
    chain: list[Site] = []
    if run.output is not None and run.output.grad_fn is not None:
        nodes = trunk(run.graph, run.output.grad_fn, _sinks(run, inputs))
        found = (by_node.get(node) for node in nodes)
        chain = [s for s in found if s is not None and s.value is not None and s.grad is not None]
    _name(every)
    batched = any(s.value is not None and s.value.signal is not None for s in chain)
    for site in every:
        site.batched = batched
    for place, site in enumerate(chain):
        site.trunk = place
    inside = {n for c in run.calls if c.end is not None for n in range(c.first, c.end)}
    real = [node for node in run.graph if node.next_functions]
    return Sites(every, chain, len(real), sum(number_of(node) in inside for node in real))


def _module_site(run: Run, call: Call) -> Site:
    site = Site("", "module", call.order, call.value, call, node=call.node)
    if call.node is None:
        return site
    leaf = leaf_of(call.node)
    if leaf is not None:
        site.grad = None if leaf.grad is None else norm(leaf.grad)
    elif (found := run.gradients.get(call.node)) is not None and call.place < len(found.outputs):
        site.grad = found.outputs[call.place]
    return site


def _op_sites(run: Run) -> Iterator[Site]:
    every = {**run.loss_gradients, **run.gradients}
    nodes = {number_of(node): node for node in every if not is_python_function(node)}
    for op in run.ops:
        node = nodes.get(op.number) if op.number is not None else None
        site = Site("", "op", op.order, op.value, op.call, op, node)
        if node is not None and (found := run.gradients.get(node)) is not None:
            site.grad, site.gain = found.outputs[0] if found.outputs else None, found.gain
        yield site


def _of_functions(run: Run, by_node: dict[Node, Site], calls: list[Site]) -> None:
    """The ops in a torch.autograd.Function share its number: the module's output is its value."""
    for site in calls:
        if site.node is not None and is_python_function(site.node):
            by_node.setdefault(site.node, site)


def _input_sites(run: Run) -> Iterator[Site]:
    leaves = {id(leaf_of(node)): node for node in run.graph if leaf_of(node) is not None}
    for x in run.inputs:
        grad = None if x.grad is None else norm(x.grad)
        node = leaves.get(id(x))
        yield Site(INPUT, "input", -1, statistics(x, run.batch), node=node, grad=grad)


def _sinks(run: Run, inputs: list[Site]) -> list[Node]:
    """Where the signal comes in: float inputs, and embeddings of the user's ids.

    Without either, all embeddings; without those, what reads the memory of an input.
    """
    found = [site.node for site in inputs if site.node is not None]
    ids = {o.number for o in run.ops if o.layer.indices in run.memory and o.layer.indices}
    embeddings = [node for node in run.graph if node.name() == EMBEDDING]
    found += [node for node in embeddings if number_of(node) in ids]
    if found or embeddings:
        return found or embeddings
    readers = run.recorder.readers
    return [n for n in run.graph if n.next_functions and number_of(n) in readers]


def _name(sites: list[Site]) -> None:
    """Names by path and op; the second of a name is #1."""
    again: Counter[str] = Counter()
    for site in sites:
        if site.kind == "module":
            base = site.path or MODEL
        elif site.kind == "op":
            alone = site.call is not None and site.call.leaf and site.call.ops == 1
            op = site.op.name if site.op is not None else ""
            base = site.path if alone else f"{site.path or MODEL} : {op}"
        else:
            base = site.name
        key = f"{site.kind == 'module'} {base}"
        site.name = f"{base}#{again[key]}" if again[key] else base
        again[key] += 1


def factors(chain: list[Site]) -> list[float | None]:
    """ln s of the place before less ln s, for every place of the trunk; None where it is not known.

    Places whose signal is not known, as their first dimension is not the batch, are passed over.

    They add up to ln s(first) - ln s(last): the exact share of each place in the whole factor.
    """
    found: list[float | None] = []
    before: float | None = None
    for site in chain:
        s = site.sensitivity
        known = s is not None and 0 < s < math.inf
        found.append(math.log(before) - math.log(s) if known and before and s else None)
        before = s if known else None if s is not None else before
    return found
