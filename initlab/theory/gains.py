"""Gains: by how much weights must be scaled up to make good what an activation takes away."""

import math
from collections.abc import Mapping
from typing import Any

from initlab.catalog import ACTIVATIONS
from initlab.theory.gaussian import Array, expectation


def second_moment(activation: str, parameters: Mapping[str, Any] | None = None) -> float:
    """The gain g with Var W = g^2 / fan_in that keeps pre-activations at variance 1.

    With z ~ N(0, 1) the next layer's pre-activations have variance g^2 E phi(z)^2, so that
    g = 1 / sqrt(E phi(z)^2) (He et al. 2015, eq. 7). It is sqrt(2) for ReLU and 1.5925 for tanh.
    Not to be mixed up with torch's `calculate_gain` (5/3 for tanh, a convention), nor with
    1 / sqrt(Var phi(z)), which leaves out the mean of phi (1.7129 for ReLU).

    Raises:
        UnknownName: no such activation.
        ValueError: the activation is zero almost everywhere.
    """
    import torch

    record = ACTIVATIONS[activation]
    chosen = {**record.defaults, **(parameters or {})}
    phi = record.bind(chosen)

    def square(z: Array) -> Array:
        value: Array = phi(torch.from_numpy(z)).numpy()
        return value * value

    moment = expectation(square, record.kinks(chosen))
    if not 0 < moment < math.inf:
        raise ValueError(f"E {record.name}(z)^2 is {moment:g}; no gain makes up for it")
    return 1 / math.sqrt(moment)
