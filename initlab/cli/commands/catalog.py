"""`initlab list` and `initlab describe`: what a spec can name, and what is measured."""

import json
import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from initlab.catalog import TABLES, TASKS, Loss, Record, Task
from initlab.catalog.losses import losses_for
from initlab.cli import output
from initlab.cli.completion import kinds, names, tasks
from initlab.cli.output import Format
from initlab.errors import InputError, UnknownName

HEADER = ("kind", "name", "aliases", "parameters", "formula", "task", "about")
#: what a person needs of a kind; of the others, the parameters
SHOWN = {
    "losses": ("name", "task", "about"),
    "tasks": ("name", "losses", "about"),
}

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
TaskOption = Annotated[
    str,
    typer.Option(
        "--task",
        help=f"Losses for one task: {', '.join(TASKS)}.",
        autocompletion=tasks,
        show_default=False,
    ),
]
TextFormat = Annotated[
    Format | None,
    typer.Option("--format", help="Text by default, on a terminal and in a pipe (table: too)."),
]


def list_(kind: Kind = "", task: TaskOption = "", format_: output.FormatOption = None) -> None:
    """List what a spec can name, what losses are for, what is measured, and words of the field.

    Examples:
    initlab list schemes

    initlab list tasks

    initlab list losses --task multi_class

    initlab list activations --format json | jq -r '.[].name'
    """
    if kind and kind not in TABLES:
        raise UnknownName("kind", kind, TABLES, f"initlab list KIND, one of {', '.join(TABLES)}")
    if task and task not in TASKS:
        raise UnknownName("task", task, TASKS, fix="initlab list tasks")
    if task and kind not in ("", "losses"):
        raise InputError(f"{kind} have no task, losses have", f"initlab list losses --task {task}")
    kind = "losses" if task else kind
    header = (*HEADER, "losses") if kind == "tasks" else HEADER
    tables = {name: _rows(name, task) for name in ([kind] if kind else TABLES)}
    if output.chosen(format_) not in (Format.table, Format.md):
        rows = [[row[name] for name in header] for part in tables.values() for row in part]
        output.records(header, rows, format_)
        return
    for position, (plural, part) in enumerate(tables.items()):
        sys.stdout.write("\n" if position else "")
        title = f"losses for {task}: {TASKS[task].about}" if task else plural
        _show(title, part, SHOWN.get(plural, ("name", "parameters", "about")), format_)


def _rows(plural: str, task: str) -> list[dict[str, str]]:
    """Records of a table, of losses those for a task, as texts by column."""
    table = TABLES[plural]
    wanted = losses_for(TASKS[task].name) if task else table.values()
    return [
        {
            "kind": table.singular,
            "name": record.name,
            "aliases": " ".join(record.aliases),
            "parameters": " ".join(map(str, record.parameters)),
            "formula": record.formula,
            "task": " ".join(record.task) if isinstance(record, Loss) else "",
            "about": record.about,
            "losses": _names(losses_for(record.name)) if isinstance(record, Task) else "",
        }
        for record in wanted
    ]


def _names(records: Iterable[Record]) -> str:
    return " ".join(record.name for record in records)


def _show(
    title: str, rows: list[dict[str, str]], columns: tuple[str, ...], format_: Format | None
) -> None:
    """A table for people, under its title."""
    from initlab.report.tables.listing import listing

    columns = tuple(name for name in columns if any(row[name] for row in rows))
    cells = [[row[name] for name in columns] for row in rows]
    if format_ is Format.md:
        sys.stdout.write(f"## {title[:1].upper()}{title[1:]}\n\n")
        output.records(columns, cells, format_)
        return
    rule = "\u2500" if output.unicode_stdout() else "-"
    output.view(listing(title.upper(), columns, cells, width=output.text_width(), rule=rule))


def describe(names: Names, format_: TextFormat = None) -> None:
    """Describe what a spec can name, a statistic, a rule, a task or a word: formula, source, more.

    Examples:
    initlab describe kaiming_normal

    initlab describe tanh std nan_onset

    initlab describe gain cost objective _Loss

    initlab describe cross_entropy --format md >> notes.md
    """
    from initlab.cli.descriptions import described, joined

    found = [d for name in joined(names) for d in described(name)]
    match format_:
        case Format.md:
            sys.stdout.write("\n".join("".join(d.markdown()) for d in found))
        case Format.csv:
            rows = [row for d in found for row in d.rows()]
            output.records(("name", "kind", "property", "text"), rows, format_)
        case Format.json | Format.jsonl:
            from initlab.report.formats import json_array

            objects = [json.dumps(d.data()) + "\n" for d in found]
            sys.stdout.writelines(json_array(objects) if format_ is Format.json else objects)
        case _:
            width = output.text_width()
            output.view("".join(d.text(width) + "\n" for d in found))
