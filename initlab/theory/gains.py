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
from typing import Any

import numpy as np

from initlab.catalog import ACTIVATIONS
from initlab.theory.moments import Activation, choice_of


def second_moment(activation: str, parameters: Mapping[str, Any] | None = None) -> float:
    """The gain g with Var W = g^2 / fan_in that keeps pre-activations at variance 1.

    With z ~ N(0, 1) the next layer's pre-activations have variance g^2 E phi(z)^2, so that
    g = 1 / sqrt(E phi(z)^2) (He et al. 2015, eq. 7). It is sqrt(2) for ReLU and 1.5925 for tanh.

    Raises:
        UnknownName: no such activation.
        ValueError: the activation is zero almost everywhere.
    """
    second, _ = _moments(activation, parameters)
    if not 0 < second < math.inf:
        name = ACTIVATIONS[activation].name
        raise ValueError(f"E {name}(z)^2 is {second:g}; no gain makes up for it")
    return 1 / math.sqrt(second)


def variance(activation: str, parameters: Mapping[str, Any] | None = None) -> float:
    """The gain 1 / sqrt(Var phi(z)), which leaves out phi's mean; 1.7129 for ReLU.

    Measured as the std of x over that of phi(x), it is what some texts call the gain.

    Raises:
        UnknownName: no such activation.
        ValueError: the activation is constant almost everywhere.
    """
    second, mean = _moments(activation, parameters)
    if not 0 < second - mean * mean < math.inf:
        name = ACTIVATIONS[activation].name
        raise ValueError(f"Var {name}(z) is {second - mean * mean:g}; no gain makes up for it")
    return 1 / math.sqrt(second - mean * mean)


def _moments(activation: str, parameters: Mapping[str, Any] | None) -> tuple[float, float]:
    """E phi(z)^2 and E phi(z)."""
    at_1 = Activation(choice_of(activation, **(parameters or {}))).moments(np.ones(1))
    return float(at_1.second[0]), float(at_1.mean[0])
