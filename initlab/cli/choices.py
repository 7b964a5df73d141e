"""Lists of records with options, as one types them: "mse,huber(delta=2)"."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from initlab.catalog.table import Parameter, Record, Table
from initlab.catalog.values import parse, split, to_float
from initlab.errors import InputError, UnknownName

if TYPE_CHECKING:
    from initlab.spec.run import Choice


def choices(text: str, option: str, table: "Table[Record]") -> "list[Choice]":
    """Records by their names, each with the options in its brackets.

    Args:
        text: as typed, names with commas between them.
        option: which took it, for messages.
        table: of the records.

    Raises:
        UnknownName: no such record, or no such option of it.
        InputError: a bracket that is not closed, a value out of its range, or no name at all.
    """
    from initlab.spec.run import Choice

    found = []
    for name, options in _named(text, option):
        record = table[name]
        known = {p.name: p for p in record.parameters}
        given = split(filter(None, options), f"{option} {name}")
        items = [(key, _value(known, key, value, record, option)) for key, value in given.items()]
        found.append(Choice(record.name, tuple(items)))
    if not found:
        raise InputError(f"{option}: needs a name", f"initlab list {table.plural}")
    return found


def _named(text: str, option: str) -> Iterator[tuple[str, list[str]]]:
    """Names, and for each the texts within its brackets."""
    rest = text
    while rest.strip(" ,"):
        rest = rest.lstrip(" ,")
        name, bracket, inside = rest.partition("(")
        if not bracket or "," in name:
            name, _, rest = rest.partition(",")
            yield name.strip(), []
            continue
        options, closed, rest = inside.partition(")")
        if not closed:
            raise InputError(f"{option} {text}: a bracket is not closed", f"{option} '{text})'")
        yield name.strip(), options.split(",")


def _value(
    known: dict[str, Parameter], name: str, value: str, record: Record, option: str
) -> object:
    if name not in known:
        kind = f"option of {record.name}"
        raise UnknownName(kind, name, known, f"initlab describe {record.name}")
    p = known[name]
    try:
        return to_float(value) if p.kind == "tensor" else parse(p, value)
    except ValueError as error:
        default = p.default if p.default is not None else 1
        raise InputError(
            f"{option} {record.name}({name}={value}): {error}",
            f"{option} '{record.name}({name}={default})'",
        ) from None
