"""What `initlab loss` was asked for: which losses, rules and formats; contradictions refused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from initlab.catalog import ALLOWABLE, LOSSES, Loss
from initlab.cli import output
from initlab.cli.loss_options import Given, as_typed, flag, reworded
from initlab.cli.output import Format
from initlab.errors import Finding, InputError, LossError, UnknownName
from initlab.losslab.operands.options import with_defaults


def named(names: Iterable[str], full: str, *, explain: bool, stream: bool) -> list[Loss]:
    """The records of `--name`, each once, and nothing left over on the command line.

    None only for a stream, whose records may name their own.
    """
    wanted = [name.strip() for text in names for name in text.split(",") if name.strip()]
    if not wanted and (full or not stream):
        example = full if full in LOSSES else "bce"
        raise InputError("which loss? --name says it", f"initlab loss --name {example} ...")
    if full and not (full == "full" and explain):
        raise InputError(f"unexpected argument {full!r}", "initlab loss --help")
    meant = [LOSSES.meant(name) for name in wanted]
    for note in filter(None, dict.fromkeys(note for _, note in meant)):
        output.note(note)
    return list(dict.fromkeys(record for record, _ in meant))


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
        try:
            with_defaults(record, of(record, records, given)[1])
        except LossError as error:
            raise retold(error, record, records, given.flags) from None
    known = {p.name for record in LOSSES.values() for p in record.parameters}
    for name in given.options.keys() - known if not records else ():
        where = given.flags.get(name, f"--option {name}")
        raise InputError(f"{where}: no loss has such an option", "initlab list losses")


def _check_broadcast(records: Sequence[Loss]) -> None:
    if records and not any(record.broadcasts for record in records):
        name = records[0].class_name
        message = f"no operands of {name} broadcast; each has a shape of its own"
        raise InputError(f"--allow-broadcast: {message}", "leave it out")


def check_ways(
    records: Sequence[Loss],
    given: Given,
    reduction: str,
    stream: str,
    format_: Format | None,
    *,
    explain: bool,
    total: bool,
) -> None:
    """Refuse options that no loss has or that are out of range, and those that contradict each
    other, before torch is loaded.
    """
    _check_options(records, given)
    if total and not stream:
        raise InputError("--total combines the records of --jsonl", "--jsonl - --total")
    if total and reduction == "none":
        raise InputError("--total: --reduction none keeps every value", "--reduction mean")
    if stream and given.operands:
        first = flag(next(iter(given.operands)))
        raise InputError(f"{first}: --jsonl reads every operand from its records", "--jsonl -")
    if stream and len(records) > 1:
        message = '--jsonl takes one --name; its records may have others, as in "loss": "mse"'
        raise InputError(message, f"--name {records[0].name}")
    if stream and (explain or format_ not in (None, Format.json, Format.jsonl)):
        message = "--jsonl writes JSONL: neither --explain nor another --format"
        raise InputError(message, "--format jsonl")
    if explain and format_ in (Format.csv, Format.md):
        raise InputError(f"--explain is text, not {format_}", "leave out --format")
    sources = [*given.operands.values(), *given.options.values(), stream]
    if sum(text.strip() == "-" for text in sources) > 1:
        raise InputError("only one thing can come from standard input", "give the others as files")
    if not given.operands and not stream:
        record = records[0]
        needs = " and ".join(flag(o.name) for o in record.operands if o.needed)
        message = f"no operands: {record.class_name} needs {needs}"
        raise InputError(message, f"initlab describe {record.name}")


def retold(
    error: InputError, record: Loss, records: Sequence[Loss], flags: Mapping[str, str]
) -> InputError:
    """An error with options as the user typed them and, of several losses, its loss's name."""
    if isinstance(error, LossError):
        return LossError(told(found, record, records, flags) for found in error.findings)
    several = f"{record.name}: " if len(records) > 1 else ""
    fix = None if error.fix is None else reworded(error.fix, flags)
    return InputError(several + reworded(error.message, flags), fix)


def told(
    found: Finding, record: Loss, records: Sequence[Loss], flags: Mapping[str, str]
) -> Finding:
    """A finding in the same words."""
    typed = as_typed(found, flags)
    several = f"{record.name}: " if len(records) > 1 else ""
    return replace(typed, operand=several + typed.operand)
