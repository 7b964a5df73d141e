"""Numbers as people type them: 5/3, sqrt(2), 2**0.5, -1/2, 1e-3*2. A parser; nothing is executed.

    sum     = product (("+" | "-") product)*
    product = sign (("*" | "/") sign)*
    sign    = ("+" | "-")* power
    power   = atom ("**" sign)?          binds to the right and before a sign: -2**2 is -4
    atom    = number | constant | function "(" sum ")" | "(" sum ")"

Whole numbers stay exact up to 64 bits and are floats beyond, so that no power takes long.
"""

import math
import re
from collections.abc import Callable, Mapping

from initlab.errors import nearest

Number = int | float

LONGEST = 100  # characters
DEEPEST = 20  # brackets and powers within each other
LARGEST_WHOLE = 2**64  # larger whole numbers are floats
MOST_BITS = 256  # of a power that is taken exactly

FUNCTIONS: Mapping[str, Callable[[Number], Number]] = {
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
}
CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}

_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_PLAIN = re.compile(rf"[-+]?{_NUMBER}", re.ASCII)
_TOKEN = re.compile(rf"({_NUMBER})|([A-Za-z_]\w*)|(\*\*|//|[-+*/()^%])", re.ASCII)
_WORDS = "|".join((*FUNCTIONS, *CONSTANTS))
#: what an expression begins with: a number, a sign, a bracket, a word of ours or a call
_BEGINS = re.compile(rf"[-+(]*\s*([.0-9(]|[A-Za-z_]\w*\s*\(|({_WORDS})\b)", re.ASCII)
_INSTEAD = {"^": "** is the power", "//": "/ divides", "%": "there is no remainder"}

#: for JSON Schema: nearly what `is_expression` takes; each letter can be read in one way only
PATTERN = (
    rf"^(?!\s*[-+]?{_NUMBER}\s*$)(?=.*[-+*/(]|\s*(?:{'|'.join(CONSTANTS)})\s*$)"
    r"(?=.*(?:[0-9]|pi|e))(?:[-+*/(). 0-9]|E|e(?!xp)|exp|sqrt|log|pi)+$"
)


def is_expression(text: str) -> bool:
    """Whether a text is meant as arithmetic, right or wrong: no plain number, no word."""
    text = text.strip()
    if _PLAIN.fullmatch(text) or not _BEGINS.match(text):
        return False
    # "3 4" and "1a" are no expressions: nothing is done with the numbers
    return bool(re.search(r"[-+*/(^%]", text) or re.match(rf"({_WORDS})\b", text))


def evaluate(text: str) -> Number:
    """The number that an expression is: 5/3, sqrt(2), 2**0.5, pi.

    Returns:
        An int where only whole numbers were added, multiplied and raised to whole powers.

    Raises:
        ValueError: it cannot be read, or its value is no finite real number; says why.
    """
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    return _Parser(text).all()


class _Parser:
    """Reads tokens from left to right, one function for each line of the grammar above."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.at = self.depth = 0
        rest = text.strip()
        while rest:
            found = _TOKEN.match(rest)
            if found is None:
                raise ValueError(f"{rest[0]!r} is no part of a number")
            if found[0] in _INSTEAD:
                raise ValueError(f"{found[0]!r} is not known; {_INSTEAD[found[0]]}")
            self.tokens.append(found[0])
            rest = rest[found.end() :].lstrip()

    def all(self) -> Number:
        """The value of all of the text."""
        value = self._sum()
        if self._next():
            raise ValueError(f"{self._next()!r} is not expected there")
        return value

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self, *wanted: str) -> str:
        """The next token, if it is one of these."""
        token = self._next()
        if token not in wanted:
            return ""
        self.at += 1
        return token

    def _sum(self) -> Number:
        value = self._product()
        while sign := self._take("+", "-"):
            other = self._product()
            value = _finite(value + other if sign == "+" else value - other)
        return value

    def _product(self) -> Number:
        value = self._sign()
        while sign := self._take("*", "/"):
            other = self._sign()
            if sign == "/" and not other:
                raise ValueError("it divides by zero")
            value = _finite(value * other if sign == "*" else value / other)
        return value

    def _sign(self) -> Number:
        negative = False
        while sign := self._take("+", "-"):
            negative ^= sign == "-"
        value = self._power()
        return -value if negative else value

    def _power(self) -> Number:
        value = self._atom()
        return _power(value, self._deeper(self._sign)) if self._take("**") else value

    def _atom(self) -> Number:
        if self._take("("):
            return self._bracket()
        token = self._next()
        self.at += 1
        if token in CONSTANTS:
            return CONSTANTS[token]
        if token[:1].isdigit() or token[:1] == ".":
            return _literal(token)
        if token[:1].isalpha() or token[:1] == "_":
            return self._call(token)
        raise ValueError(f"a number is needed before {token!r}" if token else "it ends too early")

    def _call(self, name: str) -> Number:
        known = [*FUNCTIONS, *CONSTANTS]
        if name not in FUNCTIONS:
            close = nearest(name, known)
            hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"
            raise ValueError(f"{name!r} is not known; {hint}")
        if not self._take("("):
            raise ValueError(f"{name} needs its argument in brackets: {name}(2)")
        argument = self._bracket()
        try:
            return _finite(FUNCTIONS[name](argument))
        except OverflowError:
            raise ValueError(f"{name}({argument:g}) is beyond float64") from None
        except ValueError:
            raise ValueError(f"{name}({argument:g}) is no finite real number") from None

    def _bracket(self) -> Number:
        value = self._deeper(self._sum)
        if not self._take(")"):
            raise ValueError("a bracket is not closed")
        return value

    def _deeper(self, rule: Callable[[], Number]) -> Number:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError(f"more than {DEEPEST} brackets or powers within each other")
        value = rule()
        self.depth -= 1
        return value


def _literal(token: str) -> Number:
    return _finite(int(token) if token.isdigit() else float(token))


def _power(base: Number, exponent: Number) -> Number:
    whole = isinstance(base, int) and isinstance(exponent, int)
    # |base|^exponent has at most so many bits
    if whole and exponent >= 0 and int(base).bit_length() * exponent <= MOST_BITS:
        return _finite(int(base) ** int(exponent))
    if not base and exponent < 0:
        raise ValueError("it divides by zero")
    try:
        return _finite(math.pow(base, exponent))
    except OverflowError:
        raise ValueError(f"{base:g}**{exponent:g} is beyond float64") from None
    except ValueError:  # of a negative base
        raise ValueError(f"({base:g})**{exponent:g} is no real number") from None


def _finite(value: Number) -> Number:
    """The value, as a float where it is large; OverflowErrors of int to float do not arise."""
    if isinstance(value, int) and abs(value) < LARGEST_WHOLE:
        return value
    number = float(value) if abs(value) < 2**1023 else math.inf
    number = value if isinstance(value, float) else number
    if not math.isfinite(number):
        raise ValueError("it is beyond float64")
    return number
