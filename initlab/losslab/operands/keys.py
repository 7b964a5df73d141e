"""Which array of several in a file is meant: "batch.pt:logits", the operand's, the only one."""

import os
import shlex
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from initlab.errors import InputError, nearest
from initlab.formatting import cut
from initlab.losslab.operands.source import Wanted, quoted

DEEPEST = 16  # levels of a key: a.b.c has three
#: how else people call an input and a target
OFTEN = {
    **dict.fromkeys(("logits", "x", "outputs", "preds", "predictions", "y_pred"), "inputs"),
    **dict.fromkeys(("labels", "label", "y", "y_true", "ids"), "target"),
}
LISTED = 1000  # keys that are looked at for a message


def split(text: str) -> tuple[str, str]:
    """A file and the key within it. A file whose very name has the colon goes before."""
    at = len(text)
    while at > 0 and not os.path.lexists(text[:at]):
        at = text.rfind(":", 0, at)
    return (text[:at], text[at + 1 :]) if at > 0 else (text, "")


def chosen(value: Any, wanted: Wanted) -> tuple[Any, str]:
    """What is meant of what a file holds, and the Python that picks it: '["logits"]'.

    Raises:
        InputError: no such key, or none of several; lists them.
    """
    if wanted.key:
        try:
            return _found(value, wanted.key)
        except KeyError:
            raise _unknown(value, wanted) from None
    if not isinstance(value, Mapping):
        return value, ""
    name = _by_name(value, wanted)
    return value[name], _index(name)


def refuse_key(wanted: Wanted) -> None:
    """Raise InputError if a key was given for a file that has none."""
    if wanted.key:
        raise InputError(
            f"{wanted.place}: the file holds one array, which has no key",
            wanted.instead(shlex.quote(wanted.path)),
        )


def _by_name(value: Mapping[Any, Any], wanted: Wanted) -> Any:
    for name in wanted.names:
        if name in value:
            return name
    if len(value) == 1:
        return next(iter(value))
    meant = " or ".join(wanted.names) or "one of them"
    message = f"{wanted.place}: holds {_listed(value)}, not {meant}"
    known = list(_keys(value))
    likely = [key for name in wanted.names for key in nearest(name, known)]
    likely += [key for key in known if OFTEN.get(key.rpartition(".")[2].lower()) in wanted.names]
    raise InputError(message, _fix(wanted, likely))  # any other would be a guess


def _unknown(value: Any, wanted: Wanted) -> InputError:
    if not isinstance(value, Mapping):
        message = f"{wanted.place}: the file holds no names, and so no {wanted.key[:60]!r}"
        return InputError(message, wanted.instead(shlex.quote(wanted.path)))
    known = list(_keys(value))
    message = f"{wanted.place}: there is no {wanted.key[:60]!r}; it holds {_listed(value)}"
    return InputError(message, _fix(wanted, nearest(wanted.key, known) or known))


def _fix(wanted: Wanted, known: list[str]) -> str | None:
    if not wanted.path or not known:
        return None
    return wanted.instead(shlex.quote(f"{wanted.path}:{known[0]}"))


def _listed(value: Mapping[Any, Any]) -> str:
    return cut(", ".join(_keys(value)), 200) or "nothing"


def _keys(value: Mapping[Any, Any]) -> Iterator[str]:
    return islice(_leaves(value, DEEPEST), LISTED)


def _leaves(value: Mapping[Any, Any], levels: int) -> Iterator[str]:
    """The keys of what is no mapping itself, as `_found` takes them."""
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner and levels > 1:
            yield from (f"{key}.{rest}" for rest in _leaves(inner, levels - 1))
        else:
            yield str(key)


def _found(value: Any, key: str, levels: int = DEEPEST) -> tuple[Any, str]:
    """By the key itself, which may have dots, or level by level. Raises KeyError."""
    if levels and isinstance(value, Mapping):
        named = {str(name): name for name in value}
        if key in named:
            return value[named[key]], _index(named[key])
        for text, name in named.items():
            if key.startswith(f"{text}."):
                try:
                    inner, code = _found(value[name], key[len(text) + 1 :], levels - 1)
                except KeyError:
                    continue
                return inner, _index(name) + code
    if levels and isinstance(value, list | tuple):
        place, _, rest = key.partition(".")
        if place.isascii() and place.isdigit() and len(place) < 10 and int(place) < len(value):
            inner = value[int(place)]
            inner, code = _found(inner, rest, levels - 1) if rest else (inner, "")
            return inner, f"[{int(place)}]{code}"
    raise KeyError(key)


def _index(name: Any) -> str:
    return f"[{quoted(name) if isinstance(name, str) else repr(name)}]"
