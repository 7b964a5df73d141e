"""Mean-field theory back through the graph of a run: E ||dL/dx||^2 of every value.

L is a random direction of the output, so its gradient knows of no weight. It is that of independent
weights forward and backward (Schoenholz et al. 2017, sec. 5), without what a loss adds to that.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch.autograd.graph import Node

from initlab.probe.theory.operands import Ops
from initlab.theory.quadrature import Array


class Share(NamedTuple):
    """What ||g||^2 becomes on its way to an operand: `fresh` behind a weight of mean 0."""

    to: Node
    factor: Array | float
    fresh: bool = False


def gradients(ops: Ops, share: Array, shares: Mapping[Node, Sequence[Share]]) -> dict[Node, Array]:
    """E ||g||^2 of each group of rows, (R,), from the measured one at the output back.

    Where paths meet, their squares add, if weights of mean 0 that the others have not passed are on
    all of them but one. Elsewhere, and behind ops that theory does not follow, values are left out.

    Args:
        ops: of the run.
        share: of all rows, each group's, (R,).
        shares: where the gradient of each op goes; of those that theory does not follow, nowhere.
    """
    root = ops.root
    site = ops.sites.get(root) if root is not None else None
    if root is None or site is None or not site.grad:
        return {}
    found, fresh, lost = {root: share * site.grad**2}, {root: False}, set[Node]()
    for node in reversed(ops.live):
        if node in lost or (node in found and node not in shares):
            lost.update(ops.of(node).every)
            continue
        for to, factor, through in shares[node] if node in found else ():
            passed, own = found[node] * factor, through or fresh[node]
            if to not in found:
                found[to], fresh[to] = passed, own
            elif own or fresh[to]:
                found[to], fresh[to] = found[to] + passed, own and fresh[to]
            else:
                lost.add(to)
    return {node: square for node, square in found.items() if node not in lost}
