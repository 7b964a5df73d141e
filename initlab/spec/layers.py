"""What a spec may say of layers: how their biases are, and what only some of them have."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    TypeAdapter,
)
from pydantic_core import CoreSchema, PydanticCustomError

from initlab.catalog import FIELDS
from initlab.catalog.arithmetic import is_expression
from initlab.spec.axis import (
    EXPRESSION,
    Axis,
    Calculated,
    Range,
    Strict,
)
from initlab.spec.fields import ChoiceAxes, OneOf

LARGEST = 1_000_000
NAMED = r"^\s*[0-9]{1,7}(\s*-\s*[0-9]{1,7})?\s*$"  # a layer, or several


def _bias(value: Any) -> Any:
    if value is None or value is False or value == "none":
        return None
    if value is True:
        raise PydanticCustomError(
            "bias", "say how biases are drawn: {std: 0.05}, zeros or torch_default"
        )
    key = FIELDS["bias"].key
    named = isinstance(value, str) and (value in FIELDS["bias"] or not is_expression(value))
    if isinstance(value, int | float | str) and not named:
        return {key: "constant", "value": value}
    if isinstance(value, Mapping) and key not in value:
        # a range is that of a number
        return {key: "constant", "value": value} if "from" in value else {key: "normal", **value}
    return value


def _layers(value: Any) -> Any:
    """Keys as text: 3 and "5-9"; a layer is named once."""
    if not isinstance(value, Mapping):
        raise PydanticCustomError(
            "layers", "needs a mapping, as in {3: {activation: relu}, 5-9: {...}}"
        )
    named: dict[int, Any] = {}
    for key in value:
        match = re.fullmatch(r"(\d{1,7})(?:\s*-\s*(\d{1,7}))?", str(key).strip(), re.ASCII)
        if match is None or isinstance(key, bool):
            raise PydanticCustomError(
                "layers",
                "layers are named as 3 or 5-9, counted from 0; got {key}",
                {"key": str(key)},
            )
        start, end = int(match[1]), int(match[2] or match[1])
        if end < start:
            raise PydanticCustomError("layers", "{key} ends before it begins", {"key": str(key)})
        for index in range(start, min(end, start + LARGEST) + 1):
            if index in named:
                raise PydanticCustomError(
                    "layers",
                    "layer {index} is named twice, by {one} and {two}",
                    {"index": index, "one": str(named[index]), "two": str(key), "key": str(key)},
                )
            named[index] = key
    return {re.sub(r"\s", "", str(key)): item for key, item in value.items()}


class BiasSchema:
    """Tells the JSON Schema what `_bias` takes beside a scheme."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """No bias by word, a constant by its number, and a normal bias by its std alone."""
        number = Annotated[float, Calculated()]
        std: Any = TypeAdapter(Annotated[list[number], Axis(numeric=True)]).json_schema()
        constant = [{"type": "number"}, EXPRESSION, Range.model_json_schema()]
        short = {
            "type": "object",
            "properties": {"std": std, "mean": std},
            "required": ["std"],
            "additionalProperties": False,
        }
        return {"anyOf": [{"enum": ["none", False]}, *constant, *handler(schema)["anyOf"], short]}


Bias = Annotated[
    Annotated[ChoiceAxes, OneOf(FIELDS["bias"])] | None,
    BeforeValidator(_bias),
    BiasSchema(),
]


class LayerGrid(Strict):
    """What some layers have in place of the others. A list in a field is an axis."""

    activation: Annotated[
        list[Annotated[ChoiceAxes, OneOf(FIELDS["activation"])]] | None, Axis()
    ] = Field(None, description="after these layers")
    init: Annotated[list[Annotated[ChoiceAxes, OneOf(FIELDS["init"])]] | None, Axis()] = Field(
        None, description="how their weights are drawn"
    )
    bias: Annotated[list[Bias] | None, Axis()] = Field(None, description="how their biases are")


class LayerKeys:
    """Tells the JSON Schema how layers are named."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """3 and 5-9, blanks around them or not."""
        return {**handler(schema), "propertyNames": {"pattern": NAMED}}


Layers = Annotated[dict[str, LayerGrid], BeforeValidator(_layers), LayerKeys()]
