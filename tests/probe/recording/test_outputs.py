"""The tensors in what a model takes or returns: their names, their order, and which is chosen."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import pytest
import torch

from initlab.errors import InputError, UnknownName
from initlab.probe.recording.outputs import DEEPEST, chosen, differentiable, named_tensors

Pair = namedtuple("Pair", ["left", "right"])


@dataclass
class Output:
    logits: torch.Tensor
    past: tuple = ()
    loss: torch.Tensor | None = None


def leaf(*shape):
    return torch.ones(shape, requires_grad=True)


def names(value):
    return [name for name, _ in named_tensors(value)]


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [
        (lambda a, b: a, [""]),
        (lambda a, b: (a, b), ["0", "1"]),
        (lambda a, b: [a, [b, 3, None]], ["0", "1.0"]),
        (lambda a, b: {"x": a, "y": {"z": b}}, ["x", "y.z"]),
        (lambda a, b: {3: a, ("k", 1): b}, ["3", "('k', 1)"]),
        (lambda a, b: Output(a, (b, None)), ["logits", "past.0"]),
        (lambda a, b: Pair(b, a), ["left", "right"]),
        (lambda a, b: OrderedDict(second=b, first=a), ["second", "first"]),
        (lambda a, b: ({"x": a}, "text", b"bytes", 1.5), ["0.x"]),
        (lambda a, b: "text", []),
        (lambda a, b: None, []),
        (lambda a, b: Output, []),  # a class is no value of it
        (lambda a, b: torch.nn.utils.rnn.pack_sequence([a]), ["data", "batch_sizes"]),
    ],
)
def test_names_are_keys_fields_and_places(wrap, expected):
    assert names(wrap(leaf(2), leaf(3))) == expected


def test_the_tensors_are_those_and_no_copies():
    a, b = leaf(2), leaf(3)
    assert next(t for _, t in named_tensors({"x": [a], "y": b})) is a


def test_lists_that_hold_themselves_end():
    endless = [leaf(1)]
    endless.append(endless)
    assert names(endless) == ["1." * depth + "0" for depth in range(DEEPEST)]


def test_a_number_comes_last_and_what_has_no_gradient_not_at_all():
    y, loss = leaf(2, 3) * 2, leaf(2).sum()
    both = torch.ones(2, 2)
    found = differentiable({"loss": loss, "mask": both, "y": y, "ids": torch.arange(3)})
    assert [name for name, _ in found] == ["y", "loss"]
    assert chosen({"loss": loss, "y": y}, "") == ("y", y)
    assert chosen(loss, "") == ("", loss)


def test_a_leaf_was_not_computed():
    assert differentiable([leaf(3)]) == []
    assert chosen({"y": torch.ones(3)}, "") is None
    assert chosen(None, "") is None


def test_complex_outputs_have_gradients():
    y = torch.fft.fft(leaf(4) * 1)
    assert chosen(y, "")[1] is y


def test_an_output_by_name():
    a, b = leaf(2) * 1, leaf(3) * 1
    name, found = chosen({"a": a, "b": {"c": b}}, "b.c")
    assert (name, found is b) == ("b.c", True)


def test_a_name_that_there_is_not_tells_the_nearest_and_one_that_there_is():
    with pytest.raises(UnknownName, match="did you mean logits") as error:
        chosen({"logits": leaf(2) * 1}, "logit")
    assert error.value.fix == "--output logits"


def test_an_output_without_gradient_is_refused_and_the_fix_works():
    value = {"y": leaf(2) * 1, "ids": torch.arange(3)}
    with pytest.raises(InputError, match="ids: has no gradient") as error:
        chosen(value, "ids")
    assert chosen(value, error.value.fix.removeprefix("--output "))[1] is value["y"]


def test_the_only_output_has_no_name_to_choose():
    y = torch.ones(3, requires_grad=True) * 2
    with pytest.raises(UnknownName) as error:
        chosen(y, "logits")
    assert error.value.fix == "leave out --output"
    assert chosen(y, "") == ("", y)
