"""What the probe uses of torch that torch does not document, all in one place.

`tests/probe/recording/test_torch_interface.py` holds each of these to what is expected of it, so
that a torch that changed one fails there, and not as a wrong number.
"""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.autograd.graph import Node
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode as DispatchMode
from torch.utils._python_dispatch import _disable_current_modes

#: lists, tuples and dictionaries taken apart, and made again from other leaves
tree_leaves = _pytree.tree_leaves
tree_map = _pytree.tree_map

__all__ = [
    "DispatchMode",
    "is_python_function",
    "modes_off",
    "next_number",
    "number_of",
    "op_name",
    "recomputing",
    "transformed",
    "tree_leaves",
    "tree_map",
]


def modes_off() -> AbstractContextManager[Any]:
    """Within it, no dispatch mode sees an op: for statistics of our own."""
    return _disable_current_modes()


def next_number() -> int:
    """The sequence number that the next autograd node of this thread will get."""
    return torch._C._autograd._get_sequence_nr()


def number_of(node: Node) -> int:
    """The sequence number of an autograd node: nodes count in the order of the forward pass."""
    return node._sequence_nr()


def recomputing() -> bool:
    """Whether a backward pass is running: activation checkpoints run forward code within it."""
    return torch._C._current_graph_task_id() != -1


def transformed() -> bool:
    """Whether code runs under vmap or another transform, where tensors have no values to read."""
    return torch._C._functorch.maybe_current_level() is not None


def op_name(function: Any) -> str:
    """Name of the op that a dispatch mode was called for: aten.addmm."""
    return str(function._schema.name).replace("::", ".")


def is_python_function(node: Node) -> bool:
    """Whether a node is of a `torch.autograd.Function`, whose inner ops share its number."""
    return isinstance(node, torch.autograd.function.BackwardCFunction)
