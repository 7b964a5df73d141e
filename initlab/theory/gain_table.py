"""The four gains of an activation, side by side, each None where it has none."""

from typing import NamedTuple

from initlab.catalog import ACTIVATIONS
from initlab.spec.run import Choice
from initlab.theory.critical import critical_gain
from initlab.theory.curves import curves_of
from initlab.theory.gains import inverse_root, moments_at_1


class Gains(NamedTuple):
    """The four gains of an activation; None where there is none."""

    table: float | None
    second_moment: float | None
    variance: float | None
    critical: float | None


def four_gains(activation: Choice) -> Gains:
    """All four, to be compared."""
    record, parameters = ACTIVATIONS[activation.name], activation.parameters
    second, variance = moments_at_1(activation)
    return Gains(
        record.table_gain(parameters) if record.table_gain else None,
        inverse_root(second),
        inverse_root(variance),
        critical_gain(curves_of(activation)),
    )
