"""How many random networks stand behind a finite-width band, and what they tell. Torch-free.

`band: 400` tells the std of every layer, `band: {networks: 400, gradient: true}` its gradient and
the cosine between samples, too, and `band: 0` nothing.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from initlab.spec.axis import EXPRESSION, CalculatedWhole, Strict

BAND, LEAST_SIMULATED, MOST_SIMULATED = 400, 20, 10_000  # networks behind a band
Networks = Annotated[Annotated[int, Field(strict=True, ge=0, le=MOST_SIMULATED)], CalculatedWhole()]


class BandAsked(Strict):
    """Finite-width bands: by how many networks, and of what."""

    networks: Networks = Field(BAND, description="networks simulated for a point; 0: no band")
    gradient: Annotated[bool, Field(strict=True)] = Field(
        False, description="also bands of gradient and cosine, which take longer"
    )

    @model_validator(mode="after")
    def _enough(self) -> "BandAsked":
        if 0 < self.networks < LEAST_SIMULATED:
            raise PydanticCustomError(
                "band", "needs 0, or at least {least} for its quantiles", {"least": LEAST_SIMULATED}
            )
        if self.gradient and not self.networks:
            raise PydanticCustomError(
                "band",
                "a band of the gradient needs networks, at least {least}",
                {"least": LEAST_SIMULATED},
            )
        return self

    @model_serializer
    def _short(self) -> int | dict[str, Any]:
        """As it is written where nothing but the number of networks is asked for."""
        return {"networks": self.networks, "gradient": True} if self.gradient else self.networks

    @classmethod
    def of(cls, value: Any) -> "BandAsked":
        """As it stands in a journal, which was validated."""
        return cls.model_construct(**_mapping(value))


def _mapping(value: Any) -> Any:
    """A number by itself is that of the networks."""
    return value if isinstance(value, Mapping | BandAsked) else {"networks": value}


class _Schema:
    """Tells the JSON Schema that a number may stand for all."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        number = {"type": "integer", "minimum": 0, "maximum": MOST_SIMULATED}
        return {"anyOf": [number, EXPRESSION, handler(schema)]}


Band = Annotated[BandAsked, BeforeValidator(_mapping), _Schema()]
