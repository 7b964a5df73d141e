"""`initlab list` and `initlab describe`: what a spec can name, and what is measured."""

from typing import Annotated

import typer

from initlab.catalog import TABLES, Activation, Column, Record, Scheme
from initlab.catalog.table import Parameter
from initlab.cli import output
from initlab.cli.complete import closest, kinds, names
from initlab.errors import InputError, UnknownName

Kind = Annotated[
    str,
    typer.Argument(
        help=f"One of: {', '.join(TABLES)}. Without it, all.",
        autocompletion=kinds,
        metavar="[KIND]",
    ),
]
Names = Annotated[
    list[str],
    typer.Argument(help="Names or aliases: kaiming_normal, gelu, std.", autocompletion=names),
]
FormatOption = Annotated[
    output.Format | None,
    typer.Option("--format", help="table on a terminal and csv in a pipe by default."),
]


def list_(kind: Kind = "", format_: FormatOption = None) -> None:
    """List what a spec can name, and what is measured.

    Examples:
    initlab list schemes

    initlab list activations --format json | jq -r '.[].name'
    """
    if kind and kind not in TABLES:
        raise UnknownName("kind", kind, TABLES, fix=f"initlab list {next(iter(TABLES))}")
    tables = [TABLES[kind]] if kind else list(TABLES.values())
    rows = [
        (
            table.singular,
            r.name,
            " ".join(r.aliases),
            " ".join(map(str, r.parameters)),
            r.formula,
            r.about,
        )
        for table in tables
        for r in table.values()
    ]
    header = ("kind", "name", "aliases", "parameters", "formula", "about")
    shown = ("name", "parameters", "about") if kind else ("kind", "name", "parameters", "about")
    output.records(header, rows, format_, shown=shown)


def describe(names: Names) -> None:
    """Describe a scheme, activation, loss, input or statistic: formula, parameters, source.

    Examples:
    initlab describe kaiming_normal

    initlab describe tanh std nan_onset
    """
    from initlab.spec import SpecFile

    for name in names:
        found = [(t.singular, t[name]) for t in TABLES.values() if name in t]
        field = SpecFile.model_fields.get(name)
        if field is not None:
            print(f"{name} (field of a spec)\n  {field.description}\n")
        elif not found:
            hint = closest(name)
            maybe = f"; did you mean {' or '.join(hint)}?" if hint else ""
            raise InputError(f"nothing is named {name!r}{maybe}", "initlab list")
        for kind, record in found:
            print("\n".join(_lines(kind, record)) + "\n")


def _lines(kind: str, record: Record) -> list[str]:
    lines = [f"{record.name} ({kind})", f"  {record.about}", f"  {record.formula}"]
    lines += [f"  {p.name}: {_parameter(p)}" for p in record.parameters]
    if isinstance(record, Scheme):
        lines.append(f"  draw: {record.draw(_example(record))[0]}")
    if isinstance(record, Activation) and record.table_gain:
        gain = record.table_gain(record.defaults)
        lines.append(f"  torch's calculate_gain: {gain:.6g}")
    if isinstance(record, Column):
        lines.append(f"  column of {record.where}.csv, in units of {record.unit}")
    if record.aliases:
        lines.append(f"  also: {', '.join(record.aliases)}")
    return [*lines, f"  source: {record.source}"]


def _example(record: Record) -> dict[str, object]:
    return {p.name: 1.0 if p.required else p.default for p in record.parameters}


def _parameter(p: Parameter) -> str:
    default = "required" if p.required else f"default {p.default}"
    bounds = [
        text
        for bound, text in (
            (p.minimum, f">= {p.minimum}"),
            (p.above, f"> {p.above}"),
            (p.maximum, f"<= {p.maximum}"),
            (p.below, f"< {p.below}"),
        )
        if bound is not None
    ]
    choices = [f"one of {', '.join(p.choices)}"] if p.choices else []
    return f"{p.about} ({'; '.join([default, *choices, *bounds])})"
