"""Mean-field theory along the graph of a run: the law of every value.

Followed are products with a weight of a known law, biases, activations of the catalog, norms over
neurons, dropout, factors, and sums of a stream and a branch. Behind anything else it is silent, and
says why.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from torch import nn
from torch.autograd.graph import Node

from initlab.probe.recording.activations import composed
from initlab.probe.recording.parameters import FEWEST, Parameter
from initlab.probe.recording.sites import Site
from initlab.probe.theory import laws
from initlab.probe.theory.back_recursion import Share, gradients
from initlab.probe.theory.laws import Law
from initlab.probe.theory.operands import Ops
from initlab.spec.run import Choice
from initlab.theory.quadrature import Array

GROUPS = 32  # of rows of like length, which are followed together
LAWFUL = ("normal", "uniform", "truncated", "orthogonal", "zero")
WORDS = {
    "convolution": "a convolution",
    "native_batch_norm": "batch norm, which couples the rows,",
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm"), "a product of two values"),
    "embedding": "an embedding",
}


class Silent(Exception):
    """Why theory says nothing of a value."""


class Step(NamedTuple):
    """What an op is to a plain stack; all None of what has no place in one."""

    weight: Parameter | None = None
    bias: Parameter | None = None
    activation: Choice | None = None


class Recursion:
    """The laws of one run.

    Attributes:
        share: of all rows, each group's, shape (R,).
        laws: of every op that depends on the input; words where there is none.
        gradients: E ||g||^2 of the rows of each group, (R,), of values where it is known.
        shares: where gradients go from an op.
        steps: what each op is to a plain stack.
    """

    def __init__(self, ops: Ops) -> None:
        self.ops = ops
        self.share: Array = np.ones(1)
        self.laws: dict[Node, Law | str] = {}
        self.shares: dict[Node, list[Share]] = {}
        self.steps: dict[Node, Step] = {}
        if len(ops.inputs) == 1:
            self._feed()
        for node in ops.live:
            try:
                self.laws[node], self.shares[node] = self._made(node, ops.sites[node])
            except (Silent, ValueError) as reason:
                self.laws[node] = str(reason)
        self.gradients = gradients(ops, self.share, self.shares)

    def _feed(self) -> None:
        """The law of the input, in groups of rows, of as many features as its first product."""
        ((node, x),) = self.ops.inputs.items()
        first = (op for op in self.ops.live if node in self.ops.of(op).values)
        fans = (fan for op in first if (fan := self.ops.fan_in(op)))
        width = next(fans, x.shape[-1] if x.dim() else 1)
        if x.dim() < 2 or not x.numel() or width not in (x.shape[-1], x[0].numel()):
            self.laws[node] = f"the input, {'x'.join(map(str, x.shape))}, is no batch of rows"
            return
        rows = x.detach().double().reshape(-1, width)
        second, mean = (t.numpy() for t in (rows.square().mean(1), rows.mean(1)))
        order = np.argsort(second, kind="stable")
        parts = np.array_split(order, min(GROUPS, len(order)))
        self.share = np.array([len(part) for part in parts]) / len(order)
        seconds, means = (np.array([of[p].mean() for p in parts]) for of in (second, mean))
        self.laws[node] = Law(seconds, means, width)

    def law_of(self, node: Node) -> Law:
        """Raises Silent where there is none."""
        found = self.laws.get(node)
        if isinstance(found, Law):
            return found
        raise Silent(found or f"{self.ops.name(node)} is made of parameters alone")

    def _made(self, node: Node, site: Site) -> tuple[Law, list[Share]]:
        """The law of what an op made, and where its gradient goes."""
        op, given = site.op, self.ops.of(node)
        if op is None or site.value is None:
            raise Silent(f"{site.name} could not be read")
        if (several := composed(node, self.ops.parts)) is not None:
            return self._activation(node, several[1], several[0])
        if (of := self._root_mean_square(node)) is not None:
            law, left = laws.normed(self.law_of(of[0]), of[1], centred=False)
            return law, [Share(of[0], left)]
        name = op.name.removesuffix("_")
        operands = [self.law_of(value) for value in given.every]  # or raises their reason
        if given.turned:
            raise Silent(f"{site.name} takes its input transposed")
        if op.weight or name in ("mm", "addmm", "bmm", "convolution"):
            return self._product(node, site)
        if len(operands) == 2 and name in ("add", "sub"):
            times = _alpha(name, op.arguments)
            shares = [Share(given.values[0], 1.0), Share(given.values[1], times**2)]
            return laws.summed(operands[0], operands[1], times), shares
        if len(operands) == 1:
            (value,), (law,) = given.values, operands
            if op.layer.activation is not None:
                return self._activation(node, value, op.layer.activation)
            made, factor = self._elementwise(site, law, given.parameters)
            if name in ("add", "sub") and given.parameters:
                self.steps[node] = Step(bias=given.parameters[0])
            return made, [Share(value, factor)]
        raise Silent(f"theory does not follow {WORDS.get(name, name)} ({site.name})")

    def _activation(self, node: Node, value: Node, activation: Choice) -> tuple[Law, list[Share]]:
        try:
            law, slope = laws.activated(self.law_of(value), activation)
        except ValueError as reason:
            raise Silent(f"{activation.name} of {self.ops.name(value)}: {reason}") from None
        self.steps[node] = Step(activation=activation)
        return law, [Share(value, slope)]

    def _product(self, node: Node, site: Site) -> tuple[Law, list[Share]]:
        given, weight, name = self.ops.of(node), self.ops.weight(node), _op_name(site)
        if weight is None or len(given.values) != 1:
            raise Silent(f"theory does not follow {WORDS.get(name, name)} ({site.name})")
        law = self.law_of(given.values[0])
        if law.width != self.ops.fan_in(node):
            raise Silent(f"{site.name} takes {self.ops.fan_in(node)} features of {law.width}")
        if weight.name in law.weights:
            raise Silent(f"{weight.name} is used again at {site.name}")
        if copies := [n for n in law.weights if _alike(self.ops.by_name[n], weight)]:
            raise Silent(f"{weight.name} is a copy of {copies[0]}")
        if weight.law not in LAWFUL and (weight.law or weight.tensor.numel() >= FEWEST):
            raise Silent(f"{weight.name} is of no law that theory knows: {weight.law or 'unknown'}")
        made, factor = laws.through_weights(law, weight)
        bias = next((p for p in given.parameters if len(p.shape) == 1), None) or self._frozen(site)
        self.steps[node] = Step(weight, bias)
        made = made if bias is None else laws.with_bias(made, bias)
        return made, [Share(given.values[0], factor, fresh=True)]

    def _root_mean_square(self, node: Node) -> tuple[Node, float] | None:
        """X and eps, where the op makes x / sqrt(mean x^2 + eps) as torch.nn.RMSNorm does."""
        parts = self.ops.parts
        product = parts(node)
        if len(product) != 3 or product[0] != "mul":
            return None
        for x, root in (product[1:], product[:0:-1]):
            match parts(root) if not isinstance(root, float) else ():
                case ("rsqrt", inner):
                    match parts(inner):
                        case ("add", mean, float(eps)) if parts(mean)[:1] == ("mean",):
                            if parts(parts(mean)[1]) == ("pow", x, 2.0):
                                return x, eps
        return None

    def _frozen(self, site: Site) -> Parameter | None:
        """The bias of a linear module that takes no gradient, and so is not in the graph."""
        path = site.path
        linear = site.call is not None and site.call.leaf and site.call.module == "Linear"
        found = self.ops.by_name.get(f"{path}.bias" if path else "bias") if linear else None
        return found if found is not None and not found.trainable else None

    def _elementwise(
        self, site: Site, law: Law, parameters: list[Parameter]
    ) -> tuple[Law, Array | float]:
        """A norm, dropout, or one operand with a number or a parameter."""
        name, numbers = _op_name(site), site.op.arguments if site.op is not None else ()
        if name == "native_layer_norm" and site.op is not None:
            return laws.layer_normed(law, site.op.layer.eps, parameters)
        if site.call is not None and site.call.module == "Dropout" and name == "mul":
            module = self.ops.view.run.model.get_submodule(site.path)
            if isinstance(module, nn.Dropout):
                return laws.dropped(law, module.p)
        if len(parameters) == 1 and name in ONE_PARAMETER:
            return ONE_PARAMETER[name](law, parameters[0])
        if len(numbers) == 1 and name in ONE_NUMBER and not parameters:
            return ONE_NUMBER[name](law, float(numbers[0]))
        raise Silent(f"theory does not follow {WORDS.get(name, name)} ({site.name})")


def _alike(first: Parameter, second: Parameter) -> bool:
    """Whether two weights hold the same numbers; those of zeros do no harm."""
    alike = first.shape == second.shape and first.rms == second.rms and not first.is_zero
    return alike and bool((first.tensor == second.tensor).all())


def _alpha(name: str, arguments: Sequence[float]) -> float:
    """The factor of the second of two terms."""
    factor = float(arguments[0]) if arguments else 1.0
    return factor if name == "add" else -factor


def _op_name(site: Site) -> str:
    return site.op.name.removesuffix("_") if site.op is not None else ""


Pair = tuple[Law, Array | float]
ONE_PARAMETER: dict[str, Callable[[Law, Parameter], Pair]] = {
    "mul": laws.gained,
    "add": lambda law, p: (laws.with_bias(law, p), 1.0),
}
ONE_NUMBER: dict[str, Callable[[Law, float], Pair]] = {
    "mul": lambda law, c: (laws.scaled(law, c), c * c),
    "div": lambda law, c: (laws.scaled(law, 1 / c), 1 / (c * c)),
    "add": lambda law, c: (laws.shifted(law, c), 1.0),
    "sub": lambda law, c: (laws.shifted(law, -c), 1.0),
}
