"""Names of classes in place of class ids: their places in --classes. Torch-free."""

import re
import shlex
from collections.abc import Sequence

from initlab.catalog import Loss
from initlab.errors import Finding, InputError, nearest
from initlab.formatting import cut
from initlab.losslab.operands.text import is_number

HOLD_IDS = ("classes", "classes_or_probs", "label_lists", "labels")
#: the first line of a file of names, where it is none of the classes
HEADERS = ("class", "classes", "label", "labels", "name", "target", "y")
LONGEST = 60  # characters of a name that is recognised as one
MOST_LISTED = 200  # characters of all names in a message


def named(text: str) -> tuple[str, ...]:
    """The names of "cat,dog,bird"."""
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def check_classes(names: tuple[str, ...], where: str = "--classes") -> None:
    """Raise InputError for an empty name, one that stands twice, or nothing but numbers."""
    for at, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"{where}: needs names, got {name!r} at {at}", f"{where} cat,dog")
        if name in names[:at]:
            raise InputError(
                f"{where}: {name[:LONGEST]!r} stands twice",
                f"{where} {shlex.quote(','.join(dict.fromkeys(names)))}",
            )
    if names and all(map(is_number, names)):
        pairs = ", ".join(f"{name}: {at}" for at, name in enumerate(names))
        raise InputError(
            f"{where}: numbers are no names: a target of numbers holds class ids",
            f"--target-map '{{{pairs}}}'",
        )


def classes_of(loss: Loss, operand: str, classes: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names that an operand may hold: None where it holds no class ids."""
    record = loss.by_name.get(loss.names.get(operand, operand))
    return classes if record is not None and record.holds in HOLD_IDS else None


def inline(text: str, classes: tuple[str, ...] | None) -> list[str] | str | None:
    """Names that were typed without brackets: "cat,dog", or one of the classes; else None."""
    names = [name.strip() for name in text.split(",")]
    if classes is None or (any(map(is_number, names)) and not classes):
        return None
    if len(names) == 1:
        known = text in classes or (classes and not re.search(r"[./]", text))
        return text if known else None
    return names if classes or all(map(_is_name, names)) else None


def lines(
    text: str, classes: tuple[str, ...] | None
) -> tuple[list[str], tuple[Finding, ...]] | None:
    """The names of a text with one in each line, and what was said; None if it holds no names."""
    if classes is None:
        return None
    names = [line.strip().strip("\"'") for line in text.splitlines() if line.strip()]
    if not (set(names) & set(classes)) and any(map(_has_number, names)):
        return None
    if not classes and not all(map(_is_name, names)):
        return None
    if len(names) > 1 and names[0].lower() in HEADERS and names[0] not in classes:
        said = Finding("header", "info", "", f"the header {names[0]!r} was skipped")
        return names[1:], (said,)
    return names, ()


def ids(
    names: Sequence[str], shape: Sequence[int], classes: tuple[str, ...], where: str
) -> tuple[list[int], Finding]:
    """The class id of each name, and what is said of that; `shape` is theirs, for the message.

    Raises:
        InputError: there are no classes, or a name is none of them.
    """
    if not classes:
        known = ",".join(sorted(set(names)))
        raise InputError(
            f"{where}: holds names ({cut(', '.join(dict.fromkeys(names)), MOST_LISTED)});"
            " class ids are their places in --classes, in the order of the model's outputs",
            f"--classes {shlex.quote(known)}",
        )
    places = {name: at for at, name in enumerate(classes)}
    for at, name in enumerate(names):
        if name not in places:
            raise _unknown(name, _index(at, shape), classes, where)
    order = cut(", ".join(f"{name} {at}" for name, at in places.items()), MOST_LISTED)
    what = f"{len(names)} names became class ids" if len(names) > 1 else "a name became a class id"
    return [places[name] for name in names], Finding("classes", "info", "", f"{what}: {order}")


def _index(at: int, shape: Sequence[int]) -> list[int]:
    path = list[int]()
    for length in reversed(shape):
        at, place = divmod(at, length)
        path.insert(0, place)
    return path


def _unknown(name: str, index: list[int], classes: tuple[str, ...], where: str) -> InputError:
    at = f" (index {index[0] if len(index) == 1 else index})" if index else ""
    listed = cut(", ".join(classes), MOST_LISTED)
    message = f"{where}: {name[:LONGEST]!r}{at} is none of the classes {listed}"
    spelled = {known.lower(): known for known in classes}
    close = nearest(name, spelled)
    if close:
        return InputError(f"{message}; did you mean {spelled[close[0]]!r}?",
                          f"write {spelled[close[0]]} there")  # fmt: skip
    return InputError(message, f"--classes {shlex.quote(','.join([*classes, name[:LONGEST]]))}")


def _has_number(line: str) -> bool:
    """Whether a line is one of a table: names may have a number in them, but not as a cell."""
    return any(map(is_number, re.split("[,;\t]", line))) or all(map(is_number, line.split()))


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST and text.isprintable() and not is_number(text)
