"""The tensors within what a model takes or returns, each with a name."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from initlab.errors import InputError, UnknownName

DEEPEST = 8  # levels of lists within lists


def named_tensors(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in lists, tuples, mappings and dataclasses, in their order.

    Names are keys, fields and places with dots between them: "logits", "past.0.1"; of a tensor
    alone it is empty.
    """
    if isinstance(value, Tensor):
        yield name, value
        return
    if depth == DEEPEST:
        return
    for key, inner in _items(value):
        yield from named_tensors(inner, f"{name}.{key}" if name else str(key), depth + 1)


def _items(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=True)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        yield from enumerate(value)


def memory_of(tensors: Iterable[Tensor]) -> frozenset[int]:
    """Where tensors are stored, those that have plain memory of their own."""
    return frozenset(t.untyped_storage().data_ptr() for t in tensors if has_memory(t))


def has_memory(x: Tensor) -> bool:
    """Whether a tensor is dense, of torch's own class, and not empty."""
    return (
        type(x) in (Tensor, nn.Parameter)
        and x.layout == torch.strided
        and not x.is_nested
        and x.numel() > 0
    )


def differentiable(value: Any) -> list[tuple[str, Tensor]]:
    """The tensors of an output that have a gradient, those that are more than a number first.

    A model that returns its own loss is judged by what it computes.
    """
    found = [(n, t) for n, t in named_tensors(value) if t.grad_fn is not None]
    found = [(n, t) for n, t in found if t.is_floating_point() or t.is_complex()]
    return sorted(found, key=lambda pair: pair[1].dim() == 0)


def chosen(value: Any, name: str) -> tuple[str, Tensor] | None:
    """The output of this name, or without one the first that has a gradient; None if none has.

    Raises:
        UnknownName: there is no such output.
        InputError: it has no gradient.
    """
    found = differentiable(value)
    if not name:
        return found[0] if found else None
    known = dict(named_tensors(value))
    if name not in known:
        first = next(filter(None, known), "")
        raise UnknownName(
            "output", name, known, f"--output {first}" if first else "leave out --output"
        )
    if name not in dict(found):
        fix = f"--output {found[0][0]}" if found and found[0][0] else None
        raise InputError(f"--output {name}: has no gradient", fix)
    return name, known[name]
