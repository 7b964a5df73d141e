"""Arguments that several commands take: specs, activations and ranges of sigma."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from initlab.catalog import ACTIVATIONS
from initlab.catalog.values import NotEvaluated, parse, split, to_int, to_number
from initlab.cli.completion import activation_names, settings, specs
from initlab.errors import InputError, nearest

if TYPE_CHECKING:
    from initlab.spec.run import Choice

SMALLEST, LARGEST = 1e-6, 1e6  # of a sigma
MOST_POINTS = 20_000  # kinked activations take up to 20 ms each in the chaotic phase

Param = Annotated[
    list[str] | None,
    typer.Option(
        "--param", metavar="NAME=VALUE", help="A parameter of theirs: negative_slope=0.2."
    ),
]
ActivationName = Annotated[
    str, typer.Argument(help="An activation: gelu.", autocompletion=activation_names)
]
Specs = Annotated[
    list[str],
    typer.Argument(
        help="YAML specs; - reads standard input.", autocompletion=specs, show_default=False
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        autocompletion=settings,
        help="Override a field: --set init.gain=2.",
    ),
]
MaxMib = Annotated[
    int, typer.Option(min=1, help="MiB that an operand may have: as a file, a line, float64.")
]
MaxRuns = Annotated[int, typer.Option(min=1, help="Refuse a grid of more runs.")]


def activations(names: Sequence[str], params: Sequence[str]) -> "list[Choice]":
    """Activations by name; each `--param name=value` goes to all of them that have it.

    Raises:
        UnknownName: no such activation.
        InputError: a parameter that none of them has, or a value out of its range.
    """
    from initlab.spec.run import Choice

    records = [ACTIVATIONS[name] for name in names]
    given = split(params, "--param")
    known = {p.name: p for record in records for p in record.parameters}
    values = {}
    for name, text in given.items():
        if name not in known:
            raise InputError(_unknown(name, list(known), names), f"initlab describe {names[0]}")
        try:
            values[name] = parse(known[name], text)
        except ValueError as error:
            fix = f"--param {name}={known[name].default}"
            raise InputError(f"--param {name}: {error}", fix) from None
    choices = []
    for record in records:
        own = record.settled({p.name: values.get(p.name, p.default) for p in record.parameters})
        choices.append(Choice(record.name, tuple(own.items())))
    return choices


def _unknown(name: str, known: list[str], activations: Sequence[str]) -> str:
    close = nearest(name, known)
    instead = (
        f"did you mean {' or '.join(close)}?"
        if close
        else f"known are {', '.join(known)}"
        if known
        else "there are none"
    )
    return f"--param {name}: no parameter of {', '.join(activations)}; {instead}"


def sigmas(text: str, option: str, *, zero: bool = True) -> list[float]:
    """The numbers of "0.5:4:36" (from, to and how many, ends included), or of a single one.

    Args:
        text: as typed.
        option: its name, for messages.
        zero: whether 0 will do.

    Raises:
        InputError: anything else, or a range the wrong way round.
    """
    example = f"{option} 0.5:4:36, or a single number"
    return span(text, option, partial(sigma, option=option, zero=zero, example=example), example)


def span(
    text: str, option: str, number: Callable[[str], float], example: str, *, single: bool = True
) -> list[float]:
    """The numbers of "FROM:TO:HOW_MANY", ends included, or a single one.

    Args:
        text: as typed.
        option: its name, for messages.
        number: reads one of the ends, or raises InputError.
        example: what would do, for messages.
        single: whether a single number will do.

    Raises:
        InputError: anything else, or a range the wrong way round.
    """
    parts = text.split(":")
    if len(parts) not in ((1, 3) if single else (3,)):
        raise InputError(f"{option} {text}: needs FROM:TO:HOW_MANY", example)
    start, *ends = map(number, parts[:2])
    if not ends:
        return [start]
    (stop,) = ends
    try:
        steps = to_int(parts[2])
    except (ValueError, OverflowError):
        steps = 0
    if not 2 <= steps <= MOST_POINTS:
        raise InputError(
            f"{option} {text}: needs a whole number of points from 2 to {MOST_POINTS:,}, got"
            f" {parts[2]!r}",
            example,
        )
    if start >= stop:
        turned = f"{option} {parts[1]}:{parts[0]}:{parts[2]}"
        fix = turned if start > stop else f"{option} {start:g}" if single else example
        raise InputError(f"{option} {text}: {start:g} is not below {stop:g}", fix)
    from initlab.spec.axis import Range

    evenly = Range.model_validate({"from": start, "to": stop, "steps": steps})
    return [float(value) for value in evenly.values(whole=False)]


def sigma(text: str, option: str, *, zero: bool = True, example: str = "") -> float:
    """A number from SMALLEST to LARGEST, or 0 if `zero` allows it; sqrt(2) is one, too.

    Raises:
        InputError: it is none.
    """
    fix = example or f"{option} 0.5"
    try:
        value = to_number(text)
    except NotEvaluated as error:
        raise InputError(f"{option} {text}: {error}", fix) from None
    except ValueError:
        raise InputError(f"{option}: needs a number, got {text!r}", fix) from None
    if not (SMALLEST <= value <= LARGEST or (zero and value == 0)):
        bounds = f"{'0, or ' if zero else ''}a number from {SMALLEST:g} to {LARGEST:g}"
        raise InputError(f"{option}: needs {bounds}, got {text}", fix)
    return value
