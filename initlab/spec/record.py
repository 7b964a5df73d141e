"""What a run records: the field `record` of a spec, in its short and its long form. Torch-free.

    both    forward    full    both+gradients+quantiles    {neurons: true, quantiles: true}

A run holds it as one canonical text, "both" or "forward" and then what is measured beside the
usual columns, each after a "+" and in the order of catalog/columns.py.
"""

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from initlab.catalog.columns import RECORDED
from initlab.errors import nearest

BOTH, FORWARD, FULL = "both", "forward", "full"
PASSES = (BOTH, FORWARD)
BACKWARD = "backward"  # key of the long form, beside those of RECORDED
NEED_BACKWARD = ("gradients",)
EXAMPLE = "{neurons: true, quantiles: true}"


def canonical(passes: str, extras: Collection[str]) -> str:
    """The text of what is recorded: the order of `extras` does not matter."""
    return "+".join([passes, *(name for name in RECORDED if name in extras)])


def _subsets(passes: str) -> list[str]:
    usable = [x for x in RECORDED if passes == BOTH or x not in NEED_BACKWARD]
    chosen = (c for count in range(len(usable) + 1) for c in combinations(usable, count))
    return [canonical(passes, extras) for extras in chosen]


#: every text that a run may have, then the short name of the longest
TEXTS = [*(text for passes in PASSES for text in _subsets(passes)), FULL]


def _read(value: Any) -> Any:
    """The canonical text of any form."""
    if isinstance(value, Mapping):
        return _of_mapping(value)
    if not isinstance(value, str):
        raise _refused(value)
    if value == FULL:
        return canonical(BOTH, RECORDED)
    passes, *extras = (part.strip() for part in value.split("+"))
    if passes not in PASSES or not set(extras) <= set(RECORDED):
        raise _refused(value)
    return _checked(passes, extras)


def _of_mapping(value: Mapping[Any, Any]) -> str:
    for key, wanted in value.items():
        if key != BACKWARD and key not in RECORDED:
            close = nearest(str(key), [BACKWARD, *RECORDED])
            known = f"did you mean {' or '.join(close)}?" if close else "it takes {known}"
            raise PydanticCustomError(
                "record",
                "record has no '{key}'; " + known,
                {"key": str(key), "known": ", ".join([BACKWARD, *RECORDED])},
            )
        if not isinstance(wanted, bool):
            raise PydanticCustomError(
                "record",
                "{key} needs true or false; several networks are a list of mappings, as in {many}",
                {"key": key, "many": f"[{EXAMPLE}, both]"},
            )
    extras = [name for name in RECORDED if value.get(name)]
    return _checked(BOTH if value.get(BACKWARD, True) else FORWARD, extras)


def _checked(passes: str, extras: Collection[str]) -> str:
    for name in NEED_BACKWARD:
        if passes == FORWARD and name in extras:
            raise PydanticCustomError(
                "record",
                "{name} need the backward pass: both+{name}, or {{name}: true} without"
                " 'backward: false'",
                {"name": name},
            )
    return canonical(passes, extras)


def _refused(value: Any) -> PydanticCustomError:
    return PydanticCustomError(
        "record",
        "needs one of 'both' or 'forward', to which {extras} may be added as in both+neurons;"
        " 'full' for all of them; or a mapping as in {example}; got {got}",
        {
            "extras": ", ".join(f"+{name}" for name in RECORDED),
            "example": EXAMPLE,
            "got": repr(value),
        },
    )


def _schema() -> dict[str, Any]:
    """The JSON Schema of one value: the texts by name, or in any order, and the long form."""
    forward = "|".join(name for name in RECORDED if name not in NEED_BACKWARD)
    order = rf"^(both(\+({'|'.join(RECORDED)}))*|forward(\+({forward}))*)$"
    flag = {"type": "boolean"}
    names: list[str] = [*RECORDED]
    with_backward: dict[str, Any] = {**dict.fromkeys(names, flag), BACKWARD: {"const": True}}
    without = {name: {"const": False} if name in NEED_BACKWARD else flag for name in names}
    mappings = [
        {"type": "object", "properties": keys, "additionalProperties": False}
        for keys in (with_backward, {**without, BACKWARD: flag})
    ]
    return {"anyOf": [{"enum": TEXTS}, {"type": "string", "pattern": order}, *mappings]}


Record = Annotated[str, Field(strict=True), BeforeValidator(_read), WithJsonSchema(_schema())]
