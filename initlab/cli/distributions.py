"""A distribution from an argument, a file or standard input; or a range of probabilities."""

import math
import re

from initlab.catalog.values import NotEvaluated, to_float, to_number
from initlab.cli import output
from initlab.cli.arguments import span
from initlab.errors import InputError
from initlab.losslab.operands.limits import OPTION, check_values, in_memory
from initlab.userfiles import read_file, read_stdin

#: how far from 1 a sum may lie: what float32 rounding leaves. Of typed decimals that miss by more
#: (.333,.333,.333) laws would fail, H <= ln n among them; so they are refused, not rescaled unasked
SLACK = 1e-6
NPY = b"\x93NUMPY"
LIKE_THIS = "one flat list of numbers, such as 0.9,0.05,0.05"
#: what is meant as FROM:TO:HOW_MANY, right or wrong: a number before a colon, and no path
RANGE = re.compile(r"(?=[-+.\d:])[-+.\deE]*:[^/\\,]*")
A_RANGE = "0:1:19"


def points(text: str, where: str) -> list[float]:
    """Evenly spaced probabilities of "0:1:19".

    Raises:
        InputError: it is no range, or of what is no probability.
    """
    example = f"{where} {A_RANGE}"

    def probability(number: str) -> float:
        try:
            value = to_float(number) + 0.0  # no -0
        except ValueError:
            raise InputError(f"{where} {text}: needs a number, got {number!r}", example) from None
        if not 0 <= value <= 1:
            raise InputError(f"{where} {text}: probabilities are 0 to 1, not {number}", example)
        return value

    return span(text, where, probability, example, single=False)


def distribution(text: str, where: str, most: int, *, normalise: bool) -> list[float]:
    """Probabilities from an argument, a file or standard input, of `most` bytes at most."""
    with in_memory(where):
        values = [value + 0.0 for value in _read(text.strip(), where, most)]  # + 0.0: no -0
    if not values:
        raise InputError(f"{where}: holds no numbers", LIKE_THIS)
    _refuse(values, [not math.isfinite(v) for v in values], where, "not finite")
    _refuse(values, [v < 0 for v in values], where, "negative")
    try:
        total = math.fsum(values)
    except OverflowError:
        total = math.inf
    _refuse_sum(values, total, where, normalise=normalise)
    if normalise:
        if total != 1:
            output.note(f"{where}: divided by its sum, {total!r}")
        return [value / total for value in values]
    _refuse(values, [v > 1 for v in values], where, "above 1")
    return values


def _refuse_sum(values: list[float], total: float, where: str, *, normalise: bool) -> None:
    """Raise InputError for a sum that is not 1, or of which --normalise could not make 1."""
    if not normalise and abs(total - 1) <= SLACK:
        return
    single = len(values) == 1
    says = "1 value is" if single else f"{len(values)} values sum to"
    if not normalise and single and total < 1:
        p = values[0]
        raise InputError(
            f"{where}: {says} {p:.9g}, one event of two; probabilities sum to 1",
            f"{where} {p!r},{1 - p:.12g}",
        )
    if not 0 < total < math.inf:
        raise InputError(
            f"{where}: {says} {total:g}; probabilities sum to 1, and these cannot be normalised",
            LIKE_THIS,
        )
    if not normalise:
        raise InputError(
            f"{where}: {says} {total:.9g}; probabilities sum to 1",
            "--normalise, which divides by the sum" if not single else LIKE_THIS,
        )


def _refuse(values: list[float], bad: list[bool], where: str, what: str) -> None:
    if any(bad):
        first = bad.index(True)
        verb = "is" if sum(bad) == 1 else "are"
        raise InputError(
            f"{where}: {sum(bad)} of {len(values)} values {verb} {what}, the first"
            f" {values[first]:.9g} (index {first}); probabilities are 0 to 1",
            LIKE_THIS,
        )


# reading -----------------------------------------------------------------------------------------
# as losslab/operands/reading.py does, which loads torch; here a distribution is all there can be


def _read(text: str, where: str, most: int) -> list[float]:
    if text == "-":
        return _decode(read_stdin(most, where=where, option=OPTION), where, most)
    try:
        return _parse(text, where, most)
    except InputError as error:
        try:
            content = read_file(text, most, where=f"{where} {text[:60]!r}", option=OPTION)
        except OSError as missing:
            if "," in text:
                raise error from None
            raise InputError(
                f"{where}: {text[:60]!r} is no list of numbers, and as a file: {missing.strerror}",
                LIKE_THIS,
            ) from None
        return _decode(content, f"{where} {text}", most)


def _decode(content: bytes, where: str, most: int) -> list[float]:
    """Numbers of a file, which its first bytes tell; none of them can run code."""
    if content.startswith(NPY):
        return _array(content, where, most)
    try:
        return _parse(content.decode("utf-8-sig").strip(), where, most)
    except UnicodeDecodeError:
        raise InputError(f"{where}: is neither JSON, CSV nor NPY", LIKE_THIS) from None


def _array(content: bytes, where: str, most: int) -> list[float]:
    import numpy as np

    from initlab.losslab.operands.arrays import npy

    try:
        array = npy(content, where, most)
    except InputError:
        raise
    except Exception as error:  # a broken file breaks its reader in many ways
        raise InputError(f"{where}: cannot be read as NPY: {str(error)[:200]}") from None
    if array.dtype.kind not in "iuf" or array.size != max(array.shape, default=0):
        raise InputError(f"{where}: holds {array.dtype} of shape {array.shape}", LIKE_THIS)
    numbers: list[float] = array.astype(np.float64).ravel().tolist()
    return numbers


def _parse(text: str, where: str, most: int) -> list[float]:
    """Numbers of a JSON list, or of one row or column of CSV; blanks separate, too."""
    if 4 * len(text) > most:  # a number has a digit and a separator at least; lists take more
        found = text.count(",") or sum(1 for _ in re.finditer(r"\S+", text))
        check_values(found, where, most)
    listed = text[:1] == "[" and text[-1:] == "]"
    lines = [" ".join(text[1:-1].split())] if listed else text.splitlines()
    rows = [line.split(",") if "," in line else line.split() for line in lines if line.strip()]
    if len(rows) > 1 and max(map(len, rows)) > 1:
        raise InputError(
            f"{where}: has {len(rows)} rows of up to {max(map(len, rows))} numbers", LIKE_THIS
        )
    cells = [cell.strip() for row in rows for cell in row]
    numbers = []
    for index, cell in enumerate(cells):
        try:
            numbers.append(to_number(cell))
        except NotEvaluated as error:
            raise InputError(
                f"{where}: {cell[:60]} (index {index} of {len(cells)}): {error}", LIKE_THIS
            ) from None
        except ValueError:
            header = "; is it a header? remove it" if index == 0 and len(rows) > 1 else ""
            raise InputError(
                f"{where}: {cell[:60]!r} (index {index} of {len(cells)}) is no number{header}",
                LIKE_THIS,
            ) from None
    return numbers
