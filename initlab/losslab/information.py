"""Information theory behind cross-entropy: of one distribution, and of two over the same outcomes.

A distribution is its probabilities, which sum to 1. "log" in books is log2 (bits; Shannon 1948) or
ln (nats; torch and deep learning): 1 nat = 1/ln 2 = 1.4427 bits. Here it is ln unless a function
takes another. 0 log 0 = 0 throughout. Needs neither torch nor numpy.

    Shannon 1948, A mathematical theory of communication
    Kullback & Leibler 1951, On information and sufficiency
    Lin 1991, Divergence measures based on the Shannon entropy
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

Unit = Literal["nats", "bits"]
Log = Callable[[float], float]

LN2 = math.log(2)
#: of a unit: its logarithm, what that is called, its base, and how many nats it is
UNITS: dict[str, tuple[Log, str, str, float]] = {
    "nats": (math.log, "ln", "e", 1.0),
    "bits": (math.log2, "log2", "2", LN2),
}
#: of 1/3 + y/5 + y^2/7 + ..., which at y = 1/9, the largest that is used, leaves less than 1e-17
ATANH = [1 / (2 * k + 3) for k in range(17)]


def self_information(p: float, log: Log = math.log) -> float:
    """-log p: the surprise at an outcome; infinite for p = 0 (Shannon 1948)."""
    return math.inf if p == 0 else -log(p) + 0.0  # + 0.0: of p = 1 it is 0, not -0


def entropy(p: Sequence[float], log: Log = math.log) -> float:
    """H(P) = -sum p log p, the expected surprise (Shannon 1948).

    From 0, where one outcome is certain, to log n, of the uniform distribution: of two outcomes
    ln 2 = 0.6931, the loss of a model that knows nothing.
    """
    return math.fsum(x * self_information(x, log) for x in p if x > 0)


def cross_entropy(p: Sequence[float], q: Sequence[float], log: Log = math.log) -> float:
    """H(P, Q) = -sum p log q = H(P) + KL(P||Q); infinite where q = 0 < p."""
    return math.fsum(x * self_information(y, log) for x, y in zip(p, q, strict=True) if x > 0)


def kl(p: Sequence[float], q: Sequence[float]) -> float:
    """KL(P||Q) = sum p ln(p/q) in nats (Kullback & Leibler 1951); infinite where q = 0 < p.

    Summed as p ln(p/q) - p + q. What is added sums to 0, and no term is negative: so nearly equal
    distributions keep their digits, and rounded sums of P and Q cannot make it negative.
    """
    return math.fsum(_term(x, y, y - x) for x, y in zip(p, q, strict=True))


def js(p: Sequence[float], q: Sequence[float]) -> float:
    """JS = (KL(P||M) + KL(Q||M))/2, M = (P + Q)/2, in nats (Lin 1991).

    Symmetric, and at most ln 2, of distributions without a common outcome. Its square root is the
    Jensen-Shannon distance.
    """
    # all doubled, P + Q for M: halving the smallest floats would make them 0
    pairs = list(zip(p, q, strict=True))
    terms = [_term(2 * x, x + y, y - x) for x, y in pairs]
    terms += [_term(2 * y, x + y, x - y) for x, y in pairs]
    return min(math.fsum(terms) / 4, LN2)  # rounding may end just above


def _term(p: float, q: float, gap: float) -> float:
    """One term p ln(p/q) - p + q. `gap` is q - p, exact where the two are near."""
    if p == 0:
        return q
    if q == 0:
        return math.inf
    if abs(gap) < p / 2:
        return p * _d_minus_log1p(gap / p)
    ratio = p / q
    representable = 1e-300 < ratio < math.inf
    return p * (math.log(ratio) if representable else math.log(p) - math.log(q)) + gap


def _d_minus_log1p(d: float) -> float:
    """What d - ln(1 + d) is for |d| <= 1/2: about d^2/2, which the subtraction would lose.

    With s = d/(2 + d), ln(1 + d) = 2 atanh s = 2s + 2s^3 (1/3 + s^2/5 + ...), and d - 2s = d s.
    """
    s = d / (2 + d)
    series = 0.0
    for coefficient in reversed(ATANH):
        series = series * s * s + coefficient
    return d * s - 2 * s**3 * series


def two_outcomes(p: float, unit: Unit = "nats") -> tuple[float, float]:
    """(self-information of the first outcome, entropy) of two outcomes, of p and 1 - p.

    The entropy is 0 at both ends, and largest at 1/2: ln 2, or 1 bit.
    """
    log, *_ = UNITS[unit]
    return self_information(p, log), entropy([p, 1 - p], log)


def unreachable(p: Sequence[float], q: Sequence[float]) -> list[int]:
    """Outcomes that P has and Q excludes (q = 0 < p), each of which makes KL(P||Q) infinite."""
    return [i for i, (x, y) in enumerate(zip(p, q, strict=True)) if x > 0 and y == 0]


Row = tuple[str, int | None, float, str, str]


def measures(p: Sequence[float], q: Sequence[float] | None, unit: Unit = "nats") -> list[Row]:
    """(quantity, outcome or None, value, unit, formula) of all that one or two distributions have.

    Quantities are named alike in either unit; the formula says which logarithm is meant.
    """
    log, word, base, nats = UNITS[unit]
    rows = _surprises("P", p, unit)
    rows += _surprises("Q", q, unit) if q is not None else []
    rows += [
        ("entropy P", None, entropy(p, log), unit, f"H(P) = -sum p {word} p"),
        ("largest entropy", None, log(len(p)), unit, f"{word} {len(p)}, of equal probabilities"),
        ("perplexity P", None, math.exp(entropy(p)), "outcomes", f"{base}^H(P)"),
    ]
    if q is None:
        return rows
    cross = f"H(P, Q) = -sum p {word} q = H(P) + KL(P||Q)"
    return [
        *rows,
        ("entropy Q", None, entropy(q, log), unit, f"H(Q) = -sum q {word} q"),
        ("cross-entropy", None, cross_entropy(p, q, log), unit, cross),
        ("KL(P||Q)", None, kl(p, q) / nats, unit, f"sum p {word}(p/q)"),
        ("KL(Q||P)", None, kl(q, p) / nats, unit, f"sum q {word}(q/p)"),
        ("JS", None, js(p, q) / nats, unit, "(KL(P||M) + KL(Q||M))/2, M = (P + Q)/2"),
    ]


def _surprises(name: str, p: Sequence[float], unit: Unit) -> list[Row]:
    log, word, *_ = UNITS[unit]
    return [
        (f"self-information {name}", i, self_information(x, log), unit, f"-{word} {x:.6g}")
        for i, x in enumerate(p)
    ]
