"""Turns pydantic's error records into sentences: what is needed, and what was given."""

from collections.abc import Callable, Mapping
from typing import Any

from initlab.catalog import FIELDS
from initlab.errors import nearest
from initlab.spec.axis import Strict
from initlab.spec.band import BandAsked
from initlab.spec.layers import LayerGrid
from initlab.spec.model import SpecFile
from initlab.spec.thresholds import Thresholds

Context = Mapping[str, Any]
#: of fields of the head that are mappings
MODELS: dict[Any, type[Strict]] = {"thresholds": Thresholds, "band": BandAsked}

SENTENCES: dict[str, Callable[[Context], str]] = {
    "int_type": lambda _: "needs a whole number",
    "float_type": lambda _: "needs a number",
    "bool_type": lambda _: "needs true or false",
    "string_type": lambda _: "needs text",
    "list_type": lambda _: "needs a list",
    "model_type": lambda _: "needs a mapping, as in {vanishing: 0.001}",
    "finite_number": lambda _: "needs a finite number",
    "greater_than": lambda c: f"needs a number > {c['gt']:g}",
    "greater_than_equal": lambda c: f"needs a number >= {c['ge']:g}",
    "less_than": lambda c: f"needs a number < {c['lt']:g}",
    "less_than_equal": lambda c: f"needs a number <= {c['le']:g}",
    "too_short": lambda c: f"needs at least {c['min_length']} entries",
    "string_too_long": lambda c: f"needs at most {c['max_length']} characters",
    "string_pattern_mismatch": lambda _: "needs letters, digits, '.', '_' and '-' only",
    "literal_error": lambda c: f"needs one of {c['expected']}",
}


def wording(problem: Mapping[str, Any]) -> str:
    """One sentence for one of pydantic's errors."""
    kind, loc = problem["type"], problem["loc"]
    if kind == "extra_forbidden":
        return _unknown_key(loc)
    if kind == "missing":
        owner = f"{loc[-2]} needs" if len(loc) > 1 else "a spec needs"
        return f"{owner} {loc[-1]}"
    if kind not in SENTENCES:  # our own PydanticCustomError, already a sentence
        return str(problem["msg"])
    sentence = SENTENCES[kind](problem.get("ctx", {}))
    if kind == "model_type" and owner_of(loc)[0]:
        sentence = "needs a mapping, as in {activation: identity}"
    if kind == "too_short":
        return sentence
    given = problem["input"]
    quoted = isinstance(given, str) and kind in ("int_type", "float_type") and _number(given)
    return f"{sentence}, got {_short(given)}" + (" (leave out the quotes)" if quoted else "")


def owner_of(path: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Which layers of their own a path is about ("last", "layers.5-9"), and the path inside.

    "" and the path itself for what is said of all layers.
    """
    if path[:1] in (("first",), ("last",)):
        return str(path[0]), path[1:]
    if path[:1] == ("layers",) and len(path) > 1:
        return f"layers.{path[1]}", path[2:]
    return "", path


def _number(text: str) -> bool:
    try:
        return bool(float(text)) or True
    except ValueError:
        return False


def _unknown_key(loc: tuple[Any, ...]) -> str:
    key = str(loc[-1])
    if loc[0] in MODELS:
        return f"{loc[0]} has no {key!r}; {_instead(key, [*MODELS[loc[0]].model_fields])}"
    owner, loc = owner_of(loc)
    if len(loc) > 1:
        record = FIELDS[str(loc[0])][str(loc[-2])]
        if any(p.name == key and p.kind == "tensor" for p in record.parameters):
            return _a_tensor(key)
        known = [p.name for p in record.parameters if p.kind != "tensor"]
        return f"{record.name} has no {key!r}; {_instead(key, known)}"
    if owner and key in SpecFile.model_fields:
        own = _listed([*LayerGrid.model_fields])
        return f"{key!r} is the same for all layers and stands beside {owner}, which takes {own}"
    if key in SpecFile.model_fields:
        return f"{key!r} stands at the top of a spec, for all of its cases"
    for field, table in FIELDS.items():
        if owner and field not in LayerGrid.model_fields:
            continue
        kinds = {p.kind for r in table.values() for p in r.parameters if p.name == key}
        if kinds == {"tensor"}:
            return _a_tensor(key)
        if kinds:
            return f"{key!r} stands inside {field}, as in {field}: {{..., {key}: ...}}"
    if owner:
        return f"{owner} has no {key!r}; {_instead(key, [*LayerGrid.model_fields])}"
    return f"a spec has no {key!r}; {_instead(key, [*SpecFile.model_fields])}"


def _a_tensor(key: str) -> str:
    return f"{key!r} is a tensor, which a spec cannot give; initlab loss takes it"


def _instead(key: str, known: list[str]) -> str:
    close = nearest(key, known)
    return f"did you mean {' or '.join(close)}?" if close else f"it takes {_listed(known)}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "no parameters"


def _short(value: Any) -> str:
    words = {"None": "null", "True": "true", "False": "false"}  # as YAML has them
    text = words.get(repr(value), repr(value))
    return text if len(text) <= 60 else text[:57] + "..."
