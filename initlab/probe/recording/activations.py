"""Which activation of the catalog an op, or a module of torch.nn, is."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor

from initlab.catalog import ACTIVATIONS
from initlab.spec.run import Choice
from initlab.theory.moments import choice_of

#: names of ops that are not those of the catalog
OPS = {"atan": "arctan", "log_sigmoid_forward": "logsigmoid"}
SELU_SCALE = 1.0507009873554805

T = TypeVar("T")
#: an op of values, numbers and other ops; z is the pre-activation
Template = str | float | tuple[Any, ...]
#: activations that are several ops; factors of a product and terms of a sum may change places
COMPOSED: tuple[tuple[Template, str], ...] = (
    (("sub", "z", ("tanh", "z")), "tanhshrink"),
    (("div", "z", ("add", ("abs", "z"), 1.0)), "softsign"),
    (("mul", "z", ("sigmoid", "z")), "silu"),
    (("mul", "z", ("tanh", ("softplus", "z"))), "mish"),
    (("square", ("relu", "z")), "relu_squared"),
    (("pow", ("relu", "z"), 2.0), "relu_squared"),
    (("mul", ("relu", "z"), ("relu", "z")), "relu_squared"),
)
COMMUTING = ("mul", "add")


def op_activation(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Choice | None:
    """The activation that an op computes, with its parameters; None of any other op.

    Args:
        name: of the op: aten.leaky_relu_.
        args: its arguments, with defaults left out.
        kwargs: those by name.
    """
    name = name.removeprefix("aten.").removesuffix("_")
    numbers = list(args[1:])
    match name:
        case "clamp_min" | "threshold":
            zero = all(isinstance(n, int | float) and n == 0 for n in numbers)
            return choice_of("relu") if zero else None
        case "hardtanh":
            return _hardtanh(*(numbers + [-1.0, 1.0][len(numbers) :])[:2])
        case "clamp":
            low, high = kwargs.get("min", numbers[0] if numbers else None), kwargs.get("max")
            return _hardtanh(low, numbers[1] if len(numbers) > 1 else high)
        case "leaky_relu":
            return choice_of("leaky_relu", negative_slope=float(numbers[0] if numbers else 0.01))
        case "_prelu_kernel":
            slope = numbers[0].detach().double().mean().item()
            return choice_of("leaky_relu", negative_slope=slope)
        case "celu":
            return choice_of("celu", alpha=float(numbers[0] if numbers else 1.0))
        case "elu":
            return _elu(*(float(n) for n in numbers))
        case "gelu":
            return choice_of("gelu" if kwargs.get("approximate", "none") == "none" else "gelu_tanh")
        case "softplus":
            return choice_of("softplus", beta=float(numbers[0] if numbers else 1.0))
    known = OPS.get(name, name)
    plain = known in ACTIVATIONS and not any(isinstance(n, Tensor) for n in numbers)
    return choice_of(known) if plain else None


def _hardtanh(low: Any, high: Any) -> Choice | None:
    """What is cut off at two numbers, of which the first is at most 0 and the second above it."""
    if high is None and isinstance(low, int | float) and low == 0:
        return choice_of("relu")
    if not (isinstance(low, int | float) and isinstance(high, int | float)) or not low <= 0 < high:
        return None
    if (low, high) == (0, 6):
        return choice_of("relu6")
    return choice_of("hardtanh", min_val=float(low), max_val=float(high))


def _elu(alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Choice:
    """What one op of torch may be: ELU, SELU (with a scale) and CELU (z / alpha within)."""
    if math.isclose(scale, SELU_SCALE, rel_tol=1e-6):
        return choice_of("selu")
    if input_scale != 1:
        return choice_of("celu", alpha=alpha)
    return choice_of("elu", alpha=alpha)


def composed(value: T, parts: Callable[[T], tuple[Any, ...]]) -> tuple[Choice, T] | None:
    """The activation that several ops compute together, and the value it is of; or None.

    Args:
        value: what the last of them has made.
        parts: the name of the op that made a value and what it was given, values and numbers: ();
            of a value that no op made.
    """
    for template, name in COMPOSED:
        matches: list[dict[str, T]] = _bound(template, value, {}, parts)
        if matches:
            return choice_of(name), matches[0]["z"]
    return None


def _bound(
    template: Template, value: Any, bound: dict[str, T], parts: Callable[[T], tuple[Any, ...]]
) -> list[dict[str, T]]:
    """What z may be, so that the template is this value."""
    if isinstance(template, str):
        if isinstance(value, int | float):
            return []
        known = bound.get(template, value)
        return [{**bound, template: value}] if known == value else []
    if not isinstance(template, tuple):
        return [bound] if isinstance(value, int | float) and value == template else []
    found = () if isinstance(value, int | float) else parts(value)
    if not found or found[0] != template[0] or len(found) != len(template):
        return []
    given = found[1:]
    orders = [given, given[::-1]] if found[0] in COMMUTING else [given]
    every = []
    for order in orders:
        matches = [bound]
        for part, item in zip(template[1:], order, strict=True):
            matches = [m for b in matches for m in _bound(part, item, b, parts)]
        every += matches
    return every
