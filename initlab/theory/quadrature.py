"""Expectations over normal variables, by quadrature that respects kinks and scales."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integrand = Callable[[Array], Array]  # points (..., n) -> values (K, ..., n)

REACH = 12.0  # beyond 12 standard deviations the normal density is below 1e-32
NODES, WEIGHTS = np.polynomial.legendre.leggauss(32)
TOLERANCE = 1e-14  # of smooth functions that are good to the last digits
UNDERFLOW = 1e-180  # so small an integral need not be exact: there, values may lack digits
GROWTH = 8.0  # of panels away from a kink, in units of f's argument
MOST_PANELS = 8_000
DEEPEST = 60


def expectation(f: Callable[[Array], Array], kinks: Sequence[float] = ()) -> float:
    """E f(z), z ~ N(0, 1), in float64; nan where quadrature cannot resolve f.

    Args:
        f: elementwise on an array, growing slower than e^(z^2/2).
        kinks: points where f or a low derivative jumps.
    """
    value = expectations(lambda x: f(x)[None], np.zeros(1), np.ones(1), kinks)
    return float(value[0, 0])


def expectations(
    f: Integrand,
    mean: Array,
    sigma: Array,
    kinks: Sequence[float] = (),
    tolerance: float = TOLERANCE,
    floor: float | Array = UNDERFLOW,
) -> Array:
    """E f(x), x ~ N(mean, sigma^2), for Q normal variables and K functions at once.

    Gauss-Legendre on panels between -12 and 12 standard deviations, split at the kinks and graded
    around them: an activation has a scale of its own, which is a hairline in a wide normal. Panels
    whose two halves do not add up to the whole are halved again. (Gauss-Hermite takes f for a
    polynomial; at ReLU's kink it is wrong by 3e-2.)

    Args:
        f: takes points of shape (P, n), returns values (K, P, n).
        mean: shape (Q,).
        sigma: shape (Q,), positive.
        kinks: points x where f or a low derivative jumps.
        tolerance: of a panel's error, relative to the integral of |f|; above f's own rounding.
        floor: errors below it do not count either; a number, or of shape (K, Q).

    Returns:
        Shape (K, Q); nan where the panels did not suffice.
    """

    def rule(start: Array, end: Array, of: NDArray[np.int_]) -> Array:
        z, weights = _nodes(start, end)
        result: Array = (f(mean[of, None] + sigma[of, None] * z) * weights).sum(-1)
        return result

    return integrals(rule, *_panels(mean, sigma, kinks), len(mean), tolerance, floor)


def integrals(
    rule: Callable[[Array, Array, NDArray[np.int_]], Array],
    owner: NDArray[np.int_],
    left: Array,
    right: Array,
    owners: int,
    tolerance: float = TOLERANCE,
    floor: float | Array = UNDERFLOW,
) -> Array:
    """Integrals over panels (left, right) of P owners, halved until they agree; shape (K, owners).

    Args:
        rule: the integrals of K functions over panels, from their ends and owners; shape (K, P).
        owner: of every panel, as `left` and `right` are its ends; shape (P,).
        left: shape (P,).
        right: shape (P,).
        owners: how many there are.
        tolerance: as of `expectations`.
        floor: as of `expectations`.
    """
    whole = rule(left, right, owner)
    size = _summed(np.abs(whole), owner, owners)
    allowed, total = np.maximum(tolerance * size, floor), np.zeros_like(size)
    for _ in range(DEEPEST):
        middle = (left + right) / 2
        low, high = rule(left, middle, owner), rule(middle, right, owner)
        with np.errstate(invalid="ignore"):
            done = (np.abs(low + high - whole) <= allowed[:, owner]).all(0)
        total += _summed((low + high)[:, done], owner[done], owners)
        open_ = ~done & np.isfinite(low + high).all(0)
        total[:, owner[~done & ~open_]] = np.nan
        if not open_.any() or 2 * open_.sum() > MOST_PANELS:
            break
        left, right = np.r_[left[open_], middle[open_]], np.r_[middle[open_], right[open_]]
        whole = np.concatenate([low[:, open_], high[:, open_]], axis=1)
        owner = np.r_[owner[open_], owner[open_]]
    total[:, owner[open_]] = np.nan
    return total


def hermite(
    f: Callable[[Array], Array],
    sigma: Array,
    kinks: Sequence[float],
    n: int,
    mean: Array | None = None,
) -> Array:
    """Coefficients a_k = E f(mean + sigma z) h_k(z) of the first n normalised Hermite polynomials.

    h_0 = 1, h_1 = z, sqrt(k + 1) h_k+1 = z h_k - sqrt(k) h_k-1. Shape (Q, n), sigma and mean (Q,).
    """
    coefficients = np.empty((len(sigma), n))
    mean = np.zeros_like(sigma) if mean is None else mean
    owner, left, right = _panels(mean, sigma, kinks)
    z, weights = _nodes(left, right)
    # the recurrence is linear, so it holds for f h_k times the weights as well
    now = f(mean[owner, None] + sigma[owner, None] * z) * weights
    first = np.searchsorted(owner, np.arange(len(sigma)))
    before = np.zeros_like(z)
    for k in range(n):
        coefficients[:, k] = np.add.reduceat(now.sum(-1), first)
        before *= -np.sqrt(k)
        before += z * now
        before /= np.sqrt(k + 1)
        before, now = now, before
    return coefficients


def nodes(sigma: float, kinks: Sequence[float] = ()) -> tuple[Array, Array]:
    """Points x of N(0, sigma^2) and their weights, for functions that are smooth but at the kinks.

    Gauss-Legendre on the panels of `expectations`, none of them halved; weights sum to 1. A sum
    over them is exact to some 12 digits where f has no scale below sigma / 4.
    """
    _, left, right = _panels(np.zeros(1), np.array([sigma]), kinks)
    z, weights = _nodes(left, right)
    total: Array = weights.ravel() / weights.sum()
    return sigma * z.ravel(), total


def gauss_legendre(start: Array, end: Array) -> tuple[Array, Array]:
    """Points and weights of int f(z) dz on panels, shape (P, n)."""
    half = (end - start)[:, None] / 2
    return (end + start)[:, None] / 2 + half * NODES, half * WEIGHTS


def _nodes(start: Array, end: Array) -> tuple[Array, Array]:
    """Points and weights of int f(z) e^(-z^2/2) / sqrt(2 pi) dz on panels, shape (P, n)."""
    z, weights = gauss_legendre(start, end)
    return z, weights * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def _panels(
    mean: Array, sigma: Array, kinks: Sequence[float]
) -> tuple[NDArray[np.int_], Array, Array]:
    """Panels (owner, left, right) in units of z: every 2 sigma, and in x around 0 and the kinks."""
    with np.errstate(divide="ignore"):
        levels = np.log(REACH * sigma.max() + np.abs(mean).max()) / np.log(GROWTH)
    steps = GROWTH ** np.arange(max(0, int(np.ceil(min(levels, 350)))) + 1)
    inside = [k for k in kinks if np.isfinite(k)]
    x = np.array(sorted({0.0, *steps.tolist(), *(-steps).tolist(), *inside}))
    fixed = np.broadcast_to(np.arange(-REACH, REACH + 1, 2.0), (len(sigma), 13))
    with np.errstate(over="ignore"):
        moving = (x - mean[:, None]) / sigma[:, None]
    edges = np.sort(np.concatenate([fixed, moving.clip(-REACH, REACH)], axis=1), axis=1)
    owner, panel = np.nonzero(np.diff(edges, axis=1) > 0)
    return owner, edges[owner, panel], edges[owner, panel + 1]


def _summed(values: Array, owner: NDArray[np.int_], owners: int) -> Array:
    """Sums of panels (K, P) by owner, shape (K, Q)."""
    return np.stack([np.bincount(owner, row, owners) for row in values])
