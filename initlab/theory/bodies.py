"""The body of a network, the layers that no override is about, and where its signal runs into."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from initlab.spec.run import Run
from initlab.theory.curves import Curves
from initlab.theory.layer_curves import LayerCurves
from initlab.theory.meanfield import FixedPoints, fixed_points
from initlab.theory.quadrature import Array


def fixed_of_bodies(
    curves: LayerCurves, runs: Sequence[Run], w2: Array, b2: Array, tick: Callable[[], None]
) -> dict[int, FixedPoints]:
    """Fixed points of the networks whose bodies have one activation, sigma_w > 0 and sigma_b.

    Args:
        curves: those of the layers of all networks.
        runs: R networks side by side.
        w2: sigma_w^2 of every layer, shape (L, R).
        b2: sigma_b^2, likewise.
        tick: called from time to time; it may raise.

    Returns:
        By place among the runs; chi_1 with fan_out Var W where fans differ.
    """
    bodies: dict[Curves, list[tuple[int, float, float]]] = {}
    for index, run in enumerate(runs):
        body = body_of(run)
        if not body or len({id(curves.of(layer)) for layer in body}) > 1:
            continue
        own_w2, own_b2 = w2[body, index], b2[body, index]
        alike = np.ptp(own_w2) <= 1e-12 * own_w2[0] and np.ptp(own_b2) <= 1e-12 * own_b2[0]
        if alike and own_w2[0] > 0:
            found = index, float(own_w2[0]), float(own_b2[0])
            bodies.setdefault(curves.of(body[0]), []).append(found)
    return {
        index: point._replace(chi_1=point.chi_1 * tapering(runs[index]))
        for own, networks in bodies.items()
        for index, point in _fixed_points(own, networks, tick)
    }


def _fixed_points(
    curves: Curves, networks: list[tuple[int, float, float]], tick: Callable[[], None]
) -> Iterator[tuple[int, FixedPoints]]:
    """Of networks (index, sigma_w^2, sigma_b^2), of which equal ones are looked at once."""
    where, w2, b2 = zip(*networks, strict=True)
    variances, index = np.unique(np.array([w2, b2]), axis=1, return_inverse=True)
    sigma_w, sigma_b = np.sqrt(variances)
    every = fixed_points(curves, sigma_w, sigma_b, tick)
    if curves.shift is not None:  # E z^2, as other q's are
        every = every._replace(q=every.q + curves.shift.mean**2 + curves.shift.variance)
    for at, i in zip(where, index.ravel().tolist(), strict=True):
        yield at, every.one(i)


def body_of(run: Run) -> list[int]:
    """The layers that no override is about."""
    other = {layer for override in run.overrides for layer in override.layers(run.depth)}
    return [layer for layer in range(run.depth) if layer not in other]


def tapering(run: Run) -> float:
    """Geometric mean of fan_out / fan_in over the layers of the body that a gradient passes.

    A gradient is multiplied by fan_out Var W, a signal by fan_in Var W.
    """
    pairs = list(pairwise(run.shape))
    logs = [math.log(pairs[layer][1] / pairs[layer][0]) for layer in body_of(run) if layer]
    return math.exp(sum(logs) / len(logs)) if logs else 1.0
