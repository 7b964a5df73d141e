"""Values as text: as CSV and JSON have them, and in few characters for people."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any


def csv_line(cells: Sequence[Any]) -> str:
    """One line of CSV: None is an empty cell, floats round-trip, nan and inf are words."""
    line = io.StringIO()
    texts = ["" if c is None else repr(c) if isinstance(c, float) else c for c in cells]
    csv.writer(line, lineterminator="\n").writerow(texts)
    return line.getvalue()


def json_number(value: Any) -> Any:
    """JSON has no nan and no infinity: they become the words "nan", "inf" and "-inf"."""
    return value if not isinstance(value, float) or math.isfinite(value) else repr(value)


def short(number: float, digits: int) -> str:
    """A number in few characters: 1.39e22, 5.9e-16."""
    return f"{number:.{digits}g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def brief(number: float) -> str:
    """A number whose size matters, and not its digits: 0.644, 5.6e6."""
    return short(number, 3 if 1e-3 < abs(number) < 1e3 else 2)


def times(ratio: float) -> str:
    """A factor: x 0.87, x 1.5e4."""
    return f"x {brief(ratio)}"


def around_one(number: float) -> str:
    """A number whose distance from 1 matters: 1.210."""
    return f"{number:.3f}" if 1e-3 <= number < 1e3 else brief(number)


def layer_count(layers: float) -> str:
    """A number of layers that need not be whole: 73, 4.2."""
    return f"{layers:.0f}" if layers >= 10 else f"{layers:.2g}"


def cell(value: object) -> str:
    """A cell of a table: numbers in six digits, None as nothing."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def known(number: float) -> float | None:
    """A number, or None for nan, where that stands for one that is not known."""
    return None if math.isnan(number) else number
