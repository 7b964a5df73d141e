"""What torch does not document: each private function is held to what the probe expects of it."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from initlab.probe.recording.torch_interface import (
    DispatchMode,
    is_python_function,
    modes_off,
    next_number,
    number_of,
    op_name,
    recomputing,
    transformed,
    tree_leaves,
    tree_map,
)

CHANGED = "torch has changed: see initlab/probe/recording/torch_interface.py, and what uses "


class Names(DispatchMode):
    """The ops that it sees."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.functions = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.seen.append(op_name(function))
        self.functions.append((function, next_number()))
        return function(*args, **(kwargs or {}))


def leaf(*shape):
    return torch.ones(shape, requires_grad=True)


class Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return g


def test_a_node_gets_the_next_number_and_each_is_one_more():
    x, start = leaf(3), next_number()
    assert next_number() == start, CHANGED + "next_number: reading it must not change it"
    nodes = []
    for function in (torch.exp, torch.sin, torch.tanh):
        expected = next_number()
        x = function(x)
        nodes.append(x.grad_fn)
        assert number_of(x.grad_fn) == expected, CHANGED + "next_number and number_of"
    assert next_number() == start + len(nodes), CHANGED + "next_number: one for each node"


def test_what_makes_no_node_takes_no_number():
    x = leaf(3)
    start = next_number()
    with torch.no_grad():
        torch.exp(x)
    torch.randn(3)
    torch.argmax(x)
    x.detach()
    _ = x.grad
    assert next_number() == start, CHANGED + "next_number: ops without a node"


def test_views_take_numbers_and_leaves_take_none():
    x = leaf(4)
    start = next_number()
    y = x.view(2, 2)
    assert number_of(y.grad_fn) == start
    gather = (x * 2).grad_fn.next_functions[0][0]
    assert next_number() == start + 2, CHANGED + "next_number: AccumulateGrad has none of its own"
    assert number_of(gather) > 1 << 32, CHANGED + "number_of: AccumulateGrad is last of all"


def test_the_node_of_an_op_is_made_before_the_mode_sees_the_op():
    x = leaf(3)
    with Names() as names:
        y = torch.exp(x)
    assert names.functions[0][1] == number_of(y.grad_fn) + 1, CHANGED + "Recorder's `number`"


def test_only_a_backward_pass_recomputes():
    seen = []

    def part(x):
        seen.append(recomputing())
        return torch.tanh(x)

    assert not recomputing(), CHANGED + "recomputing: it is not, outside of a backward pass"
    x = leaf(3)
    x.register_hook(lambda g: seen.append(recomputing()))
    checkpoint(part, x, use_reentrant=False).sum().backward()
    # forward; again in backward; the hook
    assert seen == [False, True, True], CHANGED + "recomputing"
    assert not recomputing()


def test_a_gradient_within_the_forward_pass_recomputes_only_while_it_runs():
    x, seen = leaf(3), []
    y = x.exp()
    y.register_hook(lambda g: seen.append(recomputing()))
    torch.autograd.grad(y.sum(), x, create_graph=True)
    assert seen == [True]
    assert not recomputing()


def test_transforms_are_told():
    seen = []

    def part(x):
        seen.append(transformed())
        return x * 2

    assert not transformed()
    part(leaf(3))
    torch.vmap(part)(leaf(3, 2))
    torch.func.grad(lambda x: part(x).sum())(torch.ones(3))
    assert seen == [False, True, True], CHANGED + "transformed"
    assert not transformed()


def test_a_mode_sees_ops_but_not_those_with_modes_off():
    x = leaf(3)
    with Names() as names:
        torch.sin(x)
        with modes_off():
            torch.exp(x)
            torch.randn(3)
        torch.cos(x)
    assert names.seen == ["aten.sin", "aten.cos"], CHANGED + "modes_off"
    with modes_off():  # there may be none to turn off
        torch.sin(x)
    torch.sin(x)
    assert names.seen == ["aten.sin", "aten.cos"]


def test_ops_by_name_of_whatever_overload():
    x, bias = leaf(2, 2), torch.ones(2)
    with Names() as names:
        nn.functional.linear(x, x, bias)
        x + x
        x + 1
        (x * 1).add_(1)
        nn.functional.layer_norm(x, (2,))
    assert names.seen == [
        "aten.t", "aten.addmm", "aten.add", "aten.add", "aten.mul", "aten.add_",
        "aten.native_layer_norm",
    ], CHANGED + "op_name: MOVING, PRODUCTS, NORMS and others hold such names"  # fmt: skip


def test_nodes_of_python_functions_are_told_from_torch_s():
    x = leaf(3)
    assert is_python_function(Same.apply(x).grad_fn), CHANGED + "is_python_function"
    assert not is_python_function(x.exp().grad_fn)
    assert not is_python_function((x * 1).grad_fn.next_functions[0][0])


def test_the_ops_of_a_python_function_share_its_number():
    x = leaf(3)
    with Names() as names:
        y = Same.apply(x)
    assert names.seen[-1] == "aten.mul"
    assert names.functions[0][1] == number_of(y.grad_fn) + 1


def test_trees_are_taken_apart_and_made_again():
    tree = {"x": [1, (2, None)], "y": 3}
    assert tree_leaves(tree) == [1, 2, None, 3], CHANGED + "tree_leaves"
    made = tree_map(lambda leaf: leaf and leaf * 10, tree)
    assert made == {"x": [10, (20, None)], "y": 30}, CHANGED + "tree_map"


def test_hooks_of_a_node_get_the_gradients_before_and_behind_it():
    x = leaf(3)
    y = 2 * x.exp()
    seen = []
    handle = y.grad_fn.register_hook(lambda back, out: seen.append((back[0], out[0])))
    y.backward(torch.full((3,), 5.0))
    back, out = seen[0]
    assert torch.equal(out, torch.full((3,), 5.0)), CHANGED + "follow's hooks: gradient of outputs"
    assert torch.equal(back, torch.full((3,), 10.0)), CHANGED + "follow's hooks: of its inputs"
    handle.remove()
    (2 * x).sum().backward()
    assert len(seen) == 1


def test_hooks_of_all_modules_may_be_counted():
    from torch.nn.modules import module

    names = ("_global_forward_hooks", "_global_forward_pre_hooks")
    assert all(isinstance(getattr(module, name), dict) for name in names), CHANGED + "test_record"
