"""`initlab loss`: any loss of torch on operands from the command line, files or a stream."""

import json
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from initlab.catalog import ALLOWABLE, LOSSES, Loss
from initlab.catalog.dtypes import DtypeName
from initlab.cli import output
from initlab.cli.arguments import MaxMib
from initlab.cli.completion import losses, reductions, rules
from initlab.cli.loss_options import declare, flag
from initlab.errors import ChecksFailed, InputError, UnknownName
from initlab.losslab.operands.limits import MOST_MIB, OPTION, in_memory
from initlab.userfiles import open_file, open_stdin, read_lines

if TYPE_CHECKING:
    from initlab.losslab.evaluate import Evaluation
    from initlab.losslab.settings import Settings

MOST_ROWS = 1000  # of a table; CSV has them all

Name = Annotated[
    str,
    typer.Option(
        "--name",
        "-n",
        help="A loss, needed: initlab list losses.",
        autocompletion=losses,
        show_default=False,
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="NAME=VALUE",
        help="An option of the loss: margin=0.5, weight='[1,2]'.",
    ),
]
Reduction = Annotated[
    str,
    typer.Option(
        "--reduction", "-r", autocompletion=reductions,
        help="none, sum, mean, batchmean (kl_div), or all for every one.",
    ),
]  # fmt: skip
Grad = Annotated[bool, typer.Option("--grad", "-g", help="Also the gradient by every operand.")]
Explain = Annotated[
    bool,
    typer.Option("--explain", "-e", help="Show the working; --explain full shows every value."),
]
Full = Annotated[str, typer.Argument(hidden=True, metavar="[full]", show_default=False)]
Dtype = Annotated[
    DtypeName | None,
    typer.Option(help="Compute in it; by default the input file's, or float32."),
]
From = Annotated[
    Literal["logits", "probs", "log-probs"] | None,
    typer.Option("--from", help="What the input holds, if not what the loss takes."),
]
ClassDim = Annotated[
    int | None, typer.Option(help="Dimension of the classes, if not torch's: -1 for the last.")
]
TargetMap = Annotated[
    str,
    typer.Option(
        metavar="MAP", help="Replace values of the target: '{0: -1}'.", show_default=False
    ),
]
Classes = Annotated[
    str,
    typer.Option(
        metavar="NAMES", help="Names in the target, in the order of the class ids: cat,dog.",
        show_default=False,
    ),
]  # fmt: skip
AllowBroadcast = Annotated[
    bool, typer.Option("--allow-broadcast", help="Let shapes broadcast, as torch does.")
]
Allow = Annotated[
    list[str] | None,
    typer.Option(metavar="RULE", autocompletion=rules, help="Make errors of this rule warnings."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Make warnings errors.")]
Jsonl = Annotated[
    str,
    typer.Option(
        "--jsonl", metavar="FILE", show_default=False,
        help="A record a line, operands and options by name, from a file or -; JSONL comes out.",
    ),
]  # fmt: skip


def loss(
    name: Name = "",
    full: Full = "",
    option: Options = None,
    reduction: Reduction = "mean",
    grad: Grad = False,
    explain: Explain = False,
    from_: From = None,
    class_dim: ClassDim = None,
    target_map: TargetMap = "",
    classes: Classes = "",
    dtype: Dtype = None,
    allow_broadcast: AllowBroadcast = False,
    allow: Allow = None,
    strict: Strict = False,
    jsonl: Jsonl = "",
    max_mib: MaxMib = MOST_MIB,
    format_: output.FormatOption = None,
    **operands: str | None,
) -> None:
    """Compute a loss of torch, check its inputs better than torch does, and show the working.

    An operand is a list of numbers, a pasted tensor, a file (JSON, text, NPY, NPZ, PT), FILE:KEY, or - for
    standard input.

    Examples:
    initlab loss --name bce --inputs '[0.2, 0.8]' --target '[0, 1]'

    initlab loss -n ce -i '[[1,2],[1,3],[1,3]]' -t '[0,1,1]' -o weight='[1,2]' -r all

    initlab loss -n kl_div -i q.npy -t p.npy --from probs -r batchmean --grad

    initlab loss -n ce -i batch.pt:logits -t cat,dog,cat --classes cat,dog

    initlab loss -n triplet_margin --anchor a.csv --positive p.csv --negative n.csv --explain

    cat batches.jsonl | initlab loss -n cross_entropy --jsonl - | jq .value
    """
    from initlab.catalog.values import split
    from initlab.losslab.operands.labels import named
    from initlab.losslab.operands.options import mapping, with_defaults

    record = _named(name, full, explain=explain)
    options = split(option or ())
    with_defaults(record, options)  # before torch is loaded
    given = {key: text for key, text in operands.items() if text is not None}
    allowed = _rules([*(allow or ()), *(["shape-broadcast"] if allow_broadcast else [])])
    pairs = mapping(target_map)
    _check_ways(record, given, options, jsonl, format_, explain=explain)

    from initlab.losslab.settings import Settings

    settings = Settings(
        reduction=reduction,
        grad=grad or explain,
        dtype=dtype,
        given=from_ or "",
        class_dim=class_dim,
        target_map=pairs,
        classes=named(classes),
        allow=allowed,
        strict=strict,
        max_mib=max_mib,
        typed={"classes": "--classes", **{key: flag(key) for key in given}},
    )
    if jsonl:
        _stream(record.name, jsonl, options, settings)
        return
    _one(record.name, given, options, settings, format_, explain=explain, full=bool(full))


def _named(name: str, full: str, *, explain: bool) -> Loss:
    """The record, and nothing left over on the command line."""
    if not name:
        wanted = full if full in LOSSES else "bce"
        raise InputError("which loss? --name says it", f"initlab loss --name {wanted} ...")
    if full and not (full == "full" and explain):
        raise InputError(f"unexpected argument {full!r}", "initlab loss --help")
    return LOSSES[name]


def _rules(allowed: list[str]) -> frozenset[str]:
    """Rules as findings spell them; hyphens do not matter."""
    rules = {rule.replace("_", "-") for rule in allowed}
    for rule in sorted(rules - {*ALLOWABLE}):
        raise UnknownName("rule", rule, ALLOWABLE, fix="initlab list rules")
    return frozenset(rules)


def _check_ways(
    record: Loss,
    given: dict[str, str],
    options: dict[str, str],
    jsonl: str,
    format_: output.Format | None,
    *,
    explain: bool,
) -> None:
    """Refuse options that contradict each other."""
    data = (output.Format.json, output.Format.jsonl)
    if jsonl and given:
        raise InputError(f"{flag(next(iter(given)))}: --jsonl reads every operand from its records")
    if jsonl and (explain or format_ not in (None, *data)):
        raise InputError("--jsonl writes JSONL: neither --explain nor another --format")
    if explain and format_ in (output.Format.csv, output.Format.md):
        raise InputError(f"--explain is text, not {format_}", "leave out --format")
    sources = [*given.values(), *options.values(), jsonl]
    if sum(text.strip() == "-" for text in sources) > 1:
        raise InputError("only one thing can come from standard input", "give the others as files")
    if not given and not jsonl:
        needs = " and ".join(flag(o.name) for o in record.operands if not o.optional)
        raise InputError(f"no operands: {record.class_name} needs {needs}", "initlab loss --help")


def _one(
    name: str,
    given: dict[str, str],
    options: dict[str, str],
    settings: "Settings",
    format_: output.Format | None,
    *,
    explain: bool,
    full: bool,
) -> None:
    from initlab.losslab.evaluate import evaluate
    from initlab.losslab.operands import reading
    from initlab.losslab.operands.labels import classes_of

    record = LOSSES[name]
    read = {}
    for key, text in given.items():
        own = record.names.get(key)
        names = [n for n, to in record.names.items() if own is not None and to == own]
        classes = classes_of(record, key, settings.classes)
        read[key] = reading.read(text, flag(key), names, settings.most, classes)
    evaluation = evaluate(name, read, _tensors(record, options, settings.most), settings)
    for found in evaluation.findings:
        output.note(str(found))
    with in_memory("--explain" if explain else "the output"):
        _print(evaluation, settings.reduction, format_, explain=explain, full=full)


def _tensors(record: Loss, options: dict[str, str], most: int) -> dict[str, Any]:
    """Options with the tensors among them read, once for all records of a stream."""
    from initlab.losslab.operands import reading

    names = {p.name for p in record.parameters if p.kind == "tensor"}
    return {
        k: reading.read(text, f"--option {k}", (k,), most) if k in names else text
        for k, text in options.items()
    }


def _print(
    evaluation: "Evaluation",
    reduction: str,
    format_: output.Format | None,
    *,
    explain: bool,
    full: bool,
) -> None:
    from initlab.losslab import result

    if format_ in (output.Format.json, output.Format.jsonl):
        data = result.as_dict(evaluation, reduction)
        if explain:
            data["explain"] = _explained(evaluation, full=full)
        sys.stdout.write(json.dumps(data) + "\n")
    elif explain:
        sys.stdout.write(_explained(evaluation, full=full))
    elif output.chosen(format_) is output.Format.csv:
        output.records(result.CSV_HEADER, result.csv_rows(evaluation), format_)
    else:
        header, rows, caption = result.summary(evaluation, MOST_ROWS)
        output.summary(header, rows, caption, format_)


def _explained(evaluation: "Evaluation", *, full: bool) -> str:
    from initlab.losslab.explain.view import explain

    return explain(evaluation, full=full)


def _stream(name: str, source: str, options: dict[str, str], settings: "Settings") -> None:
    """A result or an error for every line of a stream; raises at the end if there were errors."""
    from initlab.losslab.stream import results

    shared = _tensors(LOSSES[name], options, settings.most)
    computed, refused, where = 0, [], f"--jsonl {source}"
    with ExitStack() as stack:
        if source == "-":
            file = open_stdin(where=where)
        else:
            file = stack.enter_context(open_file(source, where=where))
        lines = read_lines(file, settings.most, where=where, option=OPTION)
        for result in results(name, lines, shared, settings):
            computed += 1
            if "error" in result:
                refused.append(result["line"])
            sys.stdout.write(json.dumps(result) + "\n")
            sys.stdout.flush()  # whoever reads along gets each line as it is done
    if refused:
        raise ChecksFailed(
            f"{len(refused)} of {computed} records could not be computed, the first is line"
            f" {refused[0]}; their records say why"
        )


declare(loss)
