"""Gradients at nodes against those of torch.autograd.grad, and graphs by hand."""

import math

import pytest
import torch
from probe_runs import rows

from initlab.probe.recording.backward import (
    MOVING,
    NodeGradient,
    cotangent,
    follow,
    graph_of,
    leaf_of,
)


def leaf(*shape, seed=0):
    return rows(*shape, seed=seed).requires_grad_()


def length(x):
    return float(x.double().norm())


def test_the_graph_has_every_node_once():
    x = leaf(3)
    h = x.exp()
    y = h * h
    graph = graph_of([y, h])
    assert set(graph) == {y.grad_fn, h.grad_fn, h.grad_fn.next_functions[0][0]}
    assert graph[y.grad_fn] == [h.grad_fn, h.grad_fn]  # an edge twice
    assert graph_of([x, torch.ones(3)]) == {}


def test_leaves_are_what_accumulates():
    x = leaf(3)
    y = x.exp()
    accumulate = y.grad_fn.next_functions[0][0]
    assert leaf_of(accumulate) is x
    assert leaf_of(y.grad_fn) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
def test_the_direction_has_the_length_one_and_is_random(dtype):
    y = torch.zeros(40, 30, dtype=dtype)
    c = cotangent(y, 0)
    assert (c.shape, c.dtype) == (y.shape, dtype)
    wide = torch.view_as_real(c) if c.is_complex() else c
    assert length(wide) == pytest.approx(1, rel=1e-3 if dtype == torch.bfloat16 else 1e-6)
    assert torch.equal(c, cotangent(y, 0))
    assert not torch.equal(c, cotangent(y, 1))
    # 1200 normal numbers over their length: a mean of 0 +- 1/1200, of squares 1/1200
    assert abs(float(c.real.double().mean())) < 5 / 1200


def test_the_direction_takes_nothing_from_the_global_generator():
    before = torch.get_rng_state()
    cotangent(torch.zeros(3), 0)
    assert torch.equal(before, torch.get_rng_state())


def network():
    """x -> linear -> tanh -> product with itself, and a branch beside it."""
    x, w = leaf(6, 4), leaf(4, 4, seed=1)
    a = x @ w
    b = torch.tanh(a)
    y = b * b + x
    return x, [a, b, y]


def test_gradients_at_nodes_are_those_of_autograd():
    _, tensors = network()
    c = cotangent(tensors[-1], 0)
    wanted = torch.autograd.grad(tensors[-1], tensors, c, retain_graph=True)
    found = follow(graph_of(tensors[-1:]), tensors[-1], c)
    for tensor, gradient in zip(tensors, wanted, strict=True):
        assert found[tensor.grad_fn].output == length(gradient)
    # what leaves the last node goes to both of its inputs, and is c twice
    assert found[tensors[-1].grad_fn].gain == pytest.approx(math.sqrt(2), rel=1e-12)


def test_the_pass_fills_the_leaves_and_takes_its_hooks_off():
    x, tensors = network()
    c = cotangent(tensors[-1], 0)
    graph = graph_of(tensors[-1:])
    (wanted,) = torch.autograd.grad(tensors[-1], x, c, retain_graph=True)
    found = follow(graph, tensors[-1], c, again=True)
    assert torch.equal(x.grad, wanted)
    kept = dict(found)
    tensors[-1].backward(2 * c, retain_graph=True)
    assert found == kept
    assert follow(graph, tensors[-1], 3 * c)[tensors[-1].grad_fn].output == pytest.approx(3)


def test_the_graph_is_freed_unless_it_is_needed_again():
    _, (*_, y) = network()
    follow(graph_of([y]), y, cotangent(y, 0))
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


def test_hooks_are_off_after_an_error_too():
    class Breaks(torch.autograd.Function):
        calls = 0

        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise ValueError("once")

    x = leaf(3)
    h = Breaks.apply(x.exp())
    y = h * 2
    seen = []
    found = {}
    with pytest.raises(ValueError, match="once"):
        found = follow(graph_of([y]), y, torch.ones(3), again=True)
    assert found == {}
    y.grad_fn.register_hook(lambda *_: seen.append(1))
    with pytest.raises(ValueError, match="once"):
        y.backward(torch.ones(3))
    assert seen == [1]


def test_what_only_moves_numbers_is_hooked_where_it_is_asked_for():
    x = leaf(2, 3)
    h = x.exp()
    y = h.view(6).unsqueeze(0).expand(2, 6)
    names = {node.name() for node in follow(graph_of([y]), y, torch.ones(2, 6), again=True)}
    assert names == {"ExpBackward0"}
    view = y.grad_fn.next_functions[0][0]
    found = follow(graph_of([y]), y, torch.ones(2, 6), [view])
    assert found[view].output == pytest.approx(math.sqrt(6 * 4))  # expand sums two ones


def test_names_of_what_moves_are_torch_s():
    # each op of these makes a node of such a name
    x = leaf(2, 3) * 1
    made = [
        x.view(6), x.reshape(6), x.t(), x.transpose(0, 1), x.permute(1, 0), x.unsqueeze(0),
        x[None].squeeze(0), x.expand(4, 2, 3), x[:, 1:], x[0], x.split(1)[0], x.unbind()[0],
        x.clone(), torch.ops.aten._unsafe_view(x, (6,)), torch.ops.aten.alias(x),
    ]  # fmt: skip
    stems = {y.grad_fn.name().split("Backward")[0].removeprefix("Reshape") for y in made}
    assert stems - {"Squeeze", "_UnsafeView", ""} <= set(MOVING)


def test_a_number_needs_no_direction():
    x = leaf(4)
    y = x.square().sum()
    found = follow(graph_of([y]), y, None)
    assert found[y.grad_fn].output == 1


def test_several_outputs_of_a_node_are_one_length():
    x = leaf(4, 6)
    a, b = x.exp().chunk(2, 1)
    y = torch.cat([3 * a, 4 * b])
    found = follow(graph_of([y]), y, torch.ones_like(y), [a.grad_fn])
    split = found[a.grad_fn]
    # 12 numbers of 3 and 12 of 4
    assert split.outputs == pytest.approx((3 * math.sqrt(12), 4 * math.sqrt(12)))
    assert split.output == pytest.approx(5 * math.sqrt(12))


def test_an_output_that_nobody_uses_has_no_gradient():
    x = leaf(4, 6)
    largest, _ = (x * 1).max(1)
    a, _ = torch.linalg.slogdet(leaf(3, 3) @ leaf(3, 3, seed=1))
    del a
    values = torch.var_mean(x * 1, 1)
    y = values[0] + largest
    found = follow(graph_of([y]), y, torch.ones(4))
    norms = found[values[0].grad_fn]
    assert norms.outputs == (2.0, None)
    assert norms.output == 2.0


def test_gradients_that_are_not_finite_are_nan():
    x = torch.zeros(3, requires_grad=True)
    y = (x * 1).sqrt()
    found = follow(graph_of([y]), y, torch.ones(3))
    assert math.isnan(found[y.grad_fn].inputs[0])
    assert found[y.grad_fn].output == pytest.approx(math.sqrt(3))


def test_gains_that_are_not_known():
    assert NodeGradient((None,), (2.0,)).gain is None
    assert NodeGradient((0.0,), (2.0,)).gain is None
    assert NodeGradient((2.0,), (None,)).gain is None
    assert NodeGradient((2.0, None), (3.0, 4.0)).gain == 2.5
    assert NodeGradient((None, None), ()).output is None


def test_what_cannot_be_read_is_told():
    x = torch.ones(3, 3, requires_grad=True)
    y = torch.sparse.mm(torch.eye(3).to_sparse(), x * 1)
    dense = follow(graph_of([y]), y, torch.ones(3, 3))
    assert not dense[y.grad_fn].unread
    w = torch.nn.Embedding(5, 2, sparse=True)
    z = w(torch.arange(3))
    assert follow(graph_of([z]), z, torch.ones(3, 2))[z.grad_fn].unread
