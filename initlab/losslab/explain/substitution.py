"""A formula with the numbers of one value in it, which the record's `substitution` writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from initlab.catalog.table import load
from initlab.formatting import bracketed, four_decimals
from initlab.losslab.call import Call
from initlab.losslab.explain.tables import At
from initlab.losslab.formulas.working import Working

MOST_TERMS = 4  # of a sum


@dataclass(frozen=True)
class Value:
    """One value of a loss.

    `operands` are those of the call in float64, `at` the index of the value in reduction "none",
    `columns` the numbers of the working there.
    """

    call: Call
    operands: Mapping[str, Tensor]
    at: At
    columns: Mapping[str, float]

    def entry(self, operand: str) -> str:
        """The entry of an operand that this value is computed from; shapes may broadcast."""
        x = self.operands[operand]
        if not x.ndim:
            return bracketed(float(x))
        at = zip(self.at[len(self.at) - x.ndim :], x.shape, strict=True)
        return bracketed(float(x[tuple(0 if size == 1 else i for i, size in at)]))

    def column(self, name: str) -> str:
        """A number of the working."""
        return bracketed(self.columns[name])

    @property
    def weight(self) -> str:
        """The factor before a weighted term: "2 * "; a weight of 1 is left out."""
        weight = self.columns.get("weight", 1.0)
        return f"{bracketed(weight)} * " if weight != 1 else ""

    def weighted(self, terms: str) -> str:
        """A sum, in brackets where a weight stands before it."""
        return f"{self.weight}({terms})" if self.weight else terms


def substituted(call: Call, working: Working, at: At) -> str:
    """The formula of one value of the loss with its numbers in it, as text."""
    operands = {n: x.double() if x.is_floating_point() else x for n, x in call.operands.items()}
    columns = {n: float(c[at]) for n, c in working.columns.items()}
    substitute: Callable[[Value], str] = load(call.loss.substitution)
    text = substitute(Value(call, operands, at, columns))
    return f"{text} = {four_decimals(float(working.losses[at]))}"
