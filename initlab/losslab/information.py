"""Information theory behind cross-entropy, of distributions over a few outcomes. Torch-free.

All in nats: natural logarithms. Divide by ln 2 for bits, the other unit that books use.
"""

import math
from collections.abc import Sequence

SAME_SUM = 1e-12  # sums of P and Q that differ by less differ by rounding only


def self_information(p: float) -> float:
    """-log p: the surprise of an outcome; infinite for p = 0 (Shannon 1948)."""
    return math.inf if p == 0 else -math.log(p) + 0.0  # + 0.0: of p = 1 it is 0, not -0


def entropy(p: Sequence[float]) -> float:
    """H(P) = -sum p log p, the expected surprise, with 0 log 0 = 0 (Shannon 1948).

    At most log n, for the uniform distribution; of two outcomes log 2 = 0.6931, the loss of a model
    that knows nothing.
    """
    return math.fsum(x * self_information(x) for x in p if x > 0)


def cross_entropy(p: Sequence[float], q: Sequence[float]) -> float:
    """H(P, Q) = -sum p log q = H(P) + KL(P||Q); infinite where q = 0 < p."""
    return math.fsum(x * self_information(y) for x, y in zip(p, q, strict=True) if x > 0)


def kl(p: Sequence[float], q: Sequence[float]) -> float:
    """KL(P||Q) = sum p log(p/q) (Kullback & Leibler 1951); not symmetric, infinite where q = 0 < p.

    Summed as p log(p/q) - p + q, whose terms are never negative and whose extra part is 0 as P and
    Q sum to the same: so nearly equal distributions keep their digits.
    """
    terms = math.fsum(_term(x, y) for x, y in zip(p, q, strict=True))
    excess = math.fsum(p) - math.fsum(q)
    return terms + excess if abs(excess) > SAME_SUM else terms


def _term(p: float, q: float) -> float:
    if p == 0:
        return q
    if q == 0:
        return math.inf
    d = (q - p) / p
    if abs(d) < 0.5:
        # p (d - log(1 + d)), where log1p keeps what p log(p/q) would cancel
        return p * (d - math.log1p(d)) if abs(d) > 1e-4 else p * d * d * (0.5 - d / 3 + d * d / 4)
    return p * (math.log(p) - math.log(q)) - p + q


def js(p: Sequence[float], q: Sequence[float]) -> float:
    """JS(P, Q) = (KL(P||M) + KL(Q||M)) / 2, M = (P + Q)/2: symmetric, at most log 2 (Lin 1991)."""
    middle = [x / 2 + y / 2 for x, y in zip(p, q, strict=True)]
    return (kl(p, middle) + kl(q, middle)) / 2


def measures(p: Sequence[float], q: Sequence[float] | None) -> list[tuple[str, str, float]]:
    """(name, formula, value in nats) of everything that one or two distributions have."""
    n = len(p)
    rows = [
        ("H(P)", "-sum p log p", entropy(p)),
        ("largest H", f"log {n}", math.log(n)),
    ]
    if q is None:
        return rows
    return [
        *rows,
        ("H(Q)", "-sum q log q", entropy(q)),
        ("H(P, Q)", "-sum p log q = H(P) + KL(P||Q)", cross_entropy(p, q)),
        ("KL(P||Q)", "sum p log(p/q)", kl(p, q)),
        ("KL(Q||P)", "sum q log(q/p)", kl(q, p)),
        ("JS(P, Q)", "(KL(P||M) + KL(Q||M))/2, M = (P + Q)/2", js(p, q)),
    ]
