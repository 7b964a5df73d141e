"""Curves along which a value on a grid is constant, by marching squares (Lorensen & Cline 1987)."""

from collections import defaultdict

import numpy as np

from initlab.report.figure import Array

Edge = tuple[int, int, bool]  # of the grid: row, column, whether it goes up


def contour(xs: Array, ys: Array, values: Array, level: float) -> tuple[Array, Array]:
    """Points (x, y) of every curve at which the values pass `level`, nan between two curves.

    Values are taken as linear between neighbours. Cells with a corner that is not finite have none.

    Args:
        xs: shape (n,), of the columns.
        ys: shape (m,), of the rows.
        values: shape (m, n).
        level: the value.
    """
    above = values >= level
    neighbours: dict[Edge, list[Edge]] = defaultdict(list)
    for row in range(len(ys) - 1):
        for column in range(len(xs) - 1):
            cell = values[row : row + 2, column : column + 2]
            if np.isfinite(cell).all():
                for one, other in _segments(row, column, above, float(cell.mean()) >= level):
                    neighbours[one].append(other)
                    neighbours[other].append(one)

    def point(edge: Edge) -> tuple[float, float]:
        row, column, up = edge
        end = (row + 1, column) if up else (row, column + 1)
        first, last = values[row, column], values[end]
        t = (level - first) / (last - first)
        x = xs[column] + t * (xs[end[1]] - xs[column])
        return float(x), float(ys[row] + t * (ys[end[0]] - ys[row]))

    points: list[tuple[float, float]] = []
    for chain in _chains(neighbours):
        points += [*([(np.nan, np.nan)] if points else []), *map(point, chain)]
    x, y = np.array(points).reshape(-1, 2).T
    return x, y


def _segments(
    row: int, column: int, above: np.ndarray, middle_above: bool
) -> list[tuple[Edge, Edge]]:
    """Pairs of edges of a cell that the curve joins; none, one, or at a saddle two."""
    bottom, top = (row, column, False), (row + 1, column, False)
    left, right = (row, column, True), (row, column + 1, True)
    corners = above[row : row + 2, column : column + 2]
    crossed = [
        edge
        for edge, differ in (
            (bottom, corners[0, 0] != corners[0, 1]),
            (right, corners[0, 1] != corners[1, 1]),
            (top, corners[1, 0] != corners[1, 1]),
            (left, corners[0, 0] != corners[1, 0]),
        )
        if differ
    ]
    if len(crossed) < 4:
        return [(crossed[0], crossed[1])] if crossed else []
    if corners[0, 0] == middle_above:  # the curve cuts off the two other corners
        return [(bottom, right), (top, left)]
    return [(bottom, left), (top, right)]


def _chains(neighbours: dict[Edge, list[Edge]]) -> list[list[Edge]]:
    """The curves as sequences of edges: those with ends, then those that are closed."""
    found, seen = [], set()
    ends = [edge for edge, beside in neighbours.items() if len(beside) == 1]
    for start in [*ends, *neighbours]:
        if start in seen:
            continue
        chain = [start]
        seen.add(start)
        while True:
            following = [e for e in neighbours[chain[-1]] if e not in seen]
            if not following:
                break
            chain.append(following[0])
            seen.add(following[0])
        closed = len(neighbours[start]) == 2 and len(chain) > 2
        found.append([*chain, start] if closed else chain)
    return found
