"""What one activation does to a normal pre-activation of variance q, and to a pair of them.

    V(q) = E phi(x)^2     D(q) = E phi'(x)^2     E(q) = E phi(x)     x ~ N(0, q)
    K(q, c) = E phi(x1) phi(x2)                  x1, x2 ~ N(0, q) of correlation c

V gives the length map, D the gradient map, K the correlation map (Poole et al. 2016, eq. 3 to 5;
Schoenholz et al. 2017, eq. 5). Nothing here knows any activation.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from initlab.catalog import ACTIVATIONS
from initlab.errors import InputError
from initlab.spec.run import Choice
from initlab.theory import activations
from initlab.theory.quadrature import UNDERFLOW, Array, expectations, hermite

WithSlope = Callable[[Array], tuple[Array, Array]]

STEP = 1e-100  # of the complex step; it leaves the real part as it is


class Moments(NamedTuple):
    """Moments at some q, all of one shape; `growth` is E x phi phi' = q dV/dq (by parts)."""

    second: Array  # V
    slope: Array  # D
    mean: Array  # E
    variance: Array  # V - E^2, where that would cancel, too
    growth: Array
    overlap: Array  # E phi^2 phi'^2


def choice_of(name: str, **parameters: float) -> Choice:
    """An activation by any of its names, with its defaults filled in.

    Raises:
        UnknownName: no such activation.
        InputError: it has no such parameter.
    """
    record = ACTIVATIONS[name]
    names = [p.name for p in record.parameters]
    for given in parameters:
        if given not in names:
            known = ", ".join(names) or "none"
            raise InputError(
                f"{record.name} has no parameter {given!r}; known: {known}",
                f"initlab describe {record.name}",
            )
    return Choice(record.name, tuple(record.settled({**record.defaults, **parameters}).items()))


class Activation:
    """Moments of one activation, by quadrature in float64.

    `values(x)` is phi(x), `with_slope(x)` both phi(x) and phi'(x). `bounds` are those of a bias
    that is not part of x.
    """

    bounds = 0.0, 0.0

    def __init__(self, choice: Choice) -> None:
        record, parameters = ACTIVATIONS[choice.name], choice.parameters
        self.choice = choice
        self.kinks = record.kinks(parameters)
        own = getattr(activations, record.name, None)
        self.with_slope: WithSlope
        self.values: Callable[[Array], Array]
        if own is None:
            self.with_slope = _by_torch(record.bind(parameters))
            self.values = lambda x: self.with_slope(x)[0]
        else:
            self.values = _quiet(lambda x: own(x, **parameters))
            self.with_slope = _by_complex_step(self.values)

    @property
    def affine(self) -> bool:
        """Whether phi is a number and a slope for small q: phi(0) + phi'(0) x, phi(0) not 0."""
        return bool(self.values(np.zeros(1))[0])

    def slopes(self, x: Array) -> Array:
        """phi'(x)."""
        return self.with_slope(x)[1]

    def moments(self, q: Array) -> Moments:
        """Moments at every q > 0, shape (Q,); nan where quadrature cannot resolve phi."""
        origin = self.values(np.zeros(1))[0]

        def integrands(x: Array) -> Array:
            value, slope = self.with_slope(x)
            off, both = value - origin, value * slope
            return np.stack([value * value, slope * slope, off, off * off, x * both, both * both])

        sigma = np.sqrt(q)
        # what rounding of phi leaves of off and its square, which quadrature must not pursue
        rounding = 8 * np.finfo(float).eps * abs(origin) * np.stack([np.ones_like(sigma), sigma])
        floor = np.full((6, len(q)), UNDERFLOW)
        floor[2:4] = np.maximum(rounding, UNDERFLOW)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            second, slope, off, square, *others = expectations(
                integrands, np.zeros_like(sigma), sigma, self.kinks, floor=floor
            )
            return Moments(second, slope, origin + off, square - off * off, *others)

    def kernel(self, q: float, c: float, *, slope: bool = False) -> float:
        """K(q, c), or with `slope` the same of phi': dK/d(qc) = E phi'(x1) phi'(x2).

        What two pre-activations share is s ~ N(0, |c| q); given s they are independent. So
        K = E G(s) G(s) with G(s) = E phi(s + r), r ~ N(0, (1 - |c|) q); for c < 0, E G(s) G(-s).
        Exact where `series` converges slowly, and slow itself.
        """
        moments = self.moments(np.array([q]))
        size = float(moments.slope[0] if slope else moments.second[0])  # K at c = 1
        return float(self._kernels(np.zeros(1), q, c, size, slope=slope)[0])

    def _kernels(self, mean: Array, q: float, c: float, size: float, *, slope: bool) -> Array:
        """The same of pre-activations of these means, shape (Q,); `size` is about K at c = 1."""
        f = self.slopes if slope else self.values
        shared, rest = math.sqrt(abs(c) * q), math.sqrt((1 - abs(c)) * q)

        def half(s: Array) -> Array:
            if not rest:
                return f(s)
            flat = s.ravel()
            # where f changes its sign, errors relative to G would be below f's rounding
            return expectations(
                lambda x: f(x)[None],
                flat,
                np.full_like(flat, rest),
                self.kinks,
                floor=1e-15 * math.sqrt(size),
            ).reshape(s.shape)

        def product(s: Array) -> Array:
            first = half(s)
            return (first * (first if c > 0 else half(-s)))[None]

        if not shared:
            return half(mean) ** 2
        # G has no kink any more, but bends within a few `rest` of each. It is a quadrature itself
        bends = [
            sign * k + 6 * side * rest
            for k in (0.0, *self.kinks)
            for sign in (-1, 1)
            for side in (-1, 0, 1)
        ]
        found: Array = expectations(
            product, mean, np.full_like(mean, shared), bends, 1e-12, floor=1e-13 * size
        )[0]
        return found

    def series(self, q: Array, n: int, *, product: bool = False) -> Array:
        """Shares a_k^2 of V(q), k < n, with K(q, c) = sum a_k^2 c^k (Mehler 1866). Shape (Q, n).

        With `product`, those of phi phi' in the place of phi.
        """
        f = self.product if product else self.values
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            coefficients = hermite(f, np.sqrt(q), self.kinks, n)
            return coefficients * coefficients

    def product(self, x: Array) -> Array:
        """phi(x) phi'(x)."""
        value, slope = self.with_slope(x)
        return value * slope


def _quiet(phi: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Phi without warnings: far out an exponential may underflow, or a square overflow."""

    def quiet(x: Array) -> Array:
        with np.errstate(all="ignore"):
            return phi(x)

    return quiet


def _by_complex_step(phi: Callable[[Any], Any]) -> WithSlope:
    def with_slope(x: Array) -> tuple[Array, Array]:
        value = phi(x + 1j * STEP)
        return value.real, value.imag / STEP

    return with_slope


def _by_torch(phi: Callable[[Any], Any]) -> WithSlope:
    """For an activation that `activations.py` does not have."""

    def with_slope(x: Array) -> tuple[Array, Array]:
        import torch

        with torch.enable_grad():
            leaf = torch.from_numpy(np.ascontiguousarray(x)).requires_grad_()
            value = phi(leaf)
            (slope,) = torch.autograd.grad(value.sum(), leaf)
        return value.detach().numpy(), slope.numpy()

    return with_slope
