"""The phase diagram of an activation: where gradients grow or shrink, and how far signals reach.

(Poole et al. 2016, fig. 1; Schoenholz et al. 2017, fig. 5.)
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from initlab.catalog import ACTIVATIONS
from initlab.report.contours import contour
from initlab.report.figure import Array, Axis, Figure, Grid, Line, Word
from initlab.report.figures.named import named
from initlab.spec.run import Choice
from initlab.theory.critical import Edge, edges_of_chaos
from initlab.theory.curves import Curves, curves_of
from initlab.theory.phase_map import PhaseMap, phase_map

DEPTH_SCALES = (3, 10, 30)  # layers, drawn as contours
EDGE_POINTS = 25  # of the curve of the edge
LEAST_SHARE = 0.02  # of the plane, for a phase to be named in it


def plane(choice: Choice) -> tuple[list[float], list[float]]:
    """Scales for a picture that has the edge in it: sigma_w to 4, sigma_b to 1, or more."""
    curves = curves_of(choice)
    on_edge = [e.sigma_w for b in (0.0, 1.0) for e in edges_of_chaos(curves, b)[:1]]
    top = max([4.0, *(math.ceil(1.25 * sigma_w) for sigma_w in on_edge)])
    return np.linspace(0.5, top, 36).tolist(), np.linspace(0.0, 1.0, 21).tolist()


def phase(choice: Choice, sigma_w: Sequence[float], sigma_b: Sequence[float]) -> Figure:
    """Colours of chi_1 over sigma_w and sigma_b, the edge of chaos and contours of xi_c.

    Args:
        choice: an activation with all of its parameters.
        sigma_w: of the weights N(0, sigma_w^2 / fan_in), above 0, rising.
        sigma_b: of the biases N(0, sigma_b^2), rising.
    """
    curves, found = curves_of(choice), phase_map(choice, sigma_w, sigma_b)
    xs, ys = np.asarray(sigma_w, float), np.asarray(sigma_b, float)
    chi_1 = _rows(found.at.chi_1, xs, ys)
    edge, edges = _edge(curves, ys)
    beyond = _boundary(xs, ys, chi_1, curves)
    grid = Grid(
        "",
        Axis("sigma_w, of the weights"),
        Axis("sigma_b, of the biases"),
        Axis("chi_1", log=True),
        xs,
        ys,
        chi_1,
        contours=(*edge, *beyond, *_depth_scales(xs, ys, found)),
        center=1.0,
        words=tuple(_words(xs, ys, chi_1)),
    )
    notes = [
        "chi_1 is the growth of the gradient's variance from layer to layer: below 1 samples grow"
        " alike (ordered), above 1 they part (chaotic).",
        *_told_edge(named(choice, ACTIVATIONS), edges, bool(beyond)),
        "xi_c is the number of layers in which a correlation moves towards its end by e; a network"
        " deeper than 6 xi_c is hard to train.",
    ]
    lost = int((~found.at.converged).sum())
    if lost:
        notes.append(f"{lost} of {chi_1.size} points did not converge.")
    return Figure(f"{named(choice, ACTIVATIONS)}: phase diagram", (grid,), tuple(notes))


def _rows(values: Array, xs: Array, ys: Array) -> Array:
    """Values of a phase map, sigma_b fastest, as (len(ys), len(xs))."""
    return values.reshape(len(xs), len(ys)).T


def _edge(curves: Curves, ys: Array) -> tuple[list[Line], list[list[Edge]]]:
    """The edge that signals run into, as a curve over sigma_b; and all edges found for it."""
    # closer near 0, where the edge of tanh leaves sigma_w = 1 with sigma_b^(2/3)
    sigma_b = ys[0] + (ys[-1] - ys[0]) * np.linspace(0, 1, EDGE_POINTS) ** 2
    found = [edges_of_chaos(curves, b) for b in sigma_b.tolist()]
    sigma_w = np.array([e[0].sigma_w if e and e[0].stable else np.nan for e in found])
    known = np.isfinite(sigma_w).any()
    return [Line("edge of chaos", sigma_w, sigma_b)] if known else [], found


def _boundary(xs: Array, ys: Array, chi_1: Array, curves: Curves) -> list[Line]:
    """Where chi_1 passes 1 though there is no edge: beyond, lengths grow for ever."""
    without = [not any(edge.stable for edge in edges_of_chaos(curves, y)) for y in ys.tolist()]
    with np.errstate(divide="ignore"):
        growth = np.where(np.array(without)[:, None], np.log(chi_1), np.nan)
    x, y = contour(xs, ys, growth, 0.0)
    return [Line("lengths grow for ever", x, y, dashed=True)] if len(x) else []


def _depth_scales(xs: Array, ys: Array, found: PhaseMap) -> Iterator[Line]:
    """Contours of xi_c, on both sides of the edge, by 1/xi_c, which is 0 on it."""
    with np.errstate(divide="ignore"):
        rate = np.sign(found.at.chi_1 - 1) / found.at.xi_c
    rates = _rows(rate, xs, ys)
    for layers in DEPTH_SCALES:
        sides = [contour(xs, ys, rates, sign / layers) for sign in (-1, 1)]
        x, y = (np.concatenate([sides[0][i], [np.nan], sides[1][i]]) for i in (0, 1))
        if np.isfinite(x).any():
            yield Line(f"xi_c = {layers}", x, y, dashed=True)


def _words(xs: Array, ys: Array, chi_1: Array) -> Iterator[Word]:
    """The names of the phases, each in the middle of its part of the plane."""
    across, up = np.meshgrid(np.linspace(0, 1, len(xs)), np.linspace(0, 1, len(ys)))
    for text, part in (("ordered", chi_1 < 1), ("chaotic", chi_1 > 1)):
        if part.mean() >= LEAST_SHARE:
            away = np.hypot(across - across[part].mean(), up - up[part].mean())
            row, column = np.unravel_index(np.where(part, away, np.inf).argmin(), part.shape)
            yield Word(text, float(xs[column]), float(ys[row]))


def _told_edge(name: str, edges: list[list[Edge]], boundary: bool) -> Iterator[str]:
    stable = [any(edge.stable for edge in found) for found in edges]
    if not any(stable):
        yield f"{name} has no edge of chaos that signals run into, with any of these sigma_b."
    elif not all(stable):
        at = [found[0].sigma_w for found, there in zip(edges, stable, strict=True) if there]
        only = f" (sigma_w = {at[0]:.4g})" if len(at) == 1 else ""
        yield f"{name} has an edge of chaos that signals run into at some of these sigma_b{only}."
    if boundary:
        yield "Right of the dashed boundary there is no fixed point: lengths grow for ever."
