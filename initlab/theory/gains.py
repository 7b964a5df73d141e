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
from typing import Any

import numpy as np

from initlab.catalog import SCHEMES, Fans
from initlab.catalog.schemes import table_gain
from initlab.spec.run import Choice, Layer
from initlab.theory.moments import Activation, choice_of

SAME_SCALE = 1e-6  # relative, between a scale and that of a known scheme


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
    second, _ = moments_at_1(choice)
    gain = inverse_root(second)
    if gain is None:
        raise ValueError(f"E {choice.name}(z)^2 is {second:g}; no gain makes up for it")
    return gain


@cache
def moments_at_1(activation: Choice) -> tuple[float, float]:
    """E phi(z)^2 and Var phi(z) of z ~ N(0, 1)."""
    at_1 = Activation(activation).moments(np.ones(1))
    return float(at_1.second[0]), float(at_1.variance[0])


def inverse_root(moment: float) -> float | None:
    """1 / sqrt(moment); None where there is none."""
    return 1 / math.sqrt(moment) if 0 < moment < math.inf else None


def scale_of(choice: Choice, fans: Fans, activation: Choice) -> tuple[float, float]:
    """(scale, shift) that turn a unit draw into the weights of one layer.

    A `gain` of `auto` is the second-moment gain of the run's activation. A name is the entry of
    that activation in torch's table, with the run's own parameters where it is the same one.
    """
    parameters = choice.parameters
    gain = parameters.get("gain")
    if gain == "auto":
        parameters["gain"] = second_moment(activation.name, activation.parameters)
    elif isinstance(gain, str):
        own = activation.parameters if activation.name == gain else {}
        parameters["gain"] = table_gain(gain, own)
    return SCHEMES[choice.name].scale(fans, parameters)


def weight_scale(layer: Layer, fans: Fans) -> tuple[float, float]:
    """(scale, shift) of the weights of a layer, with the factor that its place in a block makes."""
    scale, shift = scale_of(layer.init, fans, layer.activation)
    return scale * layer.gain, shift * layer.gain


def scheme_of(activation: Choice, sigma_w: float) -> Choice:
    """The scheme by which normal weights of std sigma_w / sqrt(fan_in) are known.

    Kaiming's where sigma_w is its gain sqrt(2 / (1 + a^2)), a the slope that a leaky activation has
    below 0; LeCun's, whose gain is free, elsewhere.
    """
    name, slope = "kaiming_normal", float(activation.parameters.get("negative_slope", 0.0))
    if math.isclose(sigma_w, math.sqrt(2.0 / (1.0 + slope**2)), rel_tol=SAME_SCALE):
        return Choice(name, tuple({**SCHEMES[name].defaults, "a": slope}.items()))
    return Choice("lecun_normal", (("gain", sigma_w),))
