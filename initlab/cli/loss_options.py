"""Operands and options of every loss as flags of `initlab loss`, made from the catalog."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import typer

from initlab.catalog import LOSSES, Loss
from initlab.catalog.table import Parameter
from initlab.catalog.values import WORDS, flag, split
from initlab.errors import InputError

PREFIX = "option_"  # of an option among the command's parameters: `full` is another argument
NO = "no_"  # of the flag that turns an option off
PANEL = "Options of losses"
METAVARS = {"tensor": "NUMBERS", "choice": "NAME"}


@dataclass(frozen=True)
class Given:
    """What was typed: operands and options by name."""

    operands: dict[str, str]
    options: dict[str, str]


def shown_flag(p: Parameter) -> str:
    """An option as a flag with what it takes: --weight NUMBERS, --swap; what is not the default."""
    if p.kind == "flag":
        return flag(NO + p.name if p.default is True else p.name)
    return f"{flag(p.name)} {METAVARS.get(p.kind, 'NUMBER')}"


@cache
def owners() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The losses that have an operand or option of each name."""
    operands: dict[str, list[str]] = {}
    options: dict[str, list[str]] = {}
    for record in LOSSES.values():
        for name in record.names:
            operands.setdefault(name, []).append(record.name)
        for parameter in record.parameters:
            options.setdefault(parameter.name, []).append(record.name)
    return operands, options


def parameter_of(name: str) -> Parameter:
    """An option of that name, of the first loss that has one; its kind is that of all."""
    return next(p for record in LOSSES.values() for p in record.parameters if p.name == name)


def given(values: Mapping[str, Any], pairs: Iterable[str]) -> Given:
    """What the flags and `--option` gave.

    Args:
        values: of the parameters that `declare` added, by their names.
        pairs: of `--option`.

    Raises:
        InputError: a name is given twice, in one way or in both.
    """
    options = split(pairs)
    operands: dict[str, str] = {}
    flags: dict[str, str] = {}
    for key, value in values.items():
        for text in value if isinstance(value, list) else [value]:
            if not text and not isinstance(text, str):
                continue  # left out
            name, way, shown = key.removeprefix(PREFIX), flag(key.removeprefix(PREFIX)), ""
            if isinstance(text, bool):
                name, content = name.removeprefix(NO), str(not name.startswith(NO)).lower()
            else:
                content, shown = text.strip(), f" '{text}'"
            is_option = key.startswith(PREFIX) or _is_word_of_an_option(name, content)
            if name in flags and is_option and flags[name] != way:
                message = f"{flags[name]} and {way} are one option, given twice"
                raise InputError(message, "leave one of them out")
            if name in flags and is_option:
                raise InputError(f"{way}: given twice", way + shown)
            if name in options and is_option:
                message = f"{way} and --option {name} are one option, given twice"
                raise InputError(message, way + shown)
            if name in operands and not is_option:
                raise InputError(f"{way}: given twice", way + shown)
            (options if is_option else operands)[name] = content
            flags |= {name: way} if is_option else {}
    return Given(operands, options)


def _is_word_of_an_option(name: str, text: str) -> bool:
    """Whether --log-input means the option and not the operand of that name: it holds a word."""
    return name in owners()[1] and text.strip().lower() in WORDS.keys() - {"0", "1"}


def flags_of(records: Iterable[Loss], given: Given) -> dict[str, str]:
    """Operands as one types them, those that were left out, too, for messages."""
    names = [name for record in records for name in record.names]
    return {name: flag(name) for name in (*names, *given.operands, "classes")}


# what typer reads --------------------------------------------------------------------------------


def _operands() -> list[inspect.Parameter]:
    """A flag for every name that an operand of any loss may be given under."""
    of = owners()[0]
    shown: set[str] = {"inputs", "target"}
    for record in LOSSES.values():
        shown |= {o.name for o in record.operands} - {"input", "targets"}
    short = {"inputs": ["-i"], "target": ["-t"]}
    helps = {
        "inputs": "The first operand, of any loss.",
        "target": "The target; zeros or ones, too.",
    }
    return [
        _parameter(
            name,
            list[str] | None,
            flag(name),
            *short.get(name, []),
            help=helps.get(name, _of(of[name])),
            metavar="NUMBERS",
            hidden=name not in shown,
            rich_help_panel="Operands",
        )
        for name in sorted(of, key=lambda n: (n not in helps, n))
    ]


def _options() -> list[inspect.Parameter]:
    """A flag for every option of any loss; what is true or false takes no value."""
    operands, of = owners()
    found = []
    for name in sorted(of):
        p, shown = parameter_of(name), {"help": _of(of[name]), "rich_help_panel": PANEL}
        if p.kind == "flag":  # what is not the default is shown
            if name not in operands:  # --log-input takes the operand; a word after it is the option
                hidden = p.default is True
                found.append(_parameter(PREFIX + name, bool, flag(name), hidden=hidden, **shown))
            hidden, no = p.default is False, NO + name
            found.append(_parameter(PREFIX + no, bool, flag(no), hidden=hidden, **shown))
            continue
        metavar = METAVARS.get(p.kind, "NUMBER")
        completion = {"autocompletion": _completing(p.choices)} if p.choices else {}
        more = {"metavar": metavar, **shown, **completion}
        found.append(_parameter(PREFIX + name, list[str] | None, flag(name), **more))
    return found


def _completing(choices: tuple[str, ...]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete


def _parameter(name: str, annotation: Any, *names: str, **shown: Any) -> inspect.Parameter:
    option = typer.Option(*names, show_default=False, **shown)
    kind = inspect.Parameter.KEYWORD_ONLY
    default = False if annotation is bool else None
    return inspect.Parameter(name, kind, default=default, annotation=Annotated[annotation, option])


def _of(losses: list[str]) -> str:
    """Whose operand or option it is, in a line."""
    if len(losses) <= 2:
        return f"Of {', '.join(losses)}."
    return f"Of {losses[0]} and {len(losses) - 1} others."


def declare(command: Callable[..., Any]) -> None:
    """Give a command the signature that typer reads: its own options, operands and options."""
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "values"]
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    signature = [own[0], *_operands(), *own[1:], *_options()]
    command.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in signature}
