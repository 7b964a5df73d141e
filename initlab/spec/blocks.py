"""What a spec may say of residual sums, norms and dropout, and what it may have meant otherwise.

residual: 2                         {every: 2, scale: 0.1, skip: 1, branch: linear}
norm: layer                         {name: rms, place: post}
dropout: 0.1
preset: deepnorm
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, PydanticCustomError

from initlab.catalog import FIELDS, PRESETS
from initlab.catalog.blocks import BEFORE, DEPTH_SCALES, PRE
from initlab.errors import UnknownName
from initlab.spec.axis import EXPRESSION, Calculated, calculated
from initlab.spec.fields import ChoiceAxes, OneOf, field_of
from initlab.spec.run import Choice, Run
from initlab.spec.structure import branch_end

NONE = "none"
#: activations without a mean
WITHOUT_MEAN = ("identity", "tanh", "softsign", "hardtanh", "sin", "erf", "arctan", "tanhshrink")


def _absent(value: Any) -> bool:
    return value is None or value is False or value == NONE


def _residual(value: Any) -> Any:
    """A number is that of the layers in a branch; of a mapping the one kind of sum is meant."""
    if _absent(value):
        return None
    value = calculated(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"name": "add", "every": value}
    if isinstance(value, Mapping):
        return {"name": "add", **value}
    if not isinstance(value, str) or value not in FIELDS["residual"]:
        raise PydanticCustomError(
            "residual",
            "needs the number of layers in a branch, or a mapping as in {example}; got {got}",
            {"example": "{every: 2, scale: 0.1}", "got": repr(value)},
        )
    return value


def _norm(value: Any) -> Any:
    return None if _absent(value) else value


class OrNone:
    """Tells the JSON Schema that there may be none."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The word, beside what a schema has."""
        return {"anyOf": [{"enum": [NONE, False]}, *handler(schema)["anyOf"]]}


class Short(OrNone):
    """The same of a residual, of which a number or a mapping without a name is enough."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The number, and keys of the mapping."""
        record = FIELDS["residual"]["add"]
        keys = {p.name: TypeAdapter(field_of(p)).json_schema() for p in record.parameters}
        mapping = {"type": "object", "properties": keys, "additionalProperties": False}
        known = super().__get_pydantic_json_schema__(schema, handler)
        return {"anyOf": [{"type": "integer", "minimum": 1}, EXPRESSION, mapping, *known["anyOf"]]}


def _preset(value: Any) -> Any:
    if _absent(value):
        return None
    if not isinstance(value, str):
        raise PydanticCustomError(
            "preset", "needs a preset by name, got {got}", {"got": repr(value)}
        )
    try:
        return PRESETS.canonical(value)
    except UnknownName as error:
        raise PydanticCustomError(
            "unknown_name", "{message} (initlab list presets)", {"message": error.message}
        ) from None


class PresetNames:
    """Tells the JSON Schema of the presets' names."""

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """All of them, and that there may be none."""
        names = [n for record in PRESETS.values() for n in (record.name, *record.aliases)]
        return {"enum": [NONE, False, *names]}


Residual = Annotated[
    Annotated[ChoiceAxes, OneOf(FIELDS["residual"])] | None, BeforeValidator(_residual), Short()
]
NormField = Annotated[
    Annotated[ChoiceAxes, OneOf(FIELDS["norm"])] | None, BeforeValidator(_norm), OrNone()
]
Dropout = Annotated[
    Annotated[float, Field(strict=True, ge=0, lt=1)],
    Calculated(),
    BeforeValidator(lambda value: 0.0 if _absent(value) else value),
    OrNone(),
]
PresetName = Annotated[str | None, BeforeValidator(_preset), PresetNames()]


def preset_choice(preset: str | None, field: str) -> Choice | None:
    """What a preset fills a field with; None where it says nothing of it."""
    said = PRESETS[preset].fields.get(field) if preset else None
    if said is None:
        return None
    table = FIELDS[field]
    record = table[said[table.key]]
    given = {**record.defaults, **{k: v for k, v in said.items() if k != table.key}}
    return Choice(record.name, tuple(record.settled(given).items()))


def placed(norm: Choice | None, residual: Choice | None) -> Choice | None:
    """A norm whose place is said."""
    if norm is None or "place" in norm.parameters:
        return norm
    place = BEFORE if residual is None else PRE
    return Choice(norm.name, (("place", place), *norm.items))


def short_mapping(field: str, value: Mapping[str, Any]) -> str:
    """A mapping as YAML would say it in short."""
    key = FIELDS[field].key
    rest = ", ".join(f"{k}: {v}" for k, v in value.items() if k != key)
    if field == "residual":
        return f"{{{rest}}}"
    return f"{{{key}: {value[key]}, {rest}}}" if rest else str(value[key])


def remarks(run: Run) -> Iterator[str]:
    """What the spec of a run with residual sums may have meant otherwise."""
    if run.residual is None:
        return
    p, structure = run.residual.parameters, run.structure
    if structure.left_over:
        yield (
            f"residual: a branch has {p['every']} layers, and {len(structure.blocks)} blocks fit;"
            f" layers without a sum after them: {structure.left_over} of {run.depth}"
        )
    if p["scale"] in DEPTH_SCALES and p.get("output_gain", 1.0) in DEPTH_SCALES:
        yield (
            f"residual: the depth is counted twice, by scale: {p['scale']} and by output_gain:"
            f" {p['output_gain']}; leave one of them out"
        )
    if branch_end(p) == "activation" and run.activation.name not in WITHOUT_MEAN:
        yield (
            "residual: branches that end in an activation of a mean make the stream's mean grow"
            " with every block, and samples alike; branch: linear ends them without one"
        )
