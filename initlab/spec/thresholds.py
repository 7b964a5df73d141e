"""Where a verdict begins: from two stds to steady, vanishing, exploding or nan."""

import math
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from initlab.spec.axis import Calculated, Strict

Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Threshold = Annotated[Positive, Calculated()]


class Thresholds(Strict):
    """Where a verdict begins: ratios of the last std to the first, forward and backward."""

    vanishing: Threshold = Field(1e-3, description="below this ratio a signal has vanished")
    exploding: Threshold = Field(1e3, description="above this ratio a signal has exploded")

    @model_validator(mode="after")
    def _ordered(self) -> "Thresholds":
        if self.vanishing >= self.exploding:
            raise PydanticCustomError("order", "vanishing must lie below exploding")
        return self


def verdict(start: float, end: float, thresholds: Thresholds) -> str:
    """What a signal does on its way from std `start` to std `end`."""
    if math.isnan(start) or math.isnan(end) or math.isinf(end):
        return "nan"
    if end == 0:
        return "vanishing"
    ratio = end / start if start else math.inf
    if ratio < thresholds.vanishing:
        return "vanishing"
    return "exploding" if ratio > thresholds.exploding else "steady"
