"""Nested lists of numbers as arrays, level by level: each is looked at before memory is taken."""

import math
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initlab.errors import InputError
from initlab.formatting import as_json, cut
from initlab.losslab.call import shape as shape_text
from initlab.losslab.operands.limits import check_values
from initlab.losslab.operands.text import is_number

NOT_FINITE = {word: float(word) for word in ("nan", "inf", "-inf", "+inf")}
DEEPEST = 16  # levels of lists
NUMBERS = (int, float, np.bool_, np.integer, np.floating)


def array_of(
    value: Any,
    where: str,
    most: int,
    unpacked: Callable[[list[Any]], list[Any]],
    *,
    names: bool = False,
) -> NDArray[Any]:
    """A number, or lists of them within lists, as int64, bool or floats; or names, as objects.

    Args:
        value: lists, numbers, the words "nan" and "inf", and arrays.
        where: the operand as the user typed it, for messages.
        most: bytes that it may take as float64.
        unpacked: makes lists of arrays.
        names: whether texts that are no numbers may stand there, all of them texts.

    Raises:
        TooLarge: it takes more.
        InputError: no number, or rows of different lengths; names the first.
    """
    check_values(math.prod(_shape(value)), where, most)  # one list may stand there many times
    level, shape = [value], list[int]()
    while kinds := set(map(type, level)):
        if any(map(_is_array, kinds)):
            level = unpacked(level)
            continue
        if not any(map(_is_list, kinds)):
            break
        if not all(map(_is_list, kinds)) or len(set(map(len, level))) > 1:
            raise _ragged(value, level, shape, where)
        if len(shape) == DEEPEST:
            raise InputError(f"{where}: lists are nested deeper than {DEEPEST} levels")
        shape.append(len(level[0]))
        check_values(len(level) * shape[-1], where, most)
        level = list(chain.from_iterable(level))
    if names and _are_names(level):
        return np.array([*level, None], dtype=object)[:-1].reshape(shape)  # never one long text
    return _numbers(level, shape, where).reshape(shape)


def _are_names(level: list[Any]) -> bool:
    """Whether all entries are texts, and some of them no number."""
    return all(isinstance(x, str) for x in level) and not all(map(is_number, level))


def _is_list(kind: type) -> bool:
    return issubclass(kind, Sequence) and not issubclass(kind, str | bytes | bytearray)


def _is_array(kind: type) -> bool:
    return hasattr(kind, "__array__") and not issubclass(kind, np.generic)


def _numbers(level: list[Any], shape: list[int], where: str) -> NDArray[Any]:
    """The entries of the innermost lists in one row."""
    if all(issubclass(kind, NUMBERS) for kind in set(map(type, level))):
        try:
            array = np.array(level)
        except OverflowError:
            array = np.array(None)
        known = array.dtype.kind in "iufb" and array.dtype.itemsize <= 8
        if known and array.dtype != np.uint64:
            return array
    floats = (_float(entry, where, shape, at) for at, entry in enumerate(level))
    return np.fromiter(floats, dtype=np.float64, count=len(level))


def _float(entry: Any, where: str, shape: list[int], at: int) -> float:
    if isinstance(entry, str) and entry.lower() in NOT_FINITE:
        return NOT_FINITE[entry.lower()]
    if isinstance(entry, int) and abs(entry) > sys.float_info.max:
        problem = "is too large for a float64"
    elif isinstance(entry, NUMBERS):
        return float(entry)
    else:
        problem = f"needs a number, got {cut(as_json(entry), 60)}"
    raise InputError(f"{where}{_indices(_path(at, shape))}: {problem}")


def _ragged(value: Any, level: list[Any], shape: list[int], where: str) -> InputError:
    """What is said of the first entry whose shape is not that of the others of its list."""
    sizes = [len(entry) if _is_list(type(entry)) else None for entry in level]
    path = _path(next(at for at, size in enumerate(sizes) if size != sizes[0]), shape)
    while not path[-1]:  # then the list that it begins is not as those beside it
        path.pop()
    *outer, index = path
    for step in outer:
        value = value[step]
    return InputError(
        f"{where}{_indices(outer)}: entry {index} has shape {shape_text(_shape(value[index]))},"
        f" entry 0 has {shape_text(_shape(value[0]))}; a tensor needs entries of one shape"
    )


def _path(at: int, shape: list[int]) -> list[int]:
    return [int(i) for i in np.unravel_index(at, shape)] if shape else []


def _indices(path: list[int]) -> str:
    return "".join(f"[{i}]" for i in path)


def _shape(value: Any) -> tuple[int, ...]:
    """The shape that the first entries of lists have."""
    sizes: list[int] = []
    while _is_list(type(value)) and len(sizes) < DEEPEST:
        sizes.append(len(value))
        value = value[0] if len(value) else None
    return (*sizes, *getattr(value, "shape", ()))
