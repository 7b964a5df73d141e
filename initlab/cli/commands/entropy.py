"""`initlab entropy`: what one distribution holds, and how far it is from another."""

from typing import Annotated, Literal

import typer

from initlab.cli import output
from initlab.cli.arguments import MaxMib
from initlab.cli.distributions import RANGE, distribution, points
from initlab.errors import InputError
from initlab.losslab.operands.limits import MOST_MIB
from initlab.userfiles import MIB

CURVE = ("p", "self_information", "entropy", "unit")
HEADER = ("quantity", "outcome", "value", "unit", "formula")

P = Annotated[
    str,
    typer.Option(
        "--p", metavar="NUMBERS", show_default=False,
        help="0.9,0.05,0.05, a JSON list, a JSON, CSV or NPY file, or - for standard input;"
        " 0:1:19 (FROM:TO:N) for the curve of two outcomes.",
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

    initlab entropy --p 0:1:19 --format csv > curve.csv

    cat counts.txt | initlab entropy --p - --normalise --format json
    """
    from initlab.losslab.information import measures, two_outcomes

    if RANGE.fullmatch(p.strip()):
        other = "--q" if q is not None else "--normalise" if normalise else ""
        if other:
            raise InputError(f"{other}: --p {p} is a range, of a curve", f"leave {other} out")
        rows = [(x, *two_outcomes(x, unit), unit) for x in points(p.strip(), "--p")]
        output.records(CURVE, rows, format_)
        return
    if q is not None and p.strip() == "-" == q.strip():
        raise InputError("--p and --q cannot both come from standard input", "--q FILE")
    most = max_mib * MIB
    first = distribution(p, "--p", most, normalise=normalise)
    second = None if q is None else distribution(q, "--q", most, normalise=normalise)
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
