"""Computes the losses of one command line and prints them: a table, CSV, JSON or the working."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from initlab.catalog import Loss
from initlab.cli import output
from initlab.cli.loss_options import Given, flag, parameter_of
from initlab.cli.loss_request import of, retold, told
from initlab.cli.output import Format
from initlab.errors import InputError
from initlab.losslab import result
from initlab.losslab.evaluate import Evaluation, evaluate
from initlab.losslab.operands import labels, reading
from initlab.losslab.operands.limits import in_memory
from initlab.losslab.operands.prepare import is_word
from initlab.losslab.settings import Settings

MOST_ROWS = 1000  # of a table; CSV has them all


def show(
    records: Sequence[Loss],
    given: Given,
    settings: Settings,
    format_: Format | None,
    *,
    explain: bool,
    full: bool,
) -> None:
    """Compute every loss, then print them; nothing is printed if one of them refuses.

    Raises:
        InputError: operands cannot be read, or a loss refuses them; names it where there are more.
    """
    operands = _operands(records, given, settings.classes, settings.most)
    read = replace(given, operands=operands, options=tensors(given, settings.most))
    evaluations = [_evaluated(record, records, read, settings) for record in records]
    for evaluation in evaluations:
        for found in evaluation.findings:
            output.note(str(found))
    with in_memory("--explain" if explain else "the output"):
        if format_ in (Format.json, Format.jsonl):
            _json(evaluations, settings.reduction, format_, explain=explain, full=full)
        elif explain:
            output.view("\n".join(_explained(evaluations, full=full, width=output.view_width())))
        else:
            _rows(evaluations, format_)


def tensors(given: Given, most: int) -> dict[str, Any]:
    """Options with the tensors among them read, once for all losses and records of a stream."""
    return {
        name: reading.read(text, given.flags.get(name, f"--option {name}"), (name,), most)
        if parameter_of(name).kind == "tensor"
        else text
        for name, text in given.options.items()
    }


def _operands(
    records: Sequence[Loss], given: Given, classes: tuple[str, ...], most: int
) -> dict[str, Any]:
    """Every operand read once: standard input cannot be read twice."""
    read: dict[str, Any] = {}
    for key, text in given.operands.items():
        names = dict.fromkeys(
            name
            for record in records
            if key in record.names
            for name, own in record.names.items()
            if own == record.names[key]
        )
        holds_ids = (labels.classes_of(record, key, classes) for record in records)
        known = next((c for c in holds_ids if c is not None), None)
        word = is_word(text)
        read[key] = text if word else reading.read(text, flag(key), list(names), most, known)
    return read


def _evaluated(
    record: Loss, records: Sequence[Loss], given: Given, settings: Settings
) -> Evaluation:
    operands, options = of(record, records, given)
    try:
        done = evaluate(record.name, operands, options, settings)
    except InputError as error:
        raise retold(error, record, records, given.flags) from None
    return replace(
        done, findings=tuple(told(f, record, records, given.flags) for f in done.findings)
    )


def _json(
    evaluations: Sequence[Evaluation], reduction: str, format_: Format, *, explain: bool, full: bool
) -> None:
    """An object; of several losses a list, or with jsonl an object a line."""
    found = []
    for evaluation in evaluations:
        data = result.as_dict(evaluation, reduction)
        if explain:
            (data["explain"],) = _explained([evaluation], full=full)
        found.append(data)
    lines: Sequence[Any] = [found] if format_ is Format.json and len(found) > 1 else found
    sys.stdout.writelines(json.dumps(line) + "\n" for line in lines)


def _explained(
    evaluations: Sequence[Evaluation], *, full: bool, width: int = output.VIEW_WIDTH
) -> list[str]:
    """The working of each, of several under the loss's name."""
    from initlab.losslab.explain.view import explain

    several = len(evaluations) > 1
    return [
        (f"== {e.call.loss.name} ==\n" if several else "") + explain(e, full=full, width=width)
        for e in evaluations
    ]


def _rows(evaluations: Sequence[Evaluation], format_: Format | None) -> None:
    if output.chosen(format_) is Format.csv:
        rows = chain.from_iterable(map(result.csv_rows, evaluations))
        output.records(result.CSV_HEADER, rows, format_)
        return
    header, shown, caption = result.summary(evaluations, MOST_ROWS)
    output.summary(header, shown, caption, format_)
