"""Options of a loss, from the command line or JSON, held to the ranges of the catalog. Torch-free.

A tensor option (weight, pos_weight) stays as it was given; `prepare.py` reads it.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from initlab.catalog import Loss, Parameter
from initlab.errors import Finding, InputError, LossError, nearest

WORDS = {"true": True, "yes": True, "on": True, "1": True}
WORDS |= {"false": False, "no": False, "off": False, "0": False}


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


def mapping(text: str) -> tuple[tuple[float, float], ...]:
    """The pairs of "{0: -1, 2: 1}"; braces may be left out.

    Raises:
        InputError: it is none, or replaces a value twice.
    """
    pairs = []
    for item in filter(None, (part.strip() for part in text.strip().strip("{}").split(","))):
        old, colon, new = item.partition(":")
        try:
            pairs.append((float(old), float(new)))
        except ValueError:
            problem = "needs numbers" if colon else "needs OLD: NEW"
            raise InputError(
                f"--target-map: {item!r} {problem}", "--target-map '{0: -1}'"
            ) from None
    if text and len({old for old, _ in pairs}) < max(len(pairs), 1):
        raise InputError(f"--target-map: {text!r} replaces a value twice, or none")
    return tuple(pairs)


def complete(loss: Loss, given: Mapping[str, Any], *, prefix: str = "--option ") -> dict[str, Any]:
    """Every option of a loss: as given, or its default. Tensor options that were left out are not
    in the result.

    Args:
        loss: the record.
        given: values by name, as text or as JSON has them.
        prefix: how the user wrote an option, for messages.

    Raises:
        LossError: an option that this loss has not, or a value out of its range; all of them.
    """
    parameters = {p.name: p for p in loss.parameters}
    findings, options = [], loss.defaults
    for name, value in given.items():
        where = f"{prefix}{name}"
        if name not in parameters:
            findings.append(_unknown(loss, name, where))
            continue
        try:
            options[name] = parse(parameters[name], value)
        except ValueError as error:
            fix = f"{prefix}{name}={parameters[name].default}".strip()
            findings.append(Finding("option-range", "error", where, str(error), fix))
    if findings:
        raise LossError(findings)
    return options


def _unknown(loss: Loss, name: str, where: str) -> Finding:
    names = [p.name for p in loss.parameters]
    close = nearest(name, names)
    instead = (
        f"did you mean {' or '.join(close)}?" if close else f"it takes {', '.join(names) or 'none'}"
    )
    message = f"{loss.class_name} has no such option; {instead}"
    return Finding("option-range", "error", where, message, f"initlab describe {loss.name}")


def parse(p: Parameter, value: Any) -> Any:
    """One value, of the kind and within the bounds of its parameter.

    Raises:
        ValueError: it is not; says what is needed.
    """
    if p.kind == "tensor":
        return value
    if p.kind == "choice":
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
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(problem) from None
    if not math.isfinite(number) or (p.kind == "integer" and not number.is_integer()):
        raise ValueError(problem)
    if p.kind == "integer" and abs(number) >= 2**53:
        raise ValueError(problem)
    return int(number) if p.kind == "integer" else number


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


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= 40 else text[:37] + "..."
