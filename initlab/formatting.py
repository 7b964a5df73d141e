"""Values as text: as CSV and JSON have them, and in few characters for people."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

#: control characters but newline and tab, and marks that reorder or break a line
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Text of others for a terminal, which it must not command: escapes for what is hidden."""
    return _HIDDEN.sub(lambda hidden: hidden[0].encode("unicode_escape").decode("ascii"), text)


def on_one_line(text: str) -> str:
    """The same for a title or a cell of a table, which has no other lines."""
    return visible(text).replace("\n", " ").replace("\t", " ")


def markdown_text(text: str) -> str:
    """Text in which Markdown sees no emphasis, code, link, HTML or cell of a table."""
    return re.sub(r"([\\`*\[\]<>|~]|&(?=#?\w+;)|(?<!\w)_|_(?!\w))", r"\\\1", text)


def markdown_row(cells: Iterable[str]) -> str:
    """A row of a table in Markdown, whose cells are text."""
    return f"| {' | '.join(markdown_text(cell.strip()) for cell in cells)} |"


def csv_line(cells: Sequence[Any]) -> str:
    """One line of CSV: None is an empty cell, floats round-trip, nan and inf are words."""
    line = io.StringIO()
    texts = ["" if c is None else repr(c) if isinstance(c, float) else c for c in cells]
    csv.writer(line, lineterminator="\n").writerow(texts)
    return line.getvalue()


def as_json(value: Any) -> str:
    """Anything for a message, as JSON has it, or else by the name of its type."""
    try:
        return json.dumps(value, default=repr)
    except (RecursionError, TypeError, ValueError):  # too deep, in a circle, too many digits
        return type(value).__name__


def cut(text: str, most: int) -> str:
    """A text of `most` characters at most, whose end may be dots."""
    return text if len(text) <= most else text[: most - 3] + "..."


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


def six_digits(value: object) -> str:
    """A cell of a table: numbers in six digits, None as nothing."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def none_if_nan(number: float) -> float | None:
    """A number, or None for nan, where that stands for one that is not known."""
    return None if math.isnan(number) else number


def number(value: float | int | bool) -> str:
    """A number of a message: four digits, or six from 1 on where four are not exact.

    2, 0.5723, 1e-08, 1.23456.
    """
    if isinstance(value, bool | int):
        return str(value)
    text = f"{value:.4g}"
    return text if abs(value) < 1 or float(text) == value or value != value else f"{value:.6g}"


def four_decimals(value: float) -> str:
    """Four decimals of 0 and from 1e-3 to 1e5, four digits of any other: 0.6931, 1.234e-05."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4f}"
    return number(float(f"{value:.4g}"))


def fraction_or_whole(value: float | int | bool) -> str:
    """A number of a table: four decimals of a fraction, up to six digits of a whole number."""
    value = value + 0  # -0.0 is 0, True is 1
    if isinstance(value, float) and value != round(value, 0):
        return four_decimals(value)
    return f"{value:.6g}"


def bracketed(value: float) -> str:
    """A number within a formula, in up to four digits; negative ones in brackets: 0.5, (-1.2)."""
    text = f"{value:.4g}"
    return f"({text})" if text.startswith("-") else text


def short_list(values: Sequence[int]) -> str:
    """Whole numbers in 40 characters at most: [1,0,-1]."""
    text = str(list(values)).replace(" ", "")
    return text if len(text) <= 40 else text[:36] + "...]"
