"""A field that is a choice from a table of the catalog.

    OneOf    kaiming_normal, {scheme: normal, std: [0.1, 0.2]}

A pydantic annotation: it shapes validation and the JSON Schema alike.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    WithJsonSchema,
    create_model,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from initlab.catalog import ACTIVATIONS
from initlab.catalog.table import Parameter, Record, Table
from initlab.catalog.targets import UNIFORM
from initlab.errors import UnknownName
from initlab.spec.axis import EXPRESSION, Axis, Calculated, CalculatedWhole, Strict, calculated
from initlab.spec.scale import Scale

LEAST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1  # torch's int64
TABLE_GAINS = [name for name, record in ACTIVATIONS.items() if record.table_gain]
GAIN_NAMES = [n for name in TABLE_GAINS for n in (name, *ACTIVATIONS[name].aliases)]


class ChoiceAxes(Strict):
    """A record picked from a table, every parameter an axis. Its subclasses are made by `OneOf`."""


@dataclass(frozen=True)
class OneOf:
    """A record of a table: its name, or a mapping of its name and parameters.

    Args:
        table: what can be named.
    """

    table: Table[Record]

    @property
    def key(self) -> str:
        """The key that holds the name in a mapping ("scheme")."""
        return self.table.key

    def named(self, value: Any) -> Any:
        """The mapping form, with the record's own name."""
        value = {self.key: value} if isinstance(value, str) else value
        kind = self.table.singular
        article = "an" if kind[0] in "aeiou" else "a"
        if isinstance(value, ChoiceAxes):
            return value
        if not isinstance(value, Mapping):
            raise PydanticCustomError(
                "choice",
                "needs {a} {kind} by name, got {got}",
                {"a": article, "kind": kind, "got": repr(value)},
            )
        if not isinstance(value.get(self.key), str):
            raise PydanticCustomError(
                "choice",
                "needs the key '{key}' with {a} {kind} by name",
                {"key": self.key, "a": article, "kind": kind},
            )
        try:
            return {**value, self.key: self.table.canonical(value[self.key])}
        except UnknownName as error:
            raise PydanticCustomError(
                "unknown_name",
                "{message} (initlab list {plural})",
                {"message": error.message, "plural": self.table.plural},
            ) from None

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        models = [Annotated[_model(r, self.key), Tag(r.name)] for r in self.table.values()]
        union = Annotated[Union[*models], Discriminator(self._tag)]  # type: ignore[valid-type]
        schema = handler.generate_schema(union)
        return core_schema.no_info_before_validator_function(self.named, schema)

    def _tag(self, value: Any) -> str:
        return str(value[self.key] if isinstance(value, Mapping) else getattr(value, self.key))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        bare = [r for r in self.table.values() if not any(p.required for p in r.parameters)]
        names = [n for r in bare for n in (r.name, *r.aliases)]
        return {"anyOf": [{"enum": names}, handler(schema)]}


@cache
def _model(record: Record, key: str) -> type[ChoiceAxes]:
    """The pydantic model of one record: its name under `key`, then each parameter as an axis."""
    names = WithJsonSchema({"enum": [record.name, *record.aliases]})
    fields: dict[str, Any] = {key: (Annotated[Literal[record.name], names], ...)}
    for p in record.parameters:
        if p.kind == "tensor":
            continue  # a spec holds no tensors
        absent = [] if p.default is None else [p.default]  # [] of a later one: nobody said any
        default = Field(description=p.about) if p.required else Field(absent, description=p.about)
        fields[p.name] = (field_of(p), default)
    return create_model(
        record.name,
        __base__=ChoiceAxes,
        __doc__=record.about,
        __module__="initlab.fields",  # stands in the JSON Schema, whose bytes stay
        **fields,
    )


def field_of(p: Parameter) -> Any:
    """What a spec may say of a parameter: a list of its values, each validated."""
    number = Field(
        strict=True, ge=p.minimum, le=p.maximum, gt=p.above, lt=p.below, allow_inf_nan=False
    )
    if p.kind == "flag":
        return Annotated[list[Annotated[bool, Field(strict=True)]], Axis()]
    if p.kind == "integer":
        low = LEAST_INTEGER if p.minimum is None else p.minimum
        high = LARGEST_INTEGER if p.maximum is None else p.maximum
        count = Field(strict=True, ge=low, le=high, gt=p.above, lt=p.below)
        return Annotated[
            list[Annotated[Annotated[int, count], CalculatedWhole()]], Axis(whole=True)
        ]
    if p.kind == "choice":
        words = Literal[*p.choices]  # type: ignore[valid-type]
        choice: Any = Annotated[words, Also(p.also)] if p.also else words
        return Annotated[list[choice], Axis()]
    if p.kind == "text":
        return Annotated[list[str], Axis()]
    if p.kind == "gain":
        return Annotated[list[Gain], Axis(numeric=True)]
    if p.kind == "shares":
        return Annotated[list[Shares], Axis(nested=True)]
    if p.kind == "scale":
        return Annotated[list[Annotated[Any, Scale(p.choices)]], Axis(numeric=True)]
    return Annotated[list[Annotated[Annotated[float, number], Calculated()]], Axis(numeric=True)]


@dataclass(frozen=True)
class Also:
    """Other names of some choices, as a spec may give them."""

    names: Mapping[str, str]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: self.names.get(value, value) if isinstance(value, str) else value,
            handler(source),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"enum": [*handler(schema)["enum"], *self.names]}


def _gain(value: Any) -> Any:
    """A positive number, `auto`, or an activation in torch's gain table."""
    if isinstance(value, str) and value not in ACTIVATIONS:
        value = calculated(value)
    if isinstance(value, str) and value != "auto":
        try:
            record = ACTIVATIONS[value]
        except UnknownName as error:
            # "np.sqrt(2)" or "1,5" was no name
            hint = "; a number is 1.5, 5/3 or sqrt(2)" if re.search(r"[\d(]", value) else ""
            raise PydanticCustomError("gain", "{m}", {"m": error.message + hint}) from None
        if record.table_gain is None:
            raise PydanticCustomError(
                "gain",
                "torch's gain table has no entry for {name} (it has {known}); use auto or a number",
                {"name": record.name, "known": ", ".join(TABLE_GAINS)},
            )
        return record.name
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value != "auto" and not (number and 0 < value <= sys.float_info.max):
        raise PydanticCustomError(
            "gain",
            "needs a number above 0, an activation's name or auto, got {got}",
            {"got": repr(value)},
        )
    return value if value == "auto" else float(value)


Gain = Annotated[
    Any,
    BeforeValidator(_gain),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                EXPRESSION,
                {"enum": ["auto", *GAIN_NAMES]},
            ]
        }
    ),
]


def _shares(value: Any) -> Any:
    """`uniform`, or a number for each class, none negative; whether they sum to 1 is not asked."""
    if value == UNIFORM:
        return value
    numbers = [calculated(x) for x in value] if isinstance(value, list | tuple) else []
    fits = [
        isinstance(x, int | float) and not isinstance(x, bool) and 0 <= x <= sys.float_info.max
        for x in numbers
    ]
    if len(fits) < 2 or not all(fits):
        raise PydanticCustomError(
            "shares",
            "needs uniform, or a share >= 0 for each of two classes or more, as in [0.7, 0.3];"
            " got {got}",
            {"got": repr(value)},
        )
    return tuple(float(x) for x in numbers)


Shares = Annotated[
    Any,
    BeforeValidator(_shares),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": UNIFORM},
                {
                    "type": "array",
                    "items": {"anyOf": [{"type": "number", "minimum": 0}, EXPRESSION]},
                    "minItems": 2,
                },
            ]
        }
    ),
]
