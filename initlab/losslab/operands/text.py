"""Numbers as people type them and as JSON has them; no tensors yet."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from initlab.catalog.values import to_float, to_int
from initlab.errors import InputError
from initlab.losslab.operands.limits import check_values

Pairs = list[tuple[str, Any]]


def plain(text: str, where: str) -> list[float] | float | None:
    """Numbers without brackets: "0.5", "0.9,0.05,0.05"; None if it is something else.

    Raises:
        InputError: a number has more digits than a float64 can count.
    """
    items: list[float] = []
    for item in text.split(","):
        try:
            items.append(to_int(item) if item.strip().lstrip("+-").isdigit() else to_float(item))
        except ValueError:
            return None
        except OverflowError:
            raise InputError(
                f"{where}: {item.strip()[:20]}... is too large for a float64"
            ) from None
    if any(isinstance(i, int) and abs(i) >= 2**63 for i in items):
        items = [float(i) for i in items]
    return items if "," in text else items[0]


def loose_json(text: str, where: str, most: int) -> Any:
    """JSON with nan, .5 and 1., too, which people write and JSON has not. Raises as `strict_json`
    does.
    """
    return strict_json(_as_json(text), where, most)


def strict_json(text: str, where: str, most: int) -> Any:
    """JSON as Python has it, with its NaN and Infinity.

    Raises:
        TooLarge: its numbers take more than `most` bytes as float64.
        InputError: it is nested too deep, or has a key twice in one object.
        json.JSONDecodeError: it is no JSON.
    """
    check_values(text.count(","), where, most)  # before Python's lists take several times as much
    try:
        return json.loads(text, object_pairs_hook=_once(where))
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise InputError(f"{where}: is nested too deep to be read") from None
    except ValueError:
        raise InputError(f"{where}: has an integer of too many digits") from None


def _once(where: str) -> Callable[[Pairs], dict[str, Any]]:
    """Makes an object of its pairs, each key once, as in specs."""

    def made(pairs: Pairs) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            refuse_twice((key for key, _ in pairs), f"{where}: the key")
        return value

    return made


def refuse_twice(names: Iterable[str], what: str) -> None:
    """Raise InputError for the first name that stands twice; `what` begins the message."""
    seen = set[str]()
    for name in names:
        if name in seen:
            raise InputError(f"{what} {name[:60]!r} stands twice; the first would be lost")
        seen.add(name)


def _as_json(text: str) -> str:
    text = re.sub(r"(?<![\w.])\.(?=\d)", "0.", text)
    text = re.sub(r"(?<=\d)\.(?!\d)", ".0", text)
    return re.sub(r'(?<!["\w+-])([+-]?)(nan|inf)(?!["\w])', r'"\1\2"', text, flags=re.IGNORECASE)


def is_number(text: str) -> bool:
    """Whether a text is a number as `to_float` reads it."""
    try:
        to_float(text)
    except ValueError:
        return False
    return True
