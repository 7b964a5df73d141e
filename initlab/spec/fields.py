"""The two kinds of field that a spec is made of: an axis of values, and a choice from a table.

    Axis     8, [8, 16], {from: 8, to: 64, steps: 8}
    OneOf    kaiming_normal, {scheme: normal, std: [0.1, 0.2]}

Both are pydantic annotations: they shape validation and the JSON Schema alike.
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from initlab.catalog import ACTIVATIONS
from initlab.catalog.arithmetic import LONGEST, PATTERN, evaluate, is_expression
from initlab.catalog.table import Parameter, Record, Table
from initlab.catalog.targets import UNIFORM
from initlab.errors import UnknownName

MAX_STEPS = 100_000
SHOWN = 60  # characters of an expression in a message
LEAST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1  # torch's int64
TABLE_GAINS = [name for name, record in ACTIVATIONS.items() if record.table_gain]
GAIN_NAMES = [n for name in TABLE_GAINS for n in (name, *ACTIVATIONS[name].aliases)]
#: what JSON Schema sees of an expression
EXPRESSION = {"type": "string", "pattern": PATTERN, "maxLength": LONGEST}


def calculated(value: Any) -> Any:
    """The number that an expression is; anything else as it is."""
    if not (isinstance(value, str) and is_expression(value)):
        return value
    try:
        return evaluate(value)
    except ValueError as error:
        given = value if len(value) <= SHOWN else f"{value[:SHOWN]}..."
        raise PydanticCustomError(
            "arithmetic", "{given}: {problem}", {"given": given, "problem": str(error)}
        ) from None


class Calculated:
    """Of a field that holds a number: it may be an expression, too."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, value: Any) -> Any:
        return calculated(value)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [handler(schema), EXPRESSION]}


class CalculatedWhole(Calculated):
    """The same where the number counts something: 6/2 is 3."""

    def _read(self, value: Any) -> Any:
        return as_integer(calculated(value))


class Strict(BaseModel):
    """A mapping in a spec: unknown keys are refused."""

    # (of sixty records a spec names a few: what is not named by itself is not built by itself)
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ChoiceAxes(Strict):
    """A record picked from a table, every parameter an axis. Its subclasses are made by `OneOf`."""


End = Annotated[Annotated[float, Field(strict=True, allow_inf_nan=False)], Calculated()]


class Range(Strict):
    """Evenly spaced numbers, both ends included: {from: 0.5, to: 3, steps: 26, scale: log}."""

    start: End = Field(alias="from")
    stop: End = Field(alias="to")
    steps: Annotated[Annotated[int, Field(strict=True, ge=2, le=MAX_STEPS)], CalculatedWhole()]
    scale: Literal["linear", "log"] = "linear"

    def values(self, whole: bool) -> list[float] | list[int]:
        """The numbers, rounded to whole ones (each once) where the field counts something."""
        log = self.scale == "log"
        low, high = (math.log(self.start), math.log(self.stop)) if log else (self.start, self.stop)
        last = self.steps - 1
        between = [low * (1 - i / last) + high * (i / last) for i in range(1, last)]
        numbers = [self.start, *(math.exp(min(v, high)) if log else v for v in between), self.stop]
        return list(dict.fromkeys(round(n) for n in numbers)) if whole else numbers


@dataclass(frozen=True)
class Axis:
    """One value, a list of values or (for numbers) a range; always read as a list.

    Args:
        whole: the values count something, so a range is rounded.
        numeric: a range may stand here.
        nested: one value is itself a list, so an axis is a list of lists.
    """

    whole: bool = False
    numeric: bool = False
    nested: bool = False

    def split(self, value: Any) -> Any:
        """The list of values that a field holds, before each is validated."""
        values = self._listed(value)
        return [as_integer(v) for v in values] if self.whole else values

    def _listed(self, value: Any) -> Any:
        if isinstance(value, list):
            if not value:
                raise PydanticCustomError(
                    "axis", "an axis needs at least one value; the list is empty"
                )
            words = all(isinstance(x, str) and not is_expression(x) for x in value)
            inside = words or any(isinstance(item, list) for item in value)
            return value if not self.nested or inside else [value]
        if (self.numeric or self.whole) and isinstance(value, Mapping):
            return self._range(value)
        return [value]

    def _range(self, value: Mapping[str, Any]) -> Any:
        try:
            span = Range.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            text = "is missing" if first["type"] == "missing" else first["msg"]
            raise PydanticCustomError(
                "range",
                "a range is {from: 1, to: 10, steps: 4, scale: log}; {problem}",
                {"problem": f"{where} {text}"},
            ) from None
        if span.scale == "log" and min(span.start, span.stop) <= 0:
            raise PydanticCustomError("range", "a logarithmic range needs ends above 0")
        return span.values(self.whole)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.split, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        listed = handler(schema)
        # an axis that may be left out is nullable in Python; in a spec it is just not there
        several = next((o for o in listed.get("anyOf", []) if o.get("type") == "array"), listed)
        several = {**several, "minItems": 1}
        options = [several["items"], several]
        if self.numeric or self.whole:
            options.append(Range.model_json_schema())
        return {"anyOf": options}


def as_integer(value: Any) -> Any:
    """1e3 is as good a count as 1000."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


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
        fields[p.name] = (_parameter(p), default)
    return create_model(
        record.name,
        __base__=ChoiceAxes,
        __doc__=record.about,
        __module__="initlab.fields",  # stands in the JSON Schema, whose bytes stay
        **fields,
    )


def _parameter(p: Parameter) -> Any:
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
            raise PydanticCustomError("gain", "{m}", {"m": error.message}) from None
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
