"""What `initlab loss` was asked for: which losses, rules and formats; contradictions refused."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from initlab.catalog import ALLOWABLE, LOSSES, Loss
from initlab.catalog.values import flag
from initlab.cli import output
from initlab.cli.loss_options import Given
from initlab.cli.output import Format
from initlab.errors import Finding, InputError, LossError, UnknownName
from initlab.formatting import cut
from initlab.losslab.operands.options import with_defaults


@dataclass(frozen=True)
class Way:
    """How results are shown: of a stream, as text, in a format."""

    stream: str
    total: bool
    format: Format | None
    explain: bool
    full: bool


def named(names: Iterable[str], full: str, *, explain: bool, stream: bool) -> dict[Loss, str]:
    """The records of `--name`, each once, with what its input holds where the name says so;
    and nothing left over on the command line.

    None only for a stream, whose records may name their own.
    """
    wanted = [name for text in names for name in _split(text)]
    if not wanted and (full or not stream):
        example = full if full in LOSSES else "bce"
        raise InputError("which loss? --name says it", f"initlab loss --name {example} ...")
    if full and not (full == "full" and explain):
        raise InputError(f"unexpected argument {full!r}", "initlab loss --help")
    found = dict[Loss, str]()
    for name in wanted:
        meant = LOSSES.meant(name)
        if meant.note:
            output.note(meant.note)
        found[meant.loss] = meant.given
    return found


def _split(text: str) -> list[str]:
    """The names of "l1,mse"; arguments in brackets are options, which have flags."""
    called = re.fullmatch(r"\s*([\w.]+)\((.+)\)\s*", text, re.DOTALL)
    if called:
        pairs = re.findall(r"(\w+)\s*=\s*([\w.+-]+)", called[2])
        flags = "".join(f" {flag(name)} {value}" for name, value in pairs)
        raise InputError(
            f"--name {cut(text, 60)!r}: options stand beside the name, as flags",
            f"--name {called[1]}{flags}",
        )
    return [name.strip() for name in text.split(",") if name.strip()]


def allowed(rules: Iterable[str], records: Sequence[Loss], *, broadcast: bool) -> frozenset[str]:
    """Rules as findings spell them, `--allow-broadcast` among them; hyphens do not matter.

    Raises:
        UnknownName: no such rule, or none that can be allowed.
        InputError: `--allow-broadcast` would do nothing.
    """
    found = {rule.replace("_", "-") for rule in rules}
    if broadcast:
        _check_broadcast(records)
        found.add("shape-broadcast")
    for rule in sorted(found - {*ALLOWABLE}):
        raise UnknownName("rule", rule, ALLOWABLE, fix="initlab list rules")
    return frozenset(found)


def of(
    record: Loss, records: Sequence[Loss], given: Given
) -> tuple[dict[str, str], dict[str, str]]:
    """Operands and options that go to one of several losses: its own, and those of none, which it
    refuses.
    """
    others = [r for r in records if r is not record]
    return (
        {k: v for k, v in given.operands.items()
         if k in record.names or not any(k in r.names for r in others)},
        {k: v for k, v in given.options.items()
         if has(record, k) or not any(has(r, k) for r in others)},
    )  # fmt: skip


def has(record: Loss, option: str) -> bool:
    """Whether a loss has an option."""
    return any(p.name == option for p in record.parameters)


def _check_options(records: Sequence[Loss], given: Given) -> None:
    """Options that no loss has, and values out of range.

    Raises:
        LossError: of the first loss that has any, named as the user typed them.
    """
    for record in records:
        for name in given.options:
            if len(records) > 1 and not has(record, name) and any(has(r, name) for r in records):
                output.note(f"note: {record.name} has no {flag(name)}, and is computed without it")
        try:
            with_defaults(record, of(record, records, given)[1])
        except LossError as error:
            raise of_loss(error, record, records) from None
    known = {p.name for record in LOSSES.values() for p in record.parameters}
    for name in given.options.keys() - known if not records else ():
        raise InputError(f"{flag(name)}: no loss has such an option", "initlab list losses")


def _check_broadcast(records: Sequence[Loss]) -> None:
    if records and not any(record.broadcasts for record in records):
        name = records[0].class_name
        message = f"no operands of {name} broadcast; each has a shape of its own"
        raise InputError(f"--allow-broadcast: {message}", "leave it out")


def check_ways(records: Sequence[Loss], given: Given, reduction: str, way: Way) -> None:
    """Refuse options that no loss has or that are out of range, and those that contradict each
    other, before torch is loaded.
    """
    _check_options(records, given)
    stream = way.stream
    if way.total and not stream:
        raise InputError("--total combines the records of --jsonl", "--jsonl - --total")
    if way.total and reduction == "none":
        raise InputError("--total: --reduction none keeps every value", "--reduction mean")
    if stream and given.operands:
        first = flag(next(iter(given.operands)))
        raise InputError(
            f"{first}: --jsonl reads every operand from its records", f"leave {first} out"
        )
    if stream and len(records) > 1:
        message = '--jsonl takes one --name; its records may have others, as in "loss": "mse"'
        raise InputError(message, f"--name {records[0].name}")
    if stream and (way.explain or way.format not in (None, Format.json, Format.jsonl)):
        message = "--jsonl writes JSONL: neither --explain nor another --format"
        raise InputError(message, "leave --explain out" if way.explain else "--format jsonl")
    if way.explain and way.format is Format.csv:
        raise InputError("--explain is text, not csv", "--format md, or leave it out")
    sources = [*given.operands.values(), *given.options.values(), stream]
    if sum(text.strip() == "-" for text in sources) > 1:
        raise InputError("only one thing can come from standard input", "give the others as files")
    if not given.operands and not stream:
        record = records[0]
        needs = " and ".join(flag(o.name) for o in record.operands if o.needed)
        message = f"no operands: {record.class_name} needs {needs}"
        raise InputError(message, f"initlab describe {record.name}")


def of_loss(error: InputError, record: Loss, records: Sequence[Loss]) -> InputError:
    """An error, of several losses with the name of the one that raised it."""
    if len(records) < 2:
        return error
    if isinstance(error, LossError):
        return LossError(named_finding(found, record, records) for found in error.findings)
    return InputError(f"{record.name}: {error.message}", error.fix)


def named_finding(found: Finding, record: Loss, records: Sequence[Loss]) -> Finding:
    """A finding, of several losses with the name of its own."""
    several = len(records) > 1
    return replace(found, operand=f"{record.name}: {found.operand}") if several else found
