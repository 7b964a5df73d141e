"""Options of a loss, from the command line or JSON, within the ranges of the catalog. Torch-free.

A tensor option (weight, pos_weight) stays as it was given; `prepare.py` reads it.
"""

from collections.abc import Mapping
from typing import Any

from initlab.catalog import LOSSES, Loss
from initlab.catalog.table import Parameter
from initlab.catalog.values import bounds, flag, parse, to_float
from initlab.errors import Finding, InputError, LossError, nearest


def mapping(text: str) -> tuple[tuple[float, float], ...]:
    """The pairs of "{0: -1, 2: 1}"; braces may be left out.

    Raises:
        InputError: it is none, or replaces a value twice.
    """
    pairs = []
    for item in filter(None, (part.strip() for part in text.strip().strip("{}").split(","))):
        old, colon, new = item.partition(":")
        try:
            pairs.append((to_float(old), to_float(new)))
        except ValueError:
            problem = "needs numbers" if colon else "needs OLD: NEW"
            raise InputError(
                f"--target-map: {item!r} {problem}", "--target-map '{0: -1}'"
            ) from None
    if text and len({old for old, _ in pairs}) < max(len(pairs), 1):
        raise InputError(f"--target-map: {text!r} replaces a value twice, or none")
    return tuple(pairs)


def with_defaults(loss: Loss, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a loss: as given, or its default. Tensor options that were left out are not
    in the result.

    Args:
        loss: the record.
        given: values by name, as text or as JSON has them.

    Raises:
        LossError: an option that this loss has not, or a value out of its range; all of them.
    """
    parameters = {p.name: p for p in loss.parameters}
    findings, options = [], loss.defaults
    for name, value in given.items():
        where = flag(name)
        if name not in parameters:
            findings.append(_unknown(loss, name, where))
            continue
        try:
            options[name] = parse(parameters[name], value)
        except ValueError as error:
            fix = _range_fix(parameters[name], where)
            findings.append(Finding("option-range", "error", where, str(error), fix))
    if findings:
        raise LossError(findings)
    return options


def _range_fix(p: Parameter, where: str) -> str:
    """What a value must be; which one is meant, only the user knows."""
    if p.kind == "flag":
        return f"{where} without a value, or leave it out"
    if p.kind == "choice":
        return f"{where} {p.default}, the default"
    return f"give {where} a number {bounds(p)}".rstrip() + f": {p.about}"


def _unknown(loss: Loss, name: str, where: str) -> Finding:
    """An option of another loss, or of none."""
    names = [p.name for p in loss.parameters]
    owners = [r.name for r in LOSSES.values() if any(p.name == name for p in r.parameters)]
    close = nearest(name, names)
    takes = f"it takes {', '.join(names) or 'none'}"
    if owners:
        instead = f"it is one of {', '.join(owners)}; {takes}"
    else:
        instead = f"did you mean {' or '.join(close)}?" if close else takes
    message = f"{loss.class_name} has no such option; {instead}"
    return Finding("option-range", "error", where, message, f"initlab describe {loss.name}")
