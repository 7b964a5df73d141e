"""A field that holds numbers or other values: one, a list of them, or a range; each an axis.

    Axis     8, [8, 16], {from: 8, to: 64, steps: 8}, 2**3

A pydantic annotation: it shapes validation and the JSON Schema alike.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from initlab.catalog.arithmetic import LONGEST, PATTERN, evaluate, is_expression

MAX_STEPS = 100_000
SHOWN = 60  # characters of an expression in a message
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
