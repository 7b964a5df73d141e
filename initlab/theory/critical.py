"""The edge of chaos: the sigma_w at which chi_1 = 1, for any activation and sigma_b.

On the edge 1 = sigma_w^2 D(q) and q = sigma_w^2 V(q) + sigma_b^2, so it is a curve over q
(Schoenholz et al. 2017; Hayou et al. 2019, algorithm 1):

    sigma_w^2 = 1 / D(q)      sigma_b^2 = q - V(q) / D(q)
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from initlab.errors import InputError
from initlab.theory.curves import LOWEST, Curves
from initlab.theory.meanfield import CRITICAL, depth_scale, fixed_points
from initlab.theory.quadrature import Array

SCAN = np.arange(-40.0, 40.0, 0.125)  # ln q
FLAT = 1e-11  # |sigma_b^2(q)| / q that is rounding


@dataclass(frozen=True)
class Edge:
    """One point on the edge of chaos: chi_1 is 1, xi_c infinite.

    `stable` says whether an input of unit variance runs into this q*; else the point is there, but
    a signal leaves it. `xi_q` is negative where lengths part from q* exponentially.
    """

    sigma_w: float
    q: float
    chi_1: float
    xi_q: float
    xi_c: float
    stable: bool
    converged: bool  # of the fixed point, on which `stable` rests
    iterations: int


def edges_of_chaos(curves: Curves, sigma_b: float) -> list[Edge]:
    """Every point of the edge at this sigma_b, those first that signals run into.

    Empty where there is none: with softplus, whatever sigma_w, chi_1 < 1 or lengths grow for ever.
    """
    edges = [_edge(curves, ln_q, sigma_b) for ln_q in _candidates(curves, sigma_b)]
    edges.sort(key=lambda edge: (not edge.stable, edge.sigma_w))
    # where the curve is flat, as of ReLU, rounding makes several of one
    return [e for e, before in zip(edges, [None, *edges], strict=False) if not _equal(e, before)]


def _equal(edge: Edge, other: Edge | None) -> bool:
    return other is not None and abs(edge.sigma_w / other.sigma_w - 1) < 1e-9


def critical_gain(curves: Curves) -> float | None:
    """The sigma_w on the edge of chaos at sigma_b = 0, if signals stay there; else None."""
    edges = [edge for edge in edges_of_chaos(curves, 0.0) if edge.stable]
    return edges[0].sigma_w if edges else None


def _edge(curves: Curves, ln_q: float, sigma_b: float) -> Edge:
    vanishing = ln_q <= SCAN[0]
    at = curves.at(np.array(LOWEST if vanishing else ln_q))
    sigma_w = math.exp(-float(at.ln_d) / 2)
    from_1 = fixed_points(curves, np.array([sigma_w]), np.array([sigma_b]))
    reached, chi_1 = float(from_1.q[0]), float(from_1.chi_1[0])
    q = 0.0 if vanishing else math.exp(ln_q)
    stable = bool(from_1.converged[0] and abs(chi_1 - 1) <= CRITICAL and reached < math.inf)
    if stable and vanishing:
        q = reached  # lengths of any size stay (ReLU), or shrink to 0 (tanh)
    chi_1 = float(sigma_w**2 * np.exp(at.ln_d))
    chi_q = float(at.growth * sigma_w**2 * np.exp(at.ln_v - (LOWEST if vanishing else ln_q)))
    xi_q, xi_c = depth_scale(np.array([chi_q, 1.0])).tolist()
    found = bool(from_1.converged[0])
    return Edge(sigma_w, q, chi_1, xi_q, xi_c, stable, found, int(from_1.iterations[0]))


def _candidates(curves: Curves, sigma_b: float) -> list[float]:
    """ln q at which the curve takes this sigma_b; the end of the scan stands for q = 0."""
    from scipy.optimize import brentq

    def excess(ln_q: Array) -> Array:
        at = curves.at(ln_q)
        # (q - V/D - sigma_b^2) / q
        return 1 - np.exp(at.ln_v - at.ln_d - ln_q) - sigma_b**2 * np.exp(-ln_q)

    values = excess(SCAN)
    if np.isnan(values).all():
        raise InputError(f"{curves.activation.choice.name} cannot be resolved by quadrature")
    known = np.flatnonzero(np.abs(values) > FLAT)  # a root may lie on a node: look past it
    found = [float(SCAN[0])] if sigma_b == 0 and abs(values[0]) <= FLAT else []
    for low, high in pairwise(known.tolist()):
        if values[low] * values[high] < 0:
            between = SCAN[low], SCAN[high]
            found.append(brentq(lambda x: float(excess(np.array(x))), *between, xtol=1e-14))
    return found
