"""The phases of an activation: fixed points and depth scales on a grid of sigma_w and sigma_b.

(Poole et al. 2016, fig. 1; Schoenholz et al. 2017, fig. 1.)
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from initlab.formatting import none_if_nan
from initlab.spec.run import Choice
from initlab.theory.curves import curves_of
from initlab.theory.meanfield import FixedPoints, fixed_points

#: what `PhaseMap.rows` yields
COLUMNS = (
    "sigma_w", "sigma_b", "q", "chi_1", "c", "xi_q", "xi_c", "phase", "converged", "iterations",
)  # fmt: skip


@dataclass(frozen=True)
class PhaseMap:
    """Networks of one activation, with weights N(0, sigma_w^2 / fan_in) and biases N(0, sigma_b^2).

    Args:
        grid: (sigma_w, sigma_b) of every network, P of them.
        at: their fixed points, arrays of shape (P,).
    """

    grid: list[tuple[float, float]]
    at: FixedPoints

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """COLUMNS of every network; None where the fixed point was not found."""
        at = self.at
        numbers = np.stack([at.q, at.chi_1, at.c, at.xi_q, at.xi_c], axis=1).tolist()
        for sigmas, row, phase, converged, count in zip(
            self.grid, numbers, at.phase, at.converged, at.iterations, strict=True
        ):
            yield (*sigmas, *map(none_if_nan, row), phase or None, bool(converged), int(count))


def phase_map(activation: Choice, sigma_w: Sequence[float], sigma_b: Sequence[float]) -> PhaseMap:
    """Every pair of these scales, sigma_b fastest; sigma_w > 0, sigma_b >= 0."""
    grid = list(itertools.product(sigma_w, sigma_b))
    w, b = np.array(grid).T
    return PhaseMap(grid, fixed_points(curves_of(activation), w, b))
