"""Activations in numpy, for theory without torch: each record of the catalog names its own.

Every function takes real or complex z. The derivative is then a complex step, Im phi(z + ih) / h
with an h so small that nothing cancels (Squire & Trapp 1998): exact to rounding, and never written
down. So a kink is a choice by the real part, and |z| is not `abs`.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]  # float64 or complex128

#: (z - tanh z) / z^3 in powers of z^2, highest first (Abramowitz & Stegun 1964, 4.5.64)
TANH_SERIES = [
    929569 / 638512875, -21844 / 6081075, 1382 / 155925, -62 / 2835, 17 / 315, -2 / 15, 1 / 3
]  # fmt: skip


def identity(z: Numbers) -> Numbers:
    """z."""
    return z


def _pieces(z: Numbers, at: float, below: Numbers | float, above: Numbers | float) -> Numbers:
    """One function below a kink, another from there on."""
    return np.where(z.real < at, below, above)


def _abs(z: Numbers) -> Numbers:
    return _pieces(z, 0.0, -z, z)


def _clip(z: Numbers, low: float, high: float) -> Numbers:
    return _pieces(z, low, low, _pieces(z, high, z, high))


def _log1p_exp_minus(a: Numbers) -> Numbers:
    """ln(1 + e^-a) of a >= 0, where e^-a cannot overflow."""
    result: Numbers = np.log1p(np.exp(-a))
    return result


def sigmoid(z: Numbers) -> Numbers:
    """1 / (1 + e^-z), by whichever exponential cannot overflow."""
    e = np.exp(-_abs(z))
    result: Numbers = _pieces(z, 0.0, e, 1.0) / (1 + e)
    return result


def relu(z: Numbers) -> Numbers:
    """max(0, z)."""
    return _pieces(z, 0.0, 0.0, z)


def relu_squared(z: Numbers) -> Numbers:
    """max(0, z)^2."""
    return relu(z) ** 2


def leaky_relu(z: Numbers, negative_slope: float) -> Numbers:
    """max(0, z) + negative_slope min(0, z)."""
    return _pieces(z, 0.0, negative_slope * z, z)


def relu6(z: Numbers) -> Numbers:
    """min(max(0, z), 6)."""
    return _clip(z, 0.0, 6.0)


def _expm1(z: Numbers) -> Numbers:
    """e^z - 1 for z <= 0; 0 above, where it is not used and would overflow."""
    result: Numbers = np.expm1(_pieces(z, 0.0, z, 0.0))
    return result


def elu(z: Numbers, alpha: float) -> Numbers:
    """z if z > 0 else alpha (e^z - 1)."""
    return _pieces(z, 0.0, alpha * _expm1(z), z)


def celu(z: Numbers, alpha: float) -> Numbers:
    """max(0, z) + min(0, alpha (e^(z/alpha) - 1))."""
    return elu(z / alpha, 1.0) * alpha


def selu(z: Numbers) -> Numbers:
    """1.0507 elu(z) with alpha = 1.6733 (Klambauer et al. 2017)."""
    return 1.0507009873554804934193349852946 * elu(z, 1.6732632423543772848170429916717)


def gelu(z: Numbers) -> Numbers:
    """z N(z), N the standard normal distribution."""
    from scipy.special import erfc

    # 1 - erf would cancel in the left tail
    result: Numbers = z * erfc(-z / math.sqrt(2)) / 2
    return result


def gelu_tanh(z: Numbers) -> Numbers:
    """z (1 + tanh(u)) / 2 = z sigmoid(2u), u = sqrt(2/pi) (z + 0.044715 z^3)."""
    near = _clip(z, -100.0, 100.0)  # beyond, the sigmoid is 0 or 1 and the cube would overflow
    return z * sigmoid(2 * math.sqrt(2 / math.pi) * (near + 0.044715 * near**3))


def silu(z: Numbers) -> Numbers:
    """z / (1 + e^-z)."""
    return z * sigmoid(z)


def softplus(z: Numbers, beta: float) -> Numbers:
    """ln(1 + e^(beta z)) / beta."""
    return (relu(beta * z) + _log1p_exp_minus(_abs(beta * z))) / beta


def logsigmoid(z: Numbers) -> Numbers:
    """-ln(1 + e^-z)."""
    return -softplus(-z, 1.0)


def mish(z: Numbers) -> Numbers:
    """z tanh(ln(1 + e^z))."""
    return z * np.tanh(softplus(z, 1.0))


def softsign(z: Numbers) -> Numbers:
    """z / (1 + |z|); far from 0 as sign(z) (1 - 1 / (1 + |z|)), whose slope does not cancel."""
    size = _abs(z)
    far = np.sign(z.real) * (1 - 1 / (1 + size))
    return _pieces(size, 1.0, z / (1 + size), far)


def hardtanh(z: Numbers, min_val: float, max_val: float) -> Numbers:
    """min(max(min_val, z), max_val)."""
    return _clip(z, min_val, max_val)


def hardsigmoid(z: Numbers) -> Numbers:
    """min(max(0, z/6 + 1/2), 1)."""
    return _clip(z + 3, 0.0, 6.0) / 6


def hardswish(z: Numbers) -> Numbers:
    """z min(max(0, z + 3), 6) / 6."""
    return z * hardsigmoid(z)


def tanhshrink(z: Numbers) -> Numbers:
    """z - tanh z; near 0, where that cancels, by tanh's power series."""
    series = z**3 * np.polyval(TANH_SERIES, z * z)
    return _pieces(_abs(z), 0.1, series, z - np.tanh(z))


def erf(z: Numbers) -> Numbers:
    """2/sqrt(pi) int_0^z e^(-t^2) dt."""
    from scipy import special

    result: Numbers = special.erf(z)
    return result


def arctan(z: Numbers) -> Numbers:
    """arctan z; far from 0 as sign(z) pi/2 - arctan(1/z), whose slope does not cancel."""
    far = np.sign(z.real) * np.pi / 2 - np.arctan(1 / z)
    return _pieces(_abs(z), 1.0, np.arctan(z), far)


def sin(z: Numbers, omega: float = 1.0) -> Numbers:
    """sin(omega z)."""
    result: Numbers = np.sin(omega * z)
    return result


tanh = np.tanh
