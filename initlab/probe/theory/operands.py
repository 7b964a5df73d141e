"""What each op of a run was given: values of other ops, inputs, parameters."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor
from torch.autograd.graph import Node

from initlab.probe.recording.activations import composed
from initlab.probe.recording.backward import leaf_of
from initlab.probe.recording.parameters import Parameter
from initlab.probe.recording.sites import Site
from initlab.probe.recording.torch_interface import number_of
from initlab.probe.rules.view import View
from initlab.spec.run import Choice

#: nodes that leave every row as it is, and those that turn rows and columns
KEEPING = ("View", "Reshape", "UnsafeView", "Unsqueeze", "Squeeze", "Alias", "Clone", "ToCopy")
TURNING = ("T", "Transpose", "Permute", "Expand")


@dataclass(eq=False)
class Operands:
    """Of one op; `turned` are values whose rows and columns were exchanged on the way."""

    values: list[Node] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    turned: list[Node] = field(default_factory=list)

    @property
    def every(self) -> list[Node]:
        """All values."""
        return [*self.values, *self.turned]


class Ops:
    """The ops of a run by their autograd nodes."""

    def __init__(self, view: View) -> None:
        self.view = view
        sites = [site for site in view.sites.every if site.node is not None]
        self.sites: dict[Node, Site] = {s.node: s for s in sites if s.op is not None and s.node}
        self.by_name = {p.name: p for p in view.parameters}
        self._parameters = {id(p.tensor): p for p in view.parameters}
        self._known: dict[Node, Operands] = {}

    @cached_property
    def inputs(self) -> dict[Node, Tensor]:
        """Floating point inputs that were followed back."""
        leaves = {id(leaf_of(n)): n for n in self.view.run.graph if not n.next_functions}
        return {leaves[id(x)]: x for x in self.view.run.inputs if id(x) in leaves}

    @cached_property
    def live(self) -> list[Node]:
        """Ops that depend on an input, each after those that it depends on."""
        found = dict.fromkeys(self.inputs, True)
        nodes = [n for n in self.view.run.graph if n in self.sites]
        for node in sorted(nodes, key=number_of):
            if any(child in found for child in self.of(node).every):
                found[node] = True
        return [node for node in found if node in self.sites]

    @property
    def root(self) -> Node | None:
        """The op that made the output."""
        output = self.view.run.output
        if output is None or output.grad_fn is None:
            return None
        return _behind(output.grad_fn)[0]

    def of(self, node: Node) -> Operands:
        """What an op was given, through nodes that only move numbers."""
        if node not in self._known:
            found = self._known[node] = Operands()
            for child, _ in node.next_functions:
                if child is None:
                    continue
                made, turned = _behind(child)
                parameter = self._parameters.get(id(leaf_of(made)))
                if parameter is not None:
                    found.parameters.append(parameter)
                else:
                    (found.turned if turned else found.values).append(made)
        return self._known[node]

    def parts(self, node: Node) -> tuple[Any, ...]:
        """An op's name, its values and numbers; () of what is no op, or has parameters too."""
        site, given = self.sites.get(node), self.of(node)
        if site is None or site.op is None or given.parameters or given.turned:
            return ()
        name, numbers = site.op.name.removesuffix("_"), site.op.arguments
        if name == "softplus" and numbers[:1] == (1,):
            numbers = ()
        return (name, *given.values, *map(float, numbers))

    def activation(self, node: Node) -> tuple[Choice, Node] | None:
        """The activation that an op completes, of one op or several, and the value it is of."""
        if (several := composed(node, self.parts)) is not None:
            return several
        op, given = self.sites[node].op, self.of(node).every
        alone = None if op is None else op.layer.activation
        return (alone, given[0]) if alone is not None and given else None

    @cached_property
    def activations(self) -> dict[Node, Choice]:
        """The activation of each value that has one: of several ops before that of their parts."""
        found: dict[Node, Choice] = {}
        for node in sorted(self.sites, key=number_of):
            if (made := self.activation(node)) is not None:
                found[made[1]] = made[0]
        return found

    def weight(self, node: Node) -> Parameter | None:
        """The matrix of a product, if it is a parameter as it stands."""
        site = self.sites[node]
        found = self.by_name.get(site.op.weight) if site.op is not None else None
        return found if found is not None and len(found.shape) == 2 else None

    def fan_in(self, node: Node) -> int | None:
        """How many features a product takes."""
        weight, value = self.weight(node), self.sites[node].value
        if weight is None or value is None or not value.shape:
            return None
        return weight.tensor.numel() // value.shape[-1]

    def name(self, node: Node) -> str:
        """Of its site, for messages."""
        site = self.sites.get(node)
        return site.name if site is not None else node.name().removesuffix("Backward0")


def _behind(node: Node) -> tuple[Node, bool]:
    """The first node that does more than move numbers, and whether rows were turned on the way."""
    turned = False
    while node.next_functions:
        kind = node.name().rstrip("0123456789").removesuffix("Backward")
        if kind not in KEEPING and kind not in TURNING:
            break
        (following, _), *_ = node.next_functions
        if following is None:
            break
        turned |= kind in TURNING
        node = following
    return node, turned
