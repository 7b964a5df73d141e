"""Computes the losses of one command line and prints them: a table, CSV, JSON or the working."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from initlab.catalog import Loss
from initlab.catalog.values import flag
from initlab.cli import output
from initlab.cli.loss_options import Given, parameter_of
from initlab.cli.loss_request import Way, named_finding, of, of_loss
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
    way: Way,
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
    with in_memory("--explain" if way.explain else "the output"):
        if way.format in (Format.json, Format.jsonl):
            _json(evaluations, settings.reduction, way)
        elif way.explain and way.format is Format.md:
            from initlab.losslab.explain.markdown import markdown

            sys.stdout.write("\n".join(markdown(e, full=way.full) for e in evaluations))
        elif way.explain:
            views = _explained(evaluations, full=way.full, width=output.view_width())
            output.view("\n".join(views))
        else:
            _rows(evaluations, way.format)


def tensors(given: Given, most: int) -> dict[str, Any]:
    """Options with the tensors among them read, once for all losses and records of a stream."""
    return {
        name: reading.read(text, flag(name), (name,), most)
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
        raise of_loss(error, record, records) from None
    found = tuple(named_finding(f, record, records) for f in done.findings)
    return replace(done, findings=found)


def _json(evaluations: Sequence[Evaluation], reduction: str, way: Way) -> None:
    """An object; of several losses a list, or with jsonl an object a line."""
    found = []
    for evaluation in evaluations:
        data = result.as_dict(evaluation, reduction)
        if way.explain:
            (data["explain"],) = _explained([evaluation], full=way.full)
        found.append(data)
    lines: Sequence[Any] = [found] if way.format is Format.json and len(found) > 1 else found
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
