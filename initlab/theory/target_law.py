"""The law of a single entry of a target, as far as the first loss of a network depends on it.

Outputs of an untrained network are exchangeable and know nothing of the target, so that of rows
with a single 1 only its share matters, 1/C. The records of `catalog/targets.py` name their laws.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from initlab.catalog import LOSSES, TARGETS
from initlab.catalog.table import load
from initlab.catalog.targets import NUMBERS, shares_of
from initlab.spec.run import Run
from initlab.theory.quadrature import Array

MOST_VALUES = 512  # of a law; more are joined to their means
REACH = 12.0  # standard deviations of counts

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class TargetLaw:
    """Values with their probabilities, and the std of a normal variable that is added to them.

    `second` is E t^2, where values were joined, too.
    """

    values: Array
    shares: Array
    std: float
    second: float

    @classmethod
    def of(cls, values: Array, shares: Array, std: float = 0.0) -> "TargetLaw":
        """The law of at most MOST_VALUES values: of more, neighbours become their mean."""
        second = float(shares @ values**2) + std**2
        if len(values) > MOST_VALUES:
            starts = np.linspace(0, len(values), MOST_VALUES, endpoint=False).astype(int)
            joined = np.add.reduceat(shares, starts)
            total = np.add.reduceat(shares * values, starts)
            values, shares = total / np.maximum(joined, np.finfo(float).tiny), joined
        return cls(values, shares, std, second)

    @property
    def mean(self) -> float:
        """E t."""
        return float(self.shares @ self.values)


def target_law(run: Run) -> TargetLaw | None:
    """The law of one entry of a target of numbers, all entries taken together; None of labels."""
    form = LOSSES[run.loss.name].target
    low = -1.0 if form == "signs" else 0.0  # where the other value is 1
    if run.target is not None:
        law: Callable[..., TargetLaw] = load(TARGETS[run.target.name].law)
        return law(run.target.arguments, run.shape[-1], low)
    if form in NUMBERS:
        return normal({"mean": 0.0, "std": 1.0}, run.shape[-1], low)
    if form == "counts":
        return poisson({"rate": 1.0}, run.shape[-1], low)
    return _two(0.5, low) if form in ("bits", "signs") else None


def classes(_: Parameters, outputs: int, low: float) -> TargetLaw:
    """Of C entries, one is 1."""
    return _two(1 / outputs, low)


def normal(p: Parameters, _: int, __: float) -> TargetLaw:
    """N(mean, std^2)."""
    return TargetLaw.of(np.array([p["mean"]]), np.ones(1), p["std"])


def bernoulli(p: Parameters, _: int, low: float) -> TargetLaw:
    """1 with probability p."""
    return _two(p["p"], low)


def poisson(p: Parameters, _: int, __: float) -> TargetLaw:
    """Counts within REACH standard deviations of their mean."""
    from scipy import special

    rate = p["rate"]
    around = REACH * np.sqrt(rate) + REACH
    counts = np.arange(max(0, int(rate - around)), int(rate + around) + 1, dtype=float)
    # ln P(k) = k ln rate - rate - ln k!
    shares = np.exp(special.xlogy(counts, rate) - rate - special.gammaln(counts + 1))
    return TargetLaw.of(counts, shares / shares.sum())


def constant(p: Parameters, _: int, __: float) -> TargetLaw:
    """One value."""
    return TargetLaw.of(np.array([float(p["value"])]), np.ones(1))


def from_file(p: Parameters, _: int, __: float) -> TargetLaw:
    """The values that stand in the rows of a batch."""
    found, counts = np.unique(p["samples"].rows, return_counts=True)
    return TargetLaw.of(found, counts / counts.sum())


def _two(p: float, low: float) -> TargetLaw:
    return TargetLaw.of(np.array([low, 1.0]), np.array([1 - p, p]))


def ignored_share(run: Run) -> float:
    """Share of the samples whose label is the loss's `ignore_index`; 0 where there is none."""
    ignored = run.loss.parameters.get("ignore_index")
    outputs = run.shape[-1]
    if ignored is None:
        return 0.0
    if run.target is not None and run.target.samples is not None:
        rows = run.target.samples.rows
        return float((rows == ignored).mean()) if rows.shape[1] == 1 else 0.0
    if not 0 <= ignored < outputs:
        return 0.0
    p = {} if run.target is None else run.target.parameters
    if "value" in p:  # one class for all
        return float(p["value"] == ignored)
    return shares_of(p, outputs)[ignored] if p else 1 / outputs
