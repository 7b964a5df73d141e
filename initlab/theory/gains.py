"""Gains: by how much weights must be scaled up to make good what an activation takes away.

Four questions are called by this one name. With z ~ N(0, 1):

    table            torch's calculate_gain: a convention (5/3 for tanh, 1 for sigmoid)
    second moment    1 / sqrt(E phi(z)^2): keeps pre-activations at variance 1 (He et al. 2015)
    variance         1 / sqrt(Var phi(z)): keeps activations at variance 1 (Brock et al. 2021)
    critical         the sigma_w on the edge of chaos, where gradients keep their size (Poole et
                     al. 2016), in `critical.py`
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from initlab.catalog import ACTIVATIONS
from initlab.spec.run import Choice
from initlab.theory.critical import critical_gain
from initlab.theory.curves import curves_of
from initlab.theory.moments import Activation, choice_of


class Gains(NamedTuple):
    """The four gains of an activation; None where there is none."""

    table: float | None
    second_moment: float | None
    variance: float | None
    critical: float | None


def four_gains(activation: Choice) -> Gains:
    """All four, to be compared."""
    record, parameters = ACTIVATIONS[activation.name], activation.parameters
    second, variance = _moments(activation)
    return Gains(
        record.table_gain(parameters) if record.table_gain else None,
        _inverse_root(second),
        _inverse_root(variance),
        critical_gain(curves_of(activation)),
    )


def second_moment(activation: str, parameters: Mapping[str, Any] | None = None) -> float:
    """The gain g with Var W = g^2 / fan_in that keeps pre-activations at variance 1.

    With z ~ N(0, 1) the next layer's pre-activations have variance g^2 E phi(z)^2, so that
    g = 1 / sqrt(E phi(z)^2) (He et al. 2015, eq. 7). It is sqrt(2) for ReLU and 1.5925 for tanh.
    Not to be mixed up with 1 / sqrt(Var phi(z)), which leaves out phi's mean (1.7129 for ReLU).

    Raises:
        UnknownName: no such activation.
        ValueError: the activation is zero almost everywhere.
    """
    choice = choice_of(activation, **(parameters or {}))
    second, _ = _moments(choice)
    gain = _inverse_root(second)
    if gain is None:
        raise ValueError(f"E {choice.name}(z)^2 is {second:g}; no gain makes up for it")
    return gain


@cache
def _moments(activation: Choice) -> tuple[float, float]:
    """E phi(z)^2 and Var phi(z)."""
    at_1 = Activation(activation).moments(np.ones(1))
    return float(at_1.second[0]), float(at_1.variance[0])


def _inverse_root(moment: float) -> float | None:
    return 1 / math.sqrt(moment) if 0 < moment < math.inf else None
