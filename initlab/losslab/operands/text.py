"""Numbers as people type them and as JSON and CSV have them; no tensors yet."""

import json
import re
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initlab.errors import InputError
from initlab.losslab.call import shape as shape_text

NOT_FINITE = {word: float(word) for word in ("nan", "inf", "-inf", "+inf")}
DEEPEST = 16  # levels of lists


def plain(text: str) -> list[float] | float | None:
    """Numbers without brackets: "0.5", "0.9,0.05,0.05"; None if it is something else."""
    try:
        items = [int(i) if i.strip().lstrip("+-").isdigit() else float(i) for i in text.split(",")]
    except ValueError:
        return None
    if any(isinstance(i, int) and abs(i) >= 2**63 for i in items):
        items = [float(i) for i in items]
    return items if "," in text else items[0]


def json_value(text: str, where: str) -> Any:
    """JSON as Python has it; also with nan, .5 and 1., which JSON has not. Raises InputError."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass  # people also write .5, 1. and nan
    except RecursionError:
        raise InputError(f"{where}: is nested too deep to be read") from None
    except ValueError as error:  # an integer of thousands of digits
        raise InputError(f"{where}: is no JSON that can be read: {error}") from None
    try:
        return json.loads(_as_json(text))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{where}: is no JSON: {error.msg} ({place})") from None


def _as_json(text: str) -> str:
    text = re.sub(r"(?<![\w.])\.(?=\d)", "0.", text)
    text = re.sub(r"(?<=\d)\.(?!\d)", ".0", text)
    return re.sub(r'(?<!["\w+-])([+-]?)(nan|inf)(?!["\w])', r'"\1\2"', text, flags=re.IGNORECASE)


def csv_array(text: str, where: str) -> NDArray[Any]:
    """Rows of numbers: one column is a vector (rows), more are a matrix (rows, columns).

    Raises:
        InputError: no number, or rows of different lengths; names the line.
    """
    rows = []
    for line, row in enumerate(text.splitlines(), 1):
        if not row.strip():
            continue
        cells = [cell.strip().lower() for cell in row.split(",")]
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            header = "; is it a header? remove it" if line == 1 else ""
            raise InputError(
                f"{where}: line {line} is no row of numbers: {row[:60]!r}{header}"
            ) from None
        if len(cells) != len(rows[0]):
            raise InputError(
                f"{where}: line {line} has {len(cells)} numbers, the first has {len(rows[0])}"
            )
    array = np.array(rows)
    whole = np.isfinite(array).all() and not any(c in text.lower() for c in ".e")
    if whole and np.abs(array).max() < 2**53:
        array = array.astype(np.int64)
    return array[:, 0].copy() if array.shape[1] == 1 else array


def numbers_of(value: Any, where: str, path: tuple[int, ...] = ()) -> Any:
    """A nested list that numpy refuses, one by one: floats in place of "nan" and "inf".

    Args:
        value: lists, numbers and texts.
        where: the operand as the user typed it, for messages.
        path: indices of `value` in the whole list.

    Raises:
        InputError: no number, or rows of different lengths; names the first.
    """
    here = where + "".join(f"[{i}]" for i in path)
    if len(path) > DEEPEST:
        raise InputError(f"{where}: lists are nested deeper than {DEEPEST} levels")
    if isinstance(value, list | tuple):
        rows = [numbers_of(v, where, (*path, i)) for i, v in enumerate(value)]
        shapes = [np.shape(row) for row in rows]
        for index, shape in enumerate(shapes):
            if shape != shapes[0]:
                raise InputError(
                    f"{here}: entry {index} has shape {shape_text(shape)}, entry 0 has"
                    f" {shape_text(shapes[0])}; a tensor needs entries of one shape"
                )
        return rows
    if isinstance(value, str) and value.lower() in NOT_FINITE:
        return NOT_FINITE[value.lower()]
    if isinstance(value, int | float):
        if abs(value) > sys.float_info.max and isinstance(value, int):
            raise InputError(f"{here}: {str(value)[:20]}... is too large for a float64")
        return float(value)
    raise InputError(f"{here}: needs a number, got {json.dumps(value, default=repr)[:60]}")
