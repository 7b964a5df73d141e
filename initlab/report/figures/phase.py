"""The phase diagram of an activation: where gradients grow or shrink, and how far signals reach.

(Poole et al. 2016, fig. 1; Schoenholz et al. 2017, fig. 5.)
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from initlab.catalog import ACTIVATIONS
from initlab.report.figure import Array, Axis, Figure, Grid, Line, Word
from initlab.report.figures.contours import contour
from initlab.report.figures.named import named
from initlab.spec.run import Choice
from initlab.theory.critical import edges_of_chaos
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
    edge = _edge(curves, ys)
    beyond, scales = _boundary(xs, ys, chi_1, curves), _depth_scales(xs, ys, found)
    grid = Grid(
        "",
        Axis("sigma_w, of the weights"),
        Axis("sigma_b, of the biases"),
        Axis("chi_1", log=True),
        xs,
        ys,
        chi_1,
        contours=(edge, *beyond, *scales.values()),
        center=1.0,
        words=tuple(_words(xs, ys, chi_1)),
    )
    notes = [
        "chi_1: growth of the gradient's variance from layer to layer. Below 1 samples grow alike"
        " (ordered), above 1 they part (chaotic).",
        *_told_edge(named(choice, ACTIVATIONS), edge, bool(beyond)),
    ]
    if scales:
        notes.append(
            f"Dashed: xi_c = {', '.join(map(str, scales))} layers, in which a correlation moves"
            " towards its end by e; networks deeper than 6 xi_c are hard to train."
        )
    lost = int((~found.at.converged).sum())
    if lost:
        notes.append(f"{lost} of {chi_1.size} points did not converge.")
    return Figure(f"{named(choice, ACTIVATIONS)}: phase diagram", (grid,), tuple(notes))


def _rows(values: Array, xs: Array, ys: Array) -> Array:
    """Values of a phase map, sigma_b fastest, as (len(ys), len(xs))."""
    return values.reshape(len(xs), len(ys)).T


def _edge(curves: Curves, ys: Array) -> Line:
    """The edge that signals run into, as a curve over sigma_b; nan where there is none."""
    # closer near 0, where the edge of tanh leaves sigma_w = 1 with sigma_b^(2/3)
    sigma_b = ys[0] + (ys[-1] - ys[0]) * np.linspace(0, 1, EDGE_POINTS) ** 2
    found = [edges_of_chaos(curves, b) for b in sigma_b.tolist()]
    sigma_w = np.array([e[0].sigma_w if e and e[0].stable else np.nan for e in found])
    return Line("edge of chaos", sigma_w, sigma_b)


def _boundary(xs: Array, ys: Array, chi_1: Array, curves: Curves) -> list[Line]:
    """Where chi_1 passes 1 though there is no edge: beyond, lengths grow for ever."""
    without = [not any(edge.stable for edge in edges_of_chaos(curves, y)) for y in ys.tolist()]
    with np.errstate(divide="ignore"):
        # of 0 and inf, too, something to pass 1 between
        growth = np.where(np.array(without)[:, None], np.log(chi_1).clip(-1, 1), np.nan)
    x, y = contour(xs, ys, growth, 0.0)
    return [Line("lengths diverge", x, y, dashed=True)] if len(x) else []


def _depth_scales(xs: Array, ys: Array, found: PhaseMap) -> dict[int, Line]:
    """Contours of xi_c by their layers, on both sides of the edge, by 1/xi_c, which is 0 on it."""
    with np.errstate(divide="ignore"):
        rate = np.sign(found.at.chi_1 - 1) / found.at.xi_c
    rates = _rows(rate, xs, ys)
    lines = {}
    for layers in DEPTH_SCALES:
        sides = [contour(xs, ys, rates, sign / layers) for sign in (-1, 1)]
        x, y = (np.concatenate([sides[0][i], [np.nan], sides[1][i]]) for i in (0, 1))
        if np.isfinite(x).any():
            lines[layers] = Line(f"xi_c = {layers}", x, y, dashed=True)
    return lines


def _words(xs: Array, ys: Array, chi_1: Array) -> Iterator[Word]:
    """The names of the phases, each in the middle of its part of the plane.

    Where gradients grow beyond all bounds there is no fixed point, and so no phase.
    """
    across, up = np.meshgrid(np.linspace(0, 1, len(xs)), np.linspace(0, 1, len(ys)))
    for text, part in (("ordered", chi_1 < 1), ("chaotic", (chi_1 > 1) & np.isfinite(chi_1))):
        if part.mean() >= LEAST_SHARE:
            away = np.hypot(across - across[part].mean(), up - up[part].mean())
            row, column = np.unravel_index(np.where(part, away, np.inf).argmin(), part.shape)
            yield Word(text, float(xs[column]), float(ys[row]))


def _told_edge(name: str, edge: Line, boundary: bool) -> Iterator[str]:
    """Where there is an edge, unless it is everywhere."""
    sigma_w, sigma_b, there = edge.x, edge.y, np.isfinite(edge.x)
    if not there.any():
        yield f"{name} has no edge of chaos that signals run into, with any of these sigma_b."
    elif there.sum() == 1:
        at = int(there.argmax())
        yield f"The edge is a point: sigma_w = {sigma_w[at]:.4g}, sigma_b = {sigma_b[at]:g}."
    elif not there.all():
        low, high = sigma_b[there].min(), sigma_b[there].max()
        yield f"Signals run into the edge at sigma_b from {low:.2g} to {high:.2g} only."
    if boundary:
        yield "Right of the line where lengths diverge there is no fixed point: they grow for ever."
