"""Losses of a stream of JSON records, one a line, in constant memory."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from initlab.catalog import LOSSES
from initlab.errors import InitlabError, InputError
from initlab.losslab.evaluate import evaluate
from initlab.losslab.operands.limits import in_memory
from initlab.losslab.operands.text import strict_json
from initlab.losslab.result import as_dict, error_dict
from initlab.losslab.settings import Settings


def results(
    loss: str, lines: Iterable[bytes], options: Mapping[str, Any], settings: Settings
) -> Iterator[dict[str, Any]]:
    """What comes of every line that is not blank: a result or an error, with the line's number.

    Args:
        loss: its name.
        lines: JSON objects of operands by name, and "options" that go before those given here.
        options: for every record.
        settings: for every record.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield {"line": number, **_result(loss, line, options, settings)}


def _result(
    loss: str, line: bytes, options: Mapping[str, Any], settings: Settings
) -> dict[str, Any]:
    tensors = {p.name for p in LOSSES[loss].parameters if p.kind == "tensor"}
    try:
        with in_memory("the record"):
            operands = _parsed(line, settings)
            own = operands.pop("options", {})
            if not isinstance(own, dict):
                raise InputError('"options" needs an object, as in {"margin": 0.5}')
            for name, value in own.items():
                if isinstance(value, str) and name in tensors:
                    raise InputError(f"options.{name}: needs a list of numbers, got a text")
            evaluation = evaluate(loss, operands, {**options, **own}, settings)
            return as_dict(evaluation, settings.reduction)
    except InitlabError as error:
        return error_dict(loss, error)


def _parsed(line: bytes, settings: Settings) -> dict[str, Any]:
    try:
        record = strict_json(line.decode("utf-8-sig"), "the record", settings.most)
    except ValueError as error:
        raise InputError(f"no JSON: {error}") from None
    if not isinstance(record, dict):
        raise InputError('needs an object, as in {"input": [0.2], "target": [1]}')
    return record
