"""Losses of a stream of JSON records, one a line, in constant memory."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from initlab.catalog import LOSSES, Loss
from initlab.errors import Finding, InitlabError, InputError, LossError, nearest
from initlab.losslab.evaluate import Evaluation, evaluate
from initlab.losslab.operands.limits import in_memory
from initlab.losslab.operands.text import strict_json
from initlab.losslab.result import as_dict, error_dict
from initlab.losslab.settings import Settings
from initlab.losslab.total import Total

#: a flag in a fix, and the word after it
FLAG = re.compile(r"--(?P<name>[a-z0-9-]+)(?: (?P<value>[\w.+-]+))?")
#: what a record may have beside operands: key -> the field of Settings that it goes before
FIELDS = {
    "reduction": "reduction",
    "from": "given",
    "target_from": "target_given",
    "temperature": "temperature",
    "class_dim": "class_dim",
    "batch_first": "batch_first",
    "clamp": "clamp",
    "normalise": "normalise",
}


def results(
    loss: str,
    lines: Iterable[bytes],
    options: Mapping[str, Any],
    settings: Settings,
    total: Total | None = None,
) -> Iterator[dict[str, Any]]:
    """What comes of every line that is not blank: a result or an error, with the line's number.

    Args:
        loss: the name of the loss of every record that has no "loss"; "" if all of them have.
        lines: JSON objects of operands by name, and "loss", "options" and the keys of FIELDS, that
            go before those given here.
        options: for every record whose loss has them.
        settings: for every record.
        total: what adds up the results.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield {"line": number, **_result(loss, line, options, settings, total)}


def _result(
    loss: str,
    line: bytes,
    options: Mapping[str, Any],
    settings: Settings,
    total: Total | None,
) -> dict[str, Any]:
    try:
        with in_memory("the record"):
            content = _parsed(line, settings)
            loss = _loss(content.pop("loss", loss))
            evaluation = _evaluated(LOSSES[loss], content, options, settings)
            own = tuple(in_record(f, LOSSES[loss]) for f in evaluation.findings)
            data = as_dict(replace(evaluation, findings=own), evaluation.call.reduction)
    except LossError as error:
        refusal: InitlabError = LossError(in_record(f, LOSSES[loss]) for f in error.findings)
    except InputError as error:
        known = loss in LOSSES and error.fix is not None
        fix = fix_in_record(str(error.fix), LOSSES[loss]) if known else error.fix
        refusal = InputError(error.message, fix)
    except InitlabError as error:
        refusal = error
    else:
        if total:
            total.add(evaluation)
        return data
    if total:
        total.refused += 1
    return error_dict(loss, refusal)


def in_record(found: Finding, loss: Loss) -> Finding:
    """A finding whose fix changes its own record, not the command that reads all of them."""
    return replace(found, fix=fix_in_record(found.fix, loss))


def fix_in_record(fix: str, loss: Loss) -> str:
    """A fix with keys in place of flags: "from": "logits" for --from logits."""
    options = {p.name: p.kind for p in loss.parameters}

    def key(match: re.Match[str]) -> str:
        name, value = match["name"].replace("-", "_"), match["value"]
        bare = name.removeprefix("no_")
        switch = options.get(bare) == "flag" or name in ("batch_first", "clamp", "normalise")
        if switch:
            text = f"{json.dumps(bare)}: {json.dumps(bare == name)}"
            rest = f" {value}" if value not in (None, "true") else ""
        elif name in loss.names:
            return f"{json.dumps(name)}" + (f" {value}" if value else "")
        elif value is None or name not in ("name", *FIELDS, *options):
            return match[0]
        else:
            number = re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", value)
            shown = value if number else json.dumps(value)
            text, rest = f"{json.dumps('loss' if name == 'name' else name)}: {shown}", ""
        return (f'"options": {{{text}}}' if bare in options else text) + rest

    return FLAG.sub(key, fix)


def _parsed(line: bytes, settings: Settings) -> dict[str, Any]:
    try:
        record = strict_json(line.decode("utf-8-sig"), "the record", settings.most)
    except ValueError as error:
        raise InputError(f"no JSON: {error}") from None
    if not isinstance(record, dict):
        raise InputError('needs an object, as in {"input": [0.2], "target": [1]}')
    return record


def _loss(named: Any) -> str:
    """The name of the record's own loss, or of the command's."""
    if named == "":
        raise InputError('which loss? "loss" says it, or --name for every record', "--name mse")
    if not isinstance(named, str):
        raise InputError(f'"loss": needs a name, got {json.dumps(named)[:40]}', '"loss": "mse"')
    return LOSSES[named].name


def _evaluated(
    loss: Loss, content: dict[str, Any], options: Mapping[str, Any], settings: Settings
) -> Evaluation:
    own = content.pop("options", {})
    if not isinstance(own, dict):
        raise InputError('"options" needs an object, as in {"margin": 0.5}')
    kinds = {p.name: p.kind for p in loss.parameters}
    for name, value in own.items():
        if isinstance(value, str) and kinds.get(name) == "tensor":
            raise InputError(f"options.{name}: needs a list of numbers, got a text")
    settings = _settings(loss, content, settings)
    _check_keys(loss, content)
    shared = {name: value for name, value in options.items() if name in kinds}
    return evaluate(loss.name, content, {**shared, **own}, settings)


def _settings(loss: Loss, content: dict[str, Any], settings: Settings) -> Settings:
    """Settings with those that the record has, which are taken out of it."""
    for key, field in FIELDS.items():
        if key not in content:
            continue
        value = content.pop(key)
        try:
            settings = replace(settings, **{field: value})
        except InputError as error:
            message = error.message.removeprefix(f"{field}: ")
            raise InputError(f'"{key}": {message}', error.fix) from None
    if settings.reduction not in (known := [*loss.reductions, "all"]):
        message = f"needs one of {', '.join(known)}, got {json.dumps(settings.reduction)[:40]}"
        raise InputError(f'"reduction": {message}', '"reduction": "mean"')
    return settings


def _check_keys(loss: Loss, content: Mapping[str, Any]) -> None:
    """Refuse a key that is no operand, naming the nearest known or where an option goes."""
    known = [*loss.names, "options", "loss", *FIELDS]
    options = {p.name for p in loss.parameters}
    for key in (key for key in content if key not in loss.names):
        problem = f"{key}: {loss.class_name} takes no such operand"
        if key in options:
            fix = f'"options": {{{json.dumps(key)}: ...}}'
            raise InputError(f'{problem}; as an option it goes into "options"', fix)
        near = nearest(key, known)
        instead = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"it takes {', '.join(o.name for o in loss.operands)}"
        )
        raise InputError(f"{problem}; {instead}", f"initlab describe {loss.name}")
