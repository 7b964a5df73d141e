"""Records of the catalog, fields of a spec and words as descriptions."""

from collections.abc import Iterator

from initlab.catalog import (
    LOSSES,
    TABLES,
    Activation,
    Column,
    Loss,
    Preset,
    ProbeRule,
    Record,
    Rule,
    Scheme,
    Task,
    Word,
)
from initlab.catalog.columns import how_to_record
from initlab.catalog.losses import MEANING, losses_for
from initlab.catalog.schemes import THEORY
from initlab.catalog.table import Parameter
from initlab.cli import output
from initlab.cli.completion import closest
from initlab.cli.loss_options import shown_flag
from initlab.errors import InputError
from initlab.report.description import Description
from initlab.spec.blocks import short_mapping

Fact = tuple[str, str]


def described(name: str) -> list[Description]:
    """All that goes by a name: a field of a spec first, then a record of every table that has it.

    Raises:
        InputError: nothing does.
    """
    from initlab.spec.model import SpecFile

    key = name.strip().replace(" ", "_")
    field = SpecFile.model_fields.get(key)
    fields = [Description(key, "field of a spec", field.description or "")] if field else []
    found = [(t.singular, t[key]) for t in TABLES.values() if key in t]
    if LOSSES.foreign(name) and (not found or name in LOSSES):
        loss, note, _ = LOSSES.meant(name)
        found = found or [(LOSSES.singular, loss)]
        if note:
            output.note(note)
    found.sort(key=lambda kind_and_record: kind_and_record[1].name != key)  # then what is also so
    if not fields and not found:
        hint = closest(name)
        maybe = f"; did you mean {' or '.join(hint)}?" if hint else ""
        raise InputError(f"nothing is named {name!r}{maybe}", "initlab list")
    return fields + [of_record(kind, record) for kind, record in found]


def joined(names: list[str]) -> list[str]:
    """Names as typed, but those of several words without quotes as one: edge of chaos."""
    whole = "_".join(names)
    return [whole] if len(names) > 1 and any(whole in table for table in TABLES.values()) else names


def of_record(kind: str, record: Record) -> Description:
    """A record with everything that its table says of it."""
    facts = [*_facts(record)]
    facts += [("also", ", ".join(record.aliases))] if record.aliases else []
    facts += [("see", ", ".join(record.see))] if isinstance(record, Word) and record.see else []
    facts.append(("source", record.source))
    return Description(record.name, kind, record.about, record.formula, tuple(facts))


def _facts(record: Record) -> Iterator[Fact]:
    if isinstance(record, Loss):
        yield from ((str(operand), MEANING[operand.holds]) for operand in record.operands)
    yield from ((p.name, _parameter(p)) for p in record.parameters)
    match record:
        case Loss():
            yield from _loss(record)
        case Scheme():
            draw = str(record.draw(_example(record))[0])
            yield from (("draw", draw), ("theory", THEORY[draw]))
        case Activation() if record.table_gain:
            yield "torch's calculate_gain", f"{record.table_gain(record.defaults):.6g}"
        case Rule():
            allowed = "makes it a warning" if record.allow else "cannot make it a warning"
            yield "", f"--allow {record.name.replace('_', '-')} {allowed}"
        case ProbeRule():
            yield from (("level", record.level), ("what mends it", record.fix))
        case Column():
            files = "runs.csv and layers.csv" if record.where == "both" else f"{record.where}.csv"
            yield "", f"column of {files}, in units of {record.unit}"
            if how := how_to_record(record.name):
                yield "where a spec says", how
        case Task():
            yield "losses", ", ".join(loss.name for loss in losses_for(record.name))
        case Preset():
            yield from (
                (field, short_mapping(field, said)) for field, said in record.fields.items()
            )
        case Word():
            yield from record.details


def _loss(record: Loss) -> Iterator[Fact]:
    """What torch's class is, what it calls and carries, and three words that are often confused."""
    flags = [shown_flag(p) for p in record.parameters]
    if flags:
        yield "as flags of initlab loss", ", ".join(flags)
    module, _, name = record.module.partition(":")
    state = f"buffers {', '.join(record.state)}" if record.state else "no buffers"
    owned = "linear_weight" in record.by_name
    state += ", the linear layer as parameters" if owned else ", no parameters"
    yield "gradient", record.gradient
    yield "reductions", f"{', '.join(record.reductions)}; the mean divides by {record.mean}"
    if record.departs:
        yield "torch departs from the formula", record.departs
    yield "class", " -> ".join([f"{module}.{name}", *record.bases, "Module"])
    yield "forward calls", record.function.replace(":", ".")
    yield "state", state
    yield (
        "words",
        f"the loss is of one {record.unit}; the cost is their mean over the data; the objective is"
        " the cost plus regularisation, such as weight decay",
    )
    yield "task", ", ".join(record.task)
    yield "in a sweep", record.synthetic


def _example(record: Record) -> dict[str, object]:
    return {p.name: 1.0 if p.required else p.default for p in record.parameters}


def _parameter(p: Parameter) -> str:
    default = "required" if p.required else f"default {p.default}"
    default = "a list or a file; left out by default" if p.kind == "tensor" else default
    default = "left out by default" if p.later and p.default is None else default
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
    or_number = "a number or " if p.kind == "scale" else ""
    choices = [f"{or_number}one of {', '.join(p.choices)}"] if p.choices else []
    return f"{p.about} ({'; '.join([default, *choices, *bounds])})"
