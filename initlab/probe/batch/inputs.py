"""What a model is fed: described by `--input`, or given in Python, and drawn for each seed."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from initlab.errors import InputError, UserCodeError
from initlab.probe.batch.input_specs import EXAMPLE, FromFile, Literal, read
from initlab.probe.batch.random_inputs import Random
from initlab.probe.model.saved import tensor_of
from initlab.probe.model.user_code import user_code
from initlab.probe.recording.outputs import named_tensors
from initlab.probe.recording.torch_interface import tree_map

#: positional and keyword arguments of the model
Batch = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Inputs:
    """The arguments of a model, in each seed.

    Tensors are drawn anew or copied at every call, and ask for no gradient.

    Args:
        drawer: the arguments of a seed.
    """

    drawer: Callable[[int], Batch]

    def draw(self, seed: int) -> Batch:
        """Positional and keyword arguments.

        Raises:
            InputError: what a function returned is no batch.
            UserCodeError: it raised.
        """
        return self.drawer(seed)

    @classmethod
    def of(cls, value: Any) -> "Inputs":
        """The batch that a Python value is.

        Args:
            value: a tensor or array, the only argument; a tuple or list of positional arguments; a
                mapping of keyword arguments; or a function without arguments that returns one of
                these. It is called for each seed, and may draw from the global generators, which
                the caller has seeded.

        Raises:
            InputError: it is none of them.
        """
        if isinstance(value, Inputs):
            return value
        if callable(value) and not isinstance(value, nn.Module | Mapping):
            name = getattr(value, "__name__", type(value).__name__)
            return cls(lambda _: _returned(value, name))
        batch = arguments(value, "the batch")
        return cls(lambda _: copied(batch))


def _returned(function: Callable[[], Any], name: str) -> Batch:
    with user_code(f"drawing the batch by {name}()"):
        value = function()
    try:
        return copied(arguments(value, f"the batch of {name}()"))
    except InputError as error:
        raise UserCodeError(error.message, error.fix) from None


def arguments(value: Any, what: str) -> Batch:
    """A value as the arguments of a call. Raises InputError if it is no batch."""
    if isinstance(value, np.ndarray):
        return (tensor_of(value, what),), {}
    if isinstance(value, Tensor):
        return (value,), {}
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise InputError(f"{what}: has the key {odd[0]!r}, which names no argument", '{"x": x}')
        return (), dict(value)
    if isinstance(value, tuple | list):
        return tuple(value), {}
    raise InputError(
        f"{what}: is of type {type(value).__name__}, not a tensor, a tuple of arguments, a dict of"
        " keyword arguments, or a function that returns one of these",
        "torch.randn(16, 3, 32, 32)",
    )


def copied(batch: Batch) -> Batch:
    """The same with tensors of its own, which ask for no gradient."""

    def own(value: Any) -> Any:
        return value.detach().clone() if isinstance(value, Tensor) else value

    args, kwargs = batch
    return tuple(tree_map(own, list(args))), tree_map(own, kwargs)


def parse(texts: Sequence[str]) -> Inputs:
    """The batch that `--input` describes, once for each argument.

    An input is positional, or "NAME=" makes it a keyword argument. It is one of

    - a shape, "16x3x32x32", of standard normal numbers; "randn:16x256" says the same, "rand:16x256"
      is uniform on [0, 1), "zeros:16" and "ones:16" are constant, "tokens:50257:4x128" are whole
      numbers from 0 to 50256. A dtype may follow, "ones:4x128:int64";
    - a plain value: "true", "0.5", "none", and with a name "n=3";
    - a file, "@batch.pt", or one of its tensors, "@batch.pt:x". Without a name a tensor is
      positional, a list or tuple has positional arguments, a dictionary keyword arguments.

    Random numbers depend on the seed and on the input's place alone.

    Args:
        texts: of the command line, in their order.

    Raises:
        InputError: one of them is nothing of this, a file cannot be used, a name is given twice, or
            there is none at all.
    """
    if not texts:
        raise InputError("--input: says nothing; the model needs a batch", EXAMPLE)
    specs = [read(text) for text in texts]
    given: list[tuple[str, Any]] = []
    for name, spec in specs:
        if isinstance(spec, FromFile) and not name:
            args, kwargs = arguments(spec.value, spec.where)
            given += [("", arg) for arg in args] + list(kwargs.items())
        else:
            given.append((name, spec.value if isinstance(spec, FromFile | Literal) else spec))
    counts = Counter(name for name, _ in given if name)
    for name, count in counts.items():
        if count > 1:
            raise InputError(f"--input {name}: is given {count} times", f"one --input {name}=...")

    def drawn(seed: int) -> Batch:
        values = [
            spec.draw(seed, place) if isinstance(spec, Random) else spec
            for place, (_, spec) in enumerate(given)
        ]
        args = tuple(v for (name, _), v in zip(given, values, strict=True) if not name)
        kwargs = {name: v for (name, _), v in zip(given, values, strict=True) if name}
        return copied((args, kwargs))

    return Inputs(drawn)


def batch_size(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int | None:
    """The commonest first dimension of all tensors, the first of those that are equally common.

    None where no tensor has a dimension.
    """
    tensors = [t for _, t in named_tensors([list(args), dict(kwargs)])]
    sizes = Counter(t.size(0) for t in tensors if t.dim())
    return sizes.most_common(1)[0][0] if sizes else None
