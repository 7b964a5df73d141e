"""What `--set` may say, for the shell to complete: paths into a spec, and values with names."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from initlab.catalog import ACTIVATIONS, FIELDS, PRESETS
from initlab.catalog.columns import RECORDED
from initlab.catalog.table import Parameter


def paths(*, inside: bool = True) -> Iterator[str]:
    """Fields of a spec in its order, each followed by what lies inside of it if that is wanted."""
    from initlab.spec.layers import LayerGrid
    from initlab.spec.model import SpecFile
    from initlab.spec.record import BACKWARD
    from initlab.spec.thresholds import Thresholds

    for field in SpecFile.model_fields:
        yield field
        if inside and field in FIELDS:
            yield from (f"{field}.{name}" for name in _inside(field))
        if inside and field in ("first", "last"):
            for own in LayerGrid.model_fields:
                yield f"{field}.{own}"
                yield from (f"{field}.{own}.{name}" for name in _inside(own))
        if inside and field == "thresholds":
            yield from (f"thresholds.{name}" for name in Thresholds.model_fields)
        if inside and field == "record":
            yield from (f"record.{name}" for name in (BACKWARD, *RECORDED))


def values(path: str) -> list[str]:
    """The names among the values that a path may have; numbers are the user's to think of."""
    from initlab.spec.layers import LayerGrid
    from initlab.spec.messages import owner_of
    from initlab.spec.model import SpecFile
    from initlab.spec.record import BACKWARD, TEXTS

    owner, own = owner_of(tuple(path.split(".")))
    if owner and (not own or own[0] not in LayerGrid.model_fields):
        return []
    path = ".".join(own)
    field, _, name = path.partition(".")
    if field == "record":
        return ["true", "false"] if name in (BACKWARD, *RECORDED) else TEXTS * (not name)
    if field in FIELDS and name in ("", FIELDS[field].key):
        words = {"target": ["default"], "bias": ["none"], "residual": ["none"], "norm": ["none"]}
        word = words.get(field, [])
        return [*FIELDS[field], *([] if name else word)]
    if field in FIELDS:
        found = [n for p in _parameters(field) if p.name == name for n in _names(p)]
        return list(dict.fromkeys(found))
    if field == "preset":
        return list(PRESETS)
    known = SpecFile.model_fields.get(path)
    return [] if known is None else list(_literals(known.annotation))


def _inside(field: str) -> list[str]:
    """Keys of a field that names a record."""
    return list(dict.fromkeys([FIELDS[field].key, *(p.name for p in _parameters(field))]))


def _parameters(field: str) -> list[Parameter]:
    """Those of every record that a field may name; of one name there may be several."""
    return [p for record in FIELDS[field].values() for p in record.parameters]


def _names(parameter: Parameter) -> list[str]:
    if parameter.kind == "gain":
        return ["auto", *(name for name, record in ACTIVATIONS.items() if record.table_gain)]
    if parameter.kind == "shares":
        return ["uniform"]
    return ["true", "false"] if parameter.kind == "flag" else list(parameter.choices)


def _literals(annotation: Any) -> Iterator[str]:
    """Words of a Literal, however deep it lies in an annotation."""
    if get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
        return
    for part in get_args(annotation):
        yield from _literals(part)
