"""The value of many batches as that of one: a mean over all targets, not the mean of means."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from initlab.formatting import json_number
from initlab.losslab.evaluate import Evaluation


@dataclass
class Sums:
    """Of one loss and reduction: numerators in torch's dtype and float64, and what divides them.

    `means` adds up the values of `batches` as they are, whose mean is the mean of means; `computed`
    counts those with nothing to be a mean of, too.
    """

    value: float = 0.0
    exact: float = 0.0
    denominator: float = 0.0
    means: float = 0.0
    batches: int = 0
    computed: int = 0

    def combined(self, reduction: str) -> dict[str, Any]:
        """The value of all, its denominator and, where there is one, the mean of means."""
        if not self.computed:
            found: list[float | None] = [None] * 4
        elif reduction == "sum":
            found = [self.value, self.exact, None, None]
        else:
            value, exact = (
                x / self.denominator if self.denominator else math.nan
                for x in (self.value, self.exact)
            )
            found = [value, exact, self.denominator, self.means / max(self.batches, 1)]
        names = ("value", "float64", "denominator", "mean_of_means")
        numbers = (None if x is None else json_number(x) for x in found)
        return {**dict(zip(names, numbers, strict=True)), "computed": self.computed}


class Total:
    """What all evaluations of a stream would give as one batch, by loss and reduction.

    A mean is the sum of all sums over the sum of all denominators: of the weights of the targets,
    of values, of samples. CTC divides each sequence by its own length first, so that there it is
    sequences that are counted.
    """

    def __init__(self) -> None:
        self.refused = 0
        self._sums: dict[tuple[str, str], Sums] = {}

    def add(self, evaluation: Evaluation) -> None:
        """Another batch."""
        for reduction, value in evaluation.values.items():
            if reduction == "none":
                continue  # as many values as there are, which nothing combines
            sums = self._sums.setdefault((evaluation.call.loss.name, reduction), Sums())
            sums.computed += 1
            weight = _weight(evaluation, reduction)
            sums.denominator += weight
            if weight:  # a batch of ignored targets has a mean of 0/0, and adds nothing
                sums.batches += 1
                sums.means += float(value)
                sums.value += weight * float(value)
                sums.exact += weight * float(evaluation.exact[reduction])

    def lines(self) -> Iterator[dict[str, Any]]:
        """{"total": ...} of each loss and reduction, in the order in which they came."""
        for (loss, reduction), sums in self._sums.items():
            data = {"loss": loss, "reduction": reduction, **sums.combined(reduction)}
            yield {"total": {**data, "refused": self.refused}}
        if not self._sums:
            data = {"loss": None, "reduction": None, **Sums().combined("mean")}
            yield {"total": {**data, "refused": self.refused}}

    def notes(self) -> Iterator[str]:
        """A sentence for each mean of means that is not the mean over all."""
        for (loss, reduction), sums in self._sums.items():
            combined = sums.combined(reduction)
            value, means = combined["value"], combined["mean_of_means"]
            if means is not None and not _same(value, means):
                yield (
                    f"{loss}: the {reduction} over all records is {_text(value)}, the mean of their"
                    f" {reduction}s {_text(means)}: they have different denominators"
                )


def _weight(evaluation: Evaluation, reduction: str) -> float:
    """By what a value counts: the denominator that made it; of a sum 1."""
    if reduction == "sum":
        return 1.0
    if reduction == "mean" and evaluation.call.loss.unit == "sequence":
        return float(evaluation.working.losses.numel())
    below = evaluation.denominator(reduction)
    return 1.0 if below is None else float(below)


def _same(value: float | str, means: float | str) -> bool:
    if isinstance(value, str) or isinstance(means, str):
        return value == means
    return math.isclose(value, means, rel_tol=1e-9)


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
