"""Losses that are a function of one output and one target, elementwise in numpy.

A record of `catalog/losses/` names its function as `pointwise`. They are what a network's loss is
of its outputs y, the adapter of the record included, and take (y, t, parameters, bits): arrays that
broadcast, the loss's parameters, and the precision of the network's dtype (24 of float32).
Unreduced.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from initlab.theory.quadrature import Array

Parameters = Mapping[str, Any]
CLAMP = 100.0  # torch holds the logarithms of bce at -100


def l1(y: Array, t: Array, p: Parameters, bits: int) -> Array:
    """|y - t|."""
    distance: Array = np.abs(y - t)
    return distance


def smooth_l1(y: Array, t: Array, p: Parameters, bits: int) -> Array:
    """(y - t)^2 / (2 beta) where |y - t| < beta, else |y - t| - beta / 2 (Girshick 2015, eq. 3)."""
    if not p["beta"]:
        return l1(y, t, p, bits)
    value: Array = huber(y, t, {"delta": p["beta"]}, bits) / p["beta"]
    return value


def huber(y: Array, t: Array, p: Parameters, bits: int) -> Array:
    """(y - t)^2 / 2 where |y - t| <= delta, else delta (|y - t| - delta / 2) (Huber 1964)."""
    distance, delta = np.abs(y - t), p["delta"]
    return np.where(distance <= delta, distance**2 / 2, delta * (distance - delta / 2))


def gaussian_nll(y: Array, t: Array, p: Parameters, bits: int) -> Array:
    """(log v + (y - t)^2 / v) / 2, v = max(1, eps) (Nix & Weigend 1994)."""
    v = max(1.0, p["eps"])
    constant = np.log(v) + (np.log(2 * np.pi) if p["full"] else 0.0)
    value: Array = ((y - t) ** 2 / v + constant) / 2
    return value


def poisson_nll(y: Array, t: Array, p: Parameters, bits: int) -> Array:
    """e^y - t y, of outputs that are log-rates; torch's eps where it is given rates e^y."""
    rate = np.exp(y)
    value = rate - t * (y if p["log_input"] else np.log(rate + p["eps"]))
    if p["full"]:
        # Stirling: log t! = t log t - t + log(2 pi t) / 2, of t > 1 only
        large = np.maximum(t, 1.0)
        stirling = large * np.log(large) - large + np.log(2 * np.pi * large) / 2
        value = value + np.where(t > 1, stirling, 0.0)
    return value


def bce(y: Array, t: Array, p: Parameters, bits: int) -> Array:
    """-t log s(y) - (1 - t) log(1 - s(y)), s the sigmoid, as torch has it.

    Logarithms are held at -100, and s(y) rounds to 1 from y = (bits + 1) ln 2 on: 17.3 in float32.
    """
    yes = np.minimum(_softplus(-y), CLAMP)
    no = np.where(y > (bits + 1) * np.log(2), CLAMP, np.minimum(_softplus(y), CLAMP))
    return t * yes + (1 - t) * no


def bce_with_logits(y: Array, t: Array, p: Parameters, bits: int) -> Array:
    """t softplus(-y) + (1 - t) softplus(y)."""
    return t * _softplus(-y) + (1 - t) * _softplus(y)


def soft_margin(y: Array, t: Array, p: Parameters, bits: int) -> Array:
    """log(1 + e^(-t y))."""
    return _softplus(-t * y)


def _softplus(x: Array) -> Array:
    value: Array = np.logaddexp(0.0, x)
    return value
