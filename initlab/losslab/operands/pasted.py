"""Arrays as Python prints them: tensor([[0.2]], device='cuda:0'), array([1.]), [1. 2.], (1, 2).

Nothing is evaluated: brackets, numbers and words are told apart, everything else is refused.
"""

import json
import re
from contextlib import suppress
from typing import Any

from initlab.errors import InputError
from initlab.losslab.operands.limits import check_values
from initlab.losslab.operands.text import loose_json, strict_json

DEEPEST = 64  # levels of brackets
WRAPPER = re.compile(
    r"(?:Parameter containing:\s*)?(?:[A-Za-z]\w*\.)*(?:tensor|Tensor|array|asarray|Array)\s*\(\s*"
)
#: np.float64(0.5) and tensor(0.5), as lists print them
SCALAR = re.compile(
    r"\b(?:(?:torch\.)?tensor|(?:np|numpy)\.(?:u?int|float|bool)\d*_?)\(([^()\[\],<=]*)\)"
)
TOKEN = re.compile(r"""\s+|[\[\](),]|"[^"\\]*"|'[^'\\]*'|[^\s\[\](),'"]+""")
VALUE = re.compile(r"""[^\s\[\](),]+""")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
WORDS = {"true": True, "false": False}
NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
#: device='cuda:0', grad_fn=<MulBackward0>, dtype=torch.float64, size=(0, 3)
KEYWORD = re.compile(r""",?\s*(\w+)\s*=\s*(<[^>]*>|'[^']*'|"[^"]*"|\([^()]*\)|[\w.]+)\s*""")
CLOSING = {"[": "]", "(": ")"}


def starts(text: str) -> bool:
    """Whether a text begins as an array that was printed, or as JSON."""
    return text[:1] in ("[", "{", "(") or WRAPPER.match(text) is not None


def parsed(text: str, where: str, most: int) -> tuple[Any, str, bool]:
    """JSON, or else an array as Python prints it: the value, the dtype beside it, whether `json`
    reads it, too.

    Raises:
        TooLarge: it takes more than `most` bytes as float64.
        InputError: it is neither, is nested too deep, or has a key twice in one object.
    """
    if text[:1] in ("[", "{"):
        with suppress(json.JSONDecodeError):
            return strict_json(text, where, most), "", True
        try:
            return loose_json(text, where, most), "", False
        except json.JSONDecodeError as error:
            if text[0] == "{":
                place = f"line {error.lineno}, column {error.colno}"
                raise InputError(f"{where}: is no JSON: {error.msg} ({place})") from None
    return *pasted(text, where, most), False


def pasted(text: str, where: str, most: int) -> tuple[Any, str]:
    """Nested lists, and the dtype that stands beside them, if one does.

    Commas stand between values, or, as numpy prints, blanks alone; not both in one text.

    Raises:
        TooLarge: they take more than `most` bytes as float64.
        InputError: something else stands there, or "..." for what was not printed.
    """
    text = SCALAR.sub(r"\1", text)
    wrapper = WRAPPER.match(text)
    begin = wrapper.end() if wrapper else 0
    check_values(sum(1 for _ in VALUE.finditer(text, begin, _end(text, begin))), where, most)
    value, end = _value(text, begin, where)
    if wrapper is None:
        if text[end:].strip():
            raise _unexpected(text, end, where)
        return value, ""
    options, end = _keywords(text, end)
    if text[end:].strip() != ")":
        raise _unexpected(text, end, where)
    if options.get("layout", "torch.strided") != "torch.strided":
        raise InputError(f"{where}: a tensor of layout {options['layout']} cannot be pasted")
    _check_size(value, options, where)
    return value, options.get("dtype", "").strip("'\"")


def _value(text: str, begin: int, where: str) -> tuple[Any, int]:
    """The number or lists that begin there, and where they end."""
    commas = "," in text[begin : _end(text, begin)]
    levels: list[tuple[str, list[Any], bool]] = []  # bracket, entries, whether it had a comma
    ready = True  # for a value; after one stands a comma, or a blank where there are none
    for token in TOKEN.finditer(text, begin):
        piece, at = token[0], token.start()
        if piece.isspace():
            ready = ready or not commas
            continue
        if piece in CLOSING and ready:
            levels.append((piece, [], False))
            if len(levels) > DEEPEST:
                raise InputError(f"{where}: is nested too deep to be read")
            continue
        if piece == "," and levels and not ready:
            levels[-1] = (*levels[-1][:2], True)
            ready = True
            continue
        if piece in "])" and levels and piece == CLOSING[levels[-1][0]]:
            bracket, entries, comma = levels.pop()
            lone = bracket == "(" and len(entries) == 1 and not comma
            value: Any = entries[0] if lone else entries
        elif ready and piece not in ("]", ")", ","):
            value = _entry(piece, text, at, where)
        else:
            raise _unexpected(text, at, where)
        if not levels:
            return value, token.end()
        levels[-1][1].append(value)
        ready = False
    raise _unexpected(text, len(text), where)


def _end(text: str, begin: int) -> int:
    """Where the keywords of a wrapper begin, whose commas are not between values."""
    keyword = re.search(r",\s*\w+\s*=", text[begin:])
    return begin + keyword.start() if keyword else len(text)


def _entry(piece: str, text: str, at: int, where: str) -> Any:
    if piece == "...":
        option = " ".join(where.split(" ")[: 2 if where.startswith("--option ") else 1])
        then = f", then {option}{'=' if ' ' in option else ' '}x.pt" if option[0] == "-" else ""
        fix = f'torch.save(x, "x.pt"){then}'
        raise InputError(f'{where}: "..." stands for values that were not printed', fix)
    if piece[0] in "'\"" and piece[-1] == piece[0] and len(piece) > 1:
        return piece[1:-1]
    if piece.lower() in WORDS:
        return WORDS[piece.lower()]
    if NOT_FINITE.fullmatch(piece):
        return float(piece)
    if not NUMBER.fullmatch(piece):
        raise _unexpected(text, at, where)
    try:
        return int(piece) if piece.lstrip("+-").isdigit() else float(piece)
    except ValueError:
        raise InputError(f"{where}: has an integer of too many digits") from None


def _keywords(text: str, at: int) -> tuple[dict[str, str], int]:
    options = {}
    while found := KEYWORD.match(text, at):
        options[found[1]], at = found[2], found.end()
    comma = re.compile(r"\s*,?\s*").match(text, at)
    return options, comma.end() if comma else at


def _check_size(value: Any, options: dict[str, str], where: str) -> None:
    """Refuse a printed size that lists do not have: tensor([], size=(0, 3))."""
    size = options.get("size", options.get("shape", ""))
    if size.strip("(), ") not in ("", "0") and value == []:
        raise InputError(f"{where}: {size} is the shape of an empty array, which cannot be pasted")


def _unexpected(text: str, at: int, where: str) -> InputError:
    line = text.count("\n", 0, at) + 1
    place = f"line {line}, column {at - text.rfind(chr(10), 0, at)}"
    found = VALUE.match(text, at) or re.compile(".").match(text, at)
    what = f"unexpected {found[0][:40]!r}" if found else "it ends too early"
    return InputError(f"{where}: is no JSON and no array as Python prints it: {what} ({place})")
