"""`initlab list` and `initlab describe`: what a spec can name, and what is measured."""

from typing import Annotated

import typer

from initlab.catalog import LOSSES, TABLES, TASKS, Activation, Column, Loss, Record, Rule, Scheme
from initlab.catalog.losses import MEANING
from initlab.catalog.schemes import THEORY
from initlab.catalog.table import Parameter
from initlab.cli import output
from initlab.cli.completion import closest, kinds, names, tasks
from initlab.cli.loss_options import shown_flag
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
Task = Annotated[
    str,
    typer.Option(
        help=f"Losses for one task: {', '.join(TASKS)}.", autocompletion=tasks, show_default=False
    ),
]


def list_(kind: Kind = "", task: Task = "", format_: output.FormatOption = None) -> None:
    """List what a spec can name, and what is measured.

    Examples:
    initlab list schemes

    initlab list losses --task multi_class

    initlab list activations --format json | jq -r '.[].name'
    """
    if kind and kind not in TABLES:
        raise UnknownName("kind", kind, TABLES, fix=f"initlab list {next(iter(TABLES))}")
    if task and task not in TASKS:
        raise UnknownName("task", task, TASKS, fix=f"initlab list losses --task {TASKS[0]}")
    if task and kind not in ("", "losses"):
        raise InputError(f"{kind} have no task, losses have", f"initlab list losses --task {task}")
    kind = "losses" if task else kind
    tables = [TABLES[kind]] if kind else list(TABLES.values())
    rows = [
        (
            table.singular,
            r.name,
            " ".join(r.aliases),
            " ".join(map(str, r.parameters)),
            r.formula,
            " ".join(r.task) if isinstance(r, Loss) else "",
            r.about,
        )
        for table in tables
        for r in table.values()
        if not task or (isinstance(r, Loss) and task in r.task)
    ]
    header = ("kind", "name", "aliases", "parameters", "formula", "task", "about")
    shown = ("name", "parameters", "about") if kind else ("kind", "name", "parameters", "about")
    output.records(header, rows, format_, shown=shown)


def describe(names: Names) -> None:
    """Describe a scheme, activation, loss, input, statistic or rule: formula, source and more.

    Examples:
    initlab describe kaiming_normal

    initlab describe tanh std nan_onset
    """
    from initlab.spec.model import SpecFile

    for name in names:
        found = [(t.singular, t[name]) for t in TABLES.values() if name in t]
        if LOSSES.foreign(name) and (not found or name in LOSSES):
            loss, note, _ = LOSSES.meant(name)
            found = found or [(LOSSES.singular, loss)]
            if note:
                output.note(note)
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
    if isinstance(record, Loss):
        lines += [f"  {operand}: {MEANING[operand.holds]}" for operand in record.operands]
    lines += [f"  {p.name}: {_parameter(p)}" for p in record.parameters]
    if isinstance(record, Loss):
        flags = [shown_flag(p) for p in record.parameters]
        lines += [f"  as flags of initlab loss: {', '.join(flags)}"] if flags else []
        lines += _loss(record)
    if isinstance(record, Scheme):
        draw = str(record.draw(_example(record))[0])
        lines += [f"  draw: {draw}", f"  theory: {THEORY[draw]}"]
    if isinstance(record, Activation) and record.table_gain:
        gain = record.table_gain(record.defaults)
        lines.append(f"  torch's calculate_gain: {gain:.6g}")
    if isinstance(record, Rule):
        allowed = "makes it a warning" if record.allow else "cannot make it a warning"
        lines.append(f"  --allow {record.name.replace('_', '-')} {allowed}")
    if isinstance(record, Column):
        files = "runs.csv and layers.csv" if record.where == "both" else f"{record.where}.csv"
        lines.append(f"  column of {files}, in units of {record.unit}")
    if record.aliases:
        lines.append(f"  also: {', '.join(record.aliases)}")
    return [*lines, f"  source: {record.source}"]


def _loss(record: Loss) -> list[str]:
    """What torch's class is, what it calls and carries, and three words that are often confused."""
    module, _, name = record.module.partition(":")
    hierarchy = " -> ".join([f"{module}.{name}", *record.bases, "Module"])
    state = f"buffers {', '.join(record.state)}" if record.state else "no buffers"
    owned = "linear_weight" in record.by_name
    state += ", the linear layer as parameters" if owned else ", no parameters"
    return [
        f"  gradient: {record.gradient}",
        f"  reductions: {', '.join(record.reductions)}; the mean divides by {record.mean}",
        *([f"  torch departs from the formula: {record.departs}"] if record.departs else []),
        f"  class: {hierarchy}",
        f"  forward calls: {record.function.replace(':', '.')}",
        f"  state: {state}",
        f"  words: the loss is of one {record.unit}; the cost is their mean over the data; the"
        " objective is the cost plus regularisation, such as weight decay",
        f"  task: {', '.join(record.task)}",
        f"  in a sweep: {record.synthetic}",
    ]


def _example(record: Record) -> dict[str, object]:
    return {p.name: 1.0 if p.required else p.default for p in record.parameters}


def _parameter(p: Parameter) -> str:
    default = "required" if p.required else f"default {p.default}"
    default = "a list or a file; left out by default" if p.kind == "tensor" else default
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
