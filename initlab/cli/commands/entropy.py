"""`initlab entropy`: what one distribution holds, and how far it is from another."""

import math
import re
from typing import Annotated, Literal

import typer

from initlab.catalog.values import to_float
from initlab.cli import output
from initlab.cli.arguments import MaxMib
from initlab.errors import InputError
from initlab.losslab.operands.limits import MOST_MIB, OPTION, check_values, in_memory
from initlab.userfiles import MIB, read_file, read_stdin

HEADER = ("quantity", "outcome", "value", "unit", "formula")
#: how far from 1 a sum may lie: what float32 rounding leaves. Of typed decimals that miss by more
#: (.333,.333,.333) laws would fail, H <= ln n among them; so they are refused, not rescaled unasked
SLACK = 1e-6
NPY = b"\x93NUMPY"
LIKE_THIS = "one flat list of numbers, such as 0.9,0.05,0.05"

P = Annotated[
    str,
    typer.Option(
        "--p", metavar="NUMBERS", show_default=False,
        help="0.9,0.05,0.05, a JSON list, a JSON, CSV or NPY file, or - for standard input.",
    ),
]  # fmt: skip
Q = Annotated[
    str | None,
    typer.Option("--q", metavar="NUMBERS", help="Another, to compare with P.", show_default=False),
]
Unit = Annotated[Literal["nats", "bits"], typer.Option(help="Of logarithms: ln, or log2.")]
Normalise = Annotated[
    bool, typer.Option("--normalise", help="Divide by the sum; makes counts probabilities.")
]


def entropy(
    p: P,
    q: Q = None,
    unit: Unit = "nats",
    normalise: Normalise = False,
    max_mib: MaxMib = MOST_MIB,
    format_: output.FormatOption = None,
) -> None:
    """Self-information, entropy, cross-entropy, KL and Jensen-Shannon divergence.

    P is what is true, Q what a model says. Books write log for ln and for log2:
    nats, as torch has them, are the default; 1 nat = 1.4427 bits.

    Examples:
    initlab entropy --p 0.9,0.05,0.05 --q 0.5,0.3,0.2

    initlab entropy --p 0.5,0.5 --unit bits

    cat counts.txt | initlab entropy --p - --normalise --format json
    """
    from initlab.losslab.information import measures

    if q is not None and p.strip() == "-" == q.strip():
        raise InputError("--p and --q cannot both come from standard input", "--q FILE")
    most = max_mib * MIB
    first = _distribution(p, "--p", most, normalise=normalise)
    second = None if q is None else _distribution(q, "--q", most, normalise=normalise)
    if second is not None:
        if len(first) != len(second):
            raise InputError(
                f"--q: has {len(second)} numbers, --p has {len(first)}; both need one for every"
                f" outcome, and index {min(len(first), len(second))} is in one only",
                f"--q with {len(first)} numbers, 0 for what cannot be",
            )
        _warn(first, second)
    output.records(HEADER, measures(first, second, unit), format_)


def _warn(p: list[float], q: list[float]) -> None:
    """Say which outcome makes a divergence infinite."""
    from initlab.losslab.information import unreachable

    cases = (("KL(P||Q) and the cross-entropy are", p, q), ("KL(Q||P) is", q, p))
    for what, one, two in cases:
        if lost := unreachable(one, two):
            output.note(
                f"{what} infinite: outcome {lost[0]} has p = {p[lost[0]]:g} and q = {q[lost[0]]:g}"
                f" ({len(lost)} of {len(p)} outcomes)"
            )


def _distribution(text: str, where: str, most: int, *, normalise: bool) -> list[float]:
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
            numbers.append(to_float(cell))
        except ValueError:
            header = "; is it a header? remove it" if index == 0 and len(rows) > 1 else ""
            raise InputError(
                f"{where}: {cell[:60]!r} (index {index} of {len(cells)}) is no number{header}",
                LIKE_THIS,
            ) from None
    return numbers
