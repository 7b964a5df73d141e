"""Values of a record's parameters as users type them, held to the parameter's kind and range."""

import math
from collections.abc import Iterable
from typing import Any

from initlab.catalog import Parameter
from initlab.catalog.arithmetic import evaluate, is_expression
from initlab.errors import InputError
from initlab.formatting import as_json, cut

WORDS = {"true": True, "yes": True, "on": True, "1": True}
WORDS |= {"false": False, "no": False, "off": False, "0": False}


def flag(name: str) -> str:
    """An operand or option as one types it: --input-lengths."""
    return "--" + name.replace("_", "-")


def split(pairs: Iterable[str], option: str = "--option") -> dict[str, str]:
    """The values of "margin=0.5" and the like, by name; `option` is what took them, for messages.

    Raises:
        InputError: no "=", or a name given twice.
    """
    options: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise InputError(f"{option} {pair}: needs a value", f"{option} {name}=VALUE")
        if name in options:
            raise InputError(f"{option} {name}: given twice, as {options[name]} and {value}")
        options[name] = value.strip()
    return options


def parse(p: Parameter, value: Any) -> Any:
    """One value, of the kind and within the bounds of its parameter.

    Raises:
        ValueError: it is not; says what is needed.
    """
    if p.kind == "tensor":
        return value
    if p.kind == "choice":
        value = p.also.get(value, value) if isinstance(value, str) else value
        if value not in p.choices:
            raise ValueError(f"needs one of {', '.join(p.choices)}, got {_short(value)}")
        return value
    if p.kind == "flag":
        if isinstance(value, str):
            value = WORDS.get(value.lower(), value)
        if not isinstance(value, bool):
            raise ValueError(f"needs true or false, got {_short(value)}")
        return value
    return _bounded(p, _number(p, value))


def _number(p: Parameter, value: Any) -> float | int:
    kind = "a whole number" if p.kind == "integer" else "a finite number"
    problem = f"needs {kind}, got {_short(value)}"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(problem)
    try:
        number = to_number(value) if isinstance(value, str) else float(value)
    except NotEvaluated as error:
        raise ValueError(f"{problem}: {error}") from None
    except (ValueError, OverflowError):
        raise ValueError(problem) from None
    if not math.isfinite(number) or (p.kind == "integer" and not number.is_integer()):
        raise ValueError(problem)
    if p.kind == "integer" and abs(number) >= 2**53:
        raise ValueError(problem)
    return int(number) if p.kind == "integer" else number


def bounds(p: Parameter) -> str:
    """What a number may be, in words: "from 0 to 1", "above 0"; "" for any."""
    low = f"from {p.minimum:g}" if p.minimum is not None else ""
    low = f"above {p.above:g}" if p.above is not None else low
    high = f"to {p.maximum:g}" if p.maximum is not None else ""
    high = f"below {p.below:g}" if p.below is not None else high
    return " ".join(filter(None, (low, high)))


def _bounded(p: Parameter, number: float | int) -> float | int:
    for outside, bound in (
        (p.minimum is not None and number < p.minimum, f"of at least {p.minimum}"),
        (p.above is not None and number <= p.above, f"above {p.above}"),
        (p.maximum is not None and number > p.maximum, f"of at most {p.maximum}"),
        (p.below is not None and number >= p.below, f"below {p.below}"),
    ):
        if outside:
            raise ValueError(f"needs a number {bound}, got {number:g}")
    return number


def to_float(text: str) -> float:
    """The number that a text is: 0.5, 1e-3, nan, -inf, blanks around it or not.

    Raises:
        ValueError: it is none, also where Python reads one: 1_0 is no ten, nor are other
            alphabets' digits.
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"no number: {text[:40]!r}")
    return float(text)


class NotEvaluated(ValueError):
    """A text that is meant as arithmetic, and why it has no value."""


def to_number(text: str) -> float:
    """The number that a text is, as for `to_float`, or that an expression is: 5/3, sqrt(2).

    Raises:
        ValueError: it is none.
        NotEvaluated: it is an expression without a value.
    """
    try:
        return to_float(text)
    except ValueError:
        if not is_expression(text):
            raise
    try:
        return float(evaluate(text))
    except ValueError as error:
        raise NotEvaluated(str(error)) from None


def to_int(text: str) -> int:
    """The whole number that a text is, blanks around it or not.

    Raises:
        ValueError: it is none, as for `to_float`.
        OverflowError: it is larger than any float64.
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"no whole number: {text[:40]!r}")
    if math.isinf(float(text)) and text.strip().lstrip("+-").isdigit():
        raise OverflowError(f"larger than any float64: {text[:40]!r}")
    return int(text)


def _short(value: Any) -> str:
    return cut(value, 40) if isinstance(value, str) else cut(as_json(value), 40)
