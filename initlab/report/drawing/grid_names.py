"""Where the words of a grid and the names of its contours stand, none over another."""

import numpy as np

from initlab.report.drawing.end_labels import CHARACTER, LINE_HEIGHT
from initlab.report.drawing.scales import Scale
from initlab.report.figure import Array, Grid, Line, Word

#: along a contour, where its name may stand; the first of those over the fewest other contours
PLACES = (0.75, 0.6, 0.9, 0.45, 0.3, 0.15, 0.97, 0.03)
LEAST_LENGTH = 60  # pixels across and up, of a contour with a name
STEPS = 100  # along a contour, at which others may not cover it
PADDING = 2  # pixels
Box = tuple[float, float, float, float]


def names(grid: Grid, scales: tuple[Scale, Scale], size: tuple[int, int]) -> list[Word]:
    """The words of a drawable grid, and names of its contours, solid ones first, that find room.

    Args:
        grid: without gaps in its contours.
        scales: of x and y.
        size: of the grid within its axes, in pixels.
    """

    def box(text: str, x: float, y: float) -> Box:
        half = CHARACTER * len(text) / 2 + PADDING
        return x - half, x + half, y - LINE_HEIGHT / 2, y + LINE_HEIGHT / 2

    def back(text: str, x: float, y: float) -> Word:
        return Word(text, scales[0].value(x / size[0]), scales[1].value(y / size[1]))

    found = list(grid.words)
    taken = [
        box(w.text, *_pixels(np.array([w.x]), np.array([w.y]), scales, size)[0]) for w in found
    ]
    lines = sorted(grid.contours, key=lambda line: line.dashed)
    paths = [_path(line, scales, size) for line in lines]
    for line, path in zip(lines, paths, strict=True):
        if len(line.x) > 1 and np.ptp(path, axis=0).sum() < LEAST_LENGTH:
            continue
        others = np.concatenate([np.empty((0, 2)), *(p for p in paths if p is not path)])
        free: list[tuple[int, int, Box, float, float]] = []
        for share in PLACES:
            x, y = path[round(share * (len(path) - 1))]
            x += CHARACTER * len(line.label) / 2 + 8 if len(line.x) == 1 else 0.0  # beside a point
            place = box(line.label, float(x), float(y))
            if _inside(place, size) and not any(_overlap(place, other) for other in taken):
                free.append((_covered(place, others), len(free), place, float(x), float(y)))
        if free:
            _, _, place, x, y = min(free)
            taken.append(place)
            found.append(back(line.label, x, y))
    return found


def _pixels(x: Array, y: Array, scales: tuple[Scale, Scale], size: tuple[int, int]) -> Array:
    """Points (n, 2) in pixels from the lower left corner."""
    pairs = zip(x.tolist(), y.tolist(), strict=True)
    return np.array(
        [(scales[0].fraction(a) * size[0], scales[1].fraction(b) * size[1]) for a, b in pairs]
    ).reshape(-1, 2)


def _path(line: Line, scales: tuple[Scale, Scale], size: tuple[int, int]) -> Array:
    """Points along a contour at equal distances, in pixels."""
    corners = _pixels(line.x, line.y, scales, size)
    lengths = np.hypot(*np.diff(corners, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.linspace(0, along[-1], STEPS if len(corners) > 1 else 1)
    return np.stack([np.interp(at, along, corners[:, i]) for i in (0, 1)], axis=1)


def _inside(box: Box, size: tuple[int, int]) -> bool:
    return box[0] >= 0 and box[1] <= size[0] and box[2] >= 0 and box[3] <= size[1]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _covered(box: Box, points: Array) -> int:
    """How many of these points lie in a box."""
    x, y = points.T
    return int(((box[0] <= x) & (x <= box[1]) & (box[2] <= y) & (y <= box[3])).sum())
