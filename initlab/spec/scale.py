"""A factor that may depend on the number of blocks: a number, or one of some words."""

import math
import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from initlab.spec.axis import EXPRESSION, calculated


@dataclass(frozen=True)
class Scale:
    """A number, or one of some words: 0.1, 1/sqrt(L).

    Args:
        words: which.
    """

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def _read(self, value: Any) -> Any:
        word = re.sub(r"\s", "", value) if isinstance(value, str) else ""
        if word in self.words:
            return word
        # a formula of L, or of what others call N, has no value
        number = value if re.search("[A-Z]", word) else calculated(value)
        fits = isinstance(number, int | float) and not isinstance(number, bool)
        if not fits or not math.isfinite(number):
            raise PydanticCustomError(
                "scale",
                "needs a number or one of {words}, got {got}",
                {"words": ", ".join(self.words), "got": repr(value)},
            )
        return float(number)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "number"}, EXPRESSION, {"enum": [*self.words]}]}
