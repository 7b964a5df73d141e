"""Follows a gradient back through the graph: hooks on autograd nodes, which change nothing."""

import math
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.autograd.graph import Node

from initlab.probe.recording.statistics import norm, readable

#: nodes that only move numbers: their gradient has the norm of the one behind them
MOVING = ("View", "Reshape", "T", "Transpose", "Permute", "Unsqueeze", "Squeeze", "UnsafeView",
          "Alias", "Expand", "Slice", "Select", "Split", "Unbind", "Clone")  # fmt: skip
_MOVING = frozenset(f"{name}Backward{i}" for name in MOVING for i in range(4))


@dataclass(frozen=True)
class NodeGradient:
    """The gradients that reached a node and left it.

    Args:
        outputs: ||dL/d output|| for each of its outputs; nan if that is not finite, None if none
            came.
        inputs: the same of what it hands on.
        unread: whether some could not be read.
    """

    outputs: tuple[float | None, ...]
    inputs: tuple[float | None, ...]
    unread: bool = False

    @property
    def output(self) -> float | None:
        """||g|| over all outputs that got a gradient."""
        return _together(self.outputs)

    @property
    def gain(self) -> float | None:
        """||gradient of the inputs|| / ||gradient of the outputs||, of this op alone."""
        out, back = self.output, _together(self.inputs)
        return back / out if out and back is not None else None


def _together(norms: Iterable[float | None]) -> float | None:
    known = [n for n in norms if n is not None]
    return math.hypot(*known) if known else None


def graph_of(tensors: Iterable[Tensor]) -> dict[Node, list[Node]]:
    """Every autograd node that a tensor depends on, and those that it leads back to."""
    found: dict[Node, list[Node]] = {}
    todo = [t.grad_fn for t in tensors if t.grad_fn is not None]
    while todo:
        node = todo.pop()
        if node not in found:
            found[node] = [other for other, _ in node.next_functions if other is not None]
            todo += found[node]
    return found


def leaf_of(node: Node) -> Tensor | None:
    """The tensor into whose .grad a node accumulates; None of all other nodes."""
    variable = getattr(node, "variable", None)
    return variable if isinstance(variable, Tensor) and not node.next_functions else None


def cotangent(output: Tensor, seed: int) -> Tensor:
    """A random direction of unit length: dL/dy of L = <c, y>, whatever the loss will be."""
    generator = Generator().manual_seed(seed)
    drawn = torch.randn(output.shape, generator=generator, dtype=torch.float64)
    drawn = drawn / drawn.norm()
    moved: Tensor = drawn.to(output.device, output.dtype)
    return moved


def follow(
    graph: dict[Node, list[Node]],
    output: Tensor,
    gradient: Tensor | None,
    also: Iterable[Node] = (),
    *,
    again: bool = False,
) -> dict[Node, NodeGradient]:
    """Run the backward pass of an output, and note the gradients at every node.

    Args:
        graph: of the output.
        output: any tensor of the graph.
        gradient: dL/d output; None of a number.
        also: nodes to hook though they only move numbers.
        again: whether there will be another backward pass.

    Returns:
        What passed each node. Gradients are those of float64 norms; none is kept.
    """
    found: dict[Node, NodeGradient] = {}
    wanted = {*also}
    with ExitStack() as stack:
        for node in graph:
            if node.next_functions and (node in wanted or node.name() not in _MOVING):

                def hook(inputs: Any, outputs: Any, node: Node = node) -> None:
                    found[node] = _noted(inputs, outputs)

                stack.callback(node.register_hook(hook).remove)
        output.backward(gradient, retain_graph=again)  # type: ignore[no-untyped-call]
    return found


def _noted(inputs: Any, outputs: Any) -> NodeGradient:
    tensors = [t for t in (*inputs, *outputs) if t is not None]
    return NodeGradient(
        tuple(None if t is None else norm(t) for t in outputs),
        tuple(None if t is None else norm(t) for t in inputs),
        not all(map(readable, tensors)),
    )
