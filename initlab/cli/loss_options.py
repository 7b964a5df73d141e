"""Options of `initlab loss` for the operands of every loss, made from the catalog."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from initlab.catalog import LOSSES


def parameters() -> list[inspect.Parameter]:
    """An option for every name that an operand of any loss may be given under."""
    owners: dict[str, list[str]] = {}
    shown: set[str] = {"inputs", "target"}
    for record in LOSSES.values():
        for operand in record.operands:
            for name in (operand.name, *operand.aliases):
                owners.setdefault(name, []).append(record.name)
            shown |= {operand.name} - {"input", "targets"}
    short = {"inputs": ["-i"], "target": ["-t"]}
    helps = {"inputs": "The first operand, of any loss.", "target": "The target."}
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Option(
                    flag(name),
                    *short.get(name, []),
                    help=helps.get(name, f"Of {', '.join(owners[name])}."),
                    metavar="NUMBERS",
                    hidden=name not in shown,
                    show_default=False,
                    rich_help_panel="Operands",
                ),
            ],
        )
        for name in sorted(owners, key=lambda n: (n not in helps, n))
    ]


def flag(name: str) -> str:
    """The option of an operand: --input-lengths."""
    return "--" + name.replace("_", "-")


def declare(command: Callable[..., Any]) -> None:
    """Give a command the signature that typer reads: its own options, and the operands'."""
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "operands"]
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    signature = [own[0], *parameters(), *own[1:]]
    command.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in signature}
