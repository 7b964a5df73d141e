"""Where the words of a grid and the names of its contours stand, none over another."""

import numpy as np

from initlab.report.end_labels import CHARACTER, LINE_HEIGHT
from initlab.report.figure import Grid, Line, Word
from initlab.report.scales import Scale

#: along a contour, where its name may stand
PLACES = (0.75, 0.6, 0.9, 0.45, 0.3, 0.15, 1.0, 0.0)
LEAST_SHARE = 0.12  # of both axes together, that a contour with a name goes along
PADDING = 2  # pixels
Box = tuple[float, float, float, float]


def names(grid: Grid, scales: tuple[Scale, Scale], size: tuple[int, int]) -> list[Word]:
    """The words of a drawable grid, and names of its contours, solid ones first, that find room.

    Args:
        grid: without gaps in its contours.
        scales: of x and y.
        size: of the grid within its axes, in pixels.
    """
    taken: list[Box] = []
    found = [word for word in grid.words if _free(word, scales, size, taken)]
    for line in sorted(grid.contours, key=lambda line: line.dashed):
        if len(line.x) > 1 and _length(line, scales) < LEAST_SHARE:
            continue
        for share in PLACES:
            at = round(share * (len(line.x) - 1))
            word = Word(line.label, float(line.x[at]), float(line.y[at]))
            if _free(word, scales, size, taken):
                found.append(word)
                break
    return found


def _free(word: Word, scales: tuple[Scale, Scale], size: tuple[int, int], taken: list[Box]) -> bool:
    """Whether a word lies within the axes and over no other; then its place is taken."""
    x, y = scales[0].fraction(word.x) * size[0], scales[1].fraction(word.y) * size[1]
    half = CHARACTER * len(word.text) / 2 + PADDING
    box = (x - half, x + half, y - LINE_HEIGHT / 2, y + LINE_HEIGHT / 2)
    inside = box[0] >= 0 and box[1] <= size[0] and box[2] >= 0 and box[3] <= size[1]
    if not inside or any(_overlap(box, other) for other in taken):
        return False
    taken.append(box)
    return True


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _length(line: Line, scales: tuple[Scale, Scale]) -> float:
    """How far a line goes along both axes, as shares of them."""
    along = [
        [s.fraction(v) for v in values] for s, values in zip(scales, (line.x, line.y), strict=True)
    ]
    return float(sum(np.ptp(fractions) for fractions in along))
