"""`initlab entropy`: what one distribution holds, and how far it is from another."""

import json
import math
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from initlab.cli import output
from initlab.errors import InputError

SLACK = 1e-3  # of a sum: probabilities are often typed with three decimals

P = Annotated[
    str,
    typer.Option("--p", metavar="NUMBERS", help="0.9,0.05,0.05, a JSON or CSV file, or -."),
]
Q = Annotated[
    str,
    typer.Option("--q", metavar="NUMBERS", help="Another, to compare with P.", show_default=False),
]
Unit = Annotated[Literal["nats", "bits"], typer.Option(help="Natural logarithms, or base 2.")]
Normalise = Annotated[
    bool, typer.Option("--normalise", help="Divide by the sum, which makes counts probabilities.")
]
FormatOption = Annotated[
    output.Format | None,
    typer.Option("--format", help="table on a terminal and csv in a pipe by default."),
]


def entropy(
    p: P,
    q: Q = "",
    unit: Unit = "nats",
    normalise: Normalise = False,
    format_: FormatOption = None,
) -> None:
    """Self-information, entropy, cross-entropy, KL and Jensen-Shannon divergence.

    Examples:
    initlab entropy --p 0.9,0.05,0.05 --q 0.5,0.3,0.2

    initlab entropy --p 0.5,0.5 --unit bits

    cut -f1 counts.tsv | initlab entropy --p - --normalise --format json
    """
    from initlab.losslab.information import measures, self_information

    if p.strip() == "-" == q.strip():
        raise InputError("--p and --q cannot both come from standard input", "use a file for one")
    first = _distribution(p, "--p", normalise=normalise)
    second = _distribution(q, "--q", normalise=normalise) if q else None
    if second is not None and len(first) != len(second):
        raise InputError(
            f"--q has {len(second)} outcomes, --p has {len(first)}; both need the same outcomes"
        )
    base = math.log(2) if unit == "bits" else 1.0
    log = "log2" if unit == "bits" else "log"
    header = ("quantity", "outcome", "value", "unit", "formula")
    rows: list[tuple[object, ...]] = []
    for name, values in (("p", first), ("q", second or ())):
        for outcome, value in enumerate(values):
            surprise = self_information(value) / base
            rows.append((f"-{log} {name}", outcome, surprise, unit, f"-{log} {value:.6g}"))
    rows += [
        (name, None, value / base, unit, formula.replace("log", log))
        for name, formula, value in measures(first, second)
    ]
    if second is not None:
        _warn(first, second)
    output.records(header, rows, format_)


def _warn(p: list[float], q: list[float]) -> None:
    """Say which outcome makes a divergence infinite."""
    for name, one, other in (("KL(P||Q)", p, q), ("KL(Q||P)", q, p)):
        lost = [i for i, (x, y) in enumerate(zip(one, other, strict=True)) if x > 0 == y]
        if lost:
            output.words(
                f"{name} is infinite: outcome {lost[0]} is possible in one, not in the other"
            )


def _distribution(text: str, where: str, *, normalise: bool) -> list[float]:
    """Probabilities from an argument, a file or standard input."""
    values = _numbers(_source(text.strip(), where), where)
    if not values:
        raise InputError(f"{where}: holds no numbers", f"{where} 0.5,0.5")
    bad = [i for i, value in enumerate(values) if not math.isfinite(value) or value < 0]
    if bad:
        shown = f"{len(bad)} of {len(values)} values, the first {values[bad[0]]:g} (index {bad[0]})"
        raise InputError(f"{where}: negative or not finite: {shown}; probabilities are 0 to 1")
    total = math.fsum(values)
    if normalise:
        if total == 0 or not math.isfinite(total):
            raise InputError(f"{where}: sums to {total:g}, which cannot be divided by")
        if total != 1:
            output.words(f"{where}: divided by its sum, {total:g}")
        return [value / total for value in values]
    if abs(total - 1) > SLACK:
        raise InputError(
            f"{where}: {len(values)} values sum to {total:.6g}; probabilities sum to 1",
            f"{where} {text} --normalise divides by the sum",
        )
    if abs(total - 1) > 1e-9:
        output.words(f"{where}: sums to {total:.9g}, taken as it is; --normalise divides by it")
    return values


def _source(text: str, where: str) -> str:
    if text == "-":
        return sys.stdin.read()
    if not text or text[:1] == "[" or _plain(text):
        return text
    try:
        return Path(text).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise InputError(
            f"{where}: {text!r} is no list of numbers, and as a file: {reason}"
        ) from None


def _plain(text: str) -> bool:
    try:
        return bool([float(item) for item in text.split(",")])
    except ValueError:
        return False


def _numbers(text: str, where: str) -> list[float]:
    """Numbers of a JSON list, or separated by commas, blanks or lines."""
    try:
        items = json.loads(text) if text.lstrip()[:1] == "[" else text.replace(",", " ").split()
        return [float(item) for item in items]
    except (ValueError, TypeError, RecursionError):
        raise InputError(f"{where}: is no list of numbers: {text.strip()[:60]!r}") from None
