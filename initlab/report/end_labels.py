"""Where the names of lines stand: beside their ends, moved apart where they would overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

from initlab.report.figure import Line, Panel
from initlab.report.scales import Scale

LINE_HEIGHT, CHARACTER = 13, 6.2  # pixels of the labels' font, about
GAP = 5  # pixels from a line's end to its label
MOST_LABELS, LONGEST = 10, 34


@dataclass(frozen=True)
class EndLabel:
    """A label at (x, y) of the panel's axes: the middle of its left edge, GAP pixels off."""

    label: str
    x: float
    y: float


def end_labels(
    panel: Panel, scales: tuple[Scale, Scale], size: tuple[int, int]
) -> list[EndLabel] | None:
    """A label at the end of every measured line; None where they do not fit."""
    ends = _ends(panel.lines)
    if len(ends) > MOST_LABELS or any(len(line.label) > LONGEST for line in ends):
        return None
    (x_scale, y_scale), (width, height) = scales, size
    placed: list[tuple[float, float, float]] = []  # left, right, middle, in pixels
    found = []
    for line in sorted(ends, key=lambda line: -float(line.y[-1])):
        left = float(x_scale.at(line.x[-1])) * width + GAP
        right = left + CHARACTER * len(line.label)
        wanted = (1 - float(y_scale.at(line.y[-1]))) * height
        y = _free(wanted, [at for low, high, at in placed if low < right and left < high], height)
        if y is None:
            return None
        placed.append((left, right, y))
        found.append(EndLabel(line.label, float(line.x[-1]), y_scale.value(1 - y / height)))
    return found


def _ends(lines: Sequence[Line]) -> list[Line]:
    """The last piece of each measured line, or of a predicted one that stands alone."""
    last: dict[str, Line] = {}
    for line in sorted(lines, key=lambda line: not line.dashed):
        known = last.get(line.label)
        if line.faint and known is not None and not known.dashed:
            continue
        if known is None or known.dashed or line.x[-1] >= known.x[-1]:
            last[line.label] = line
    return [line for line in last.values() if line.label]


def _free(wanted: float, taken: Sequence[float], height: int) -> float | None:
    """The free place nearest to the one wanted, two lines off at most for every one taken."""
    for step in range(2 * len(taken) + 2):
        for side in (1, -1):
            y = wanted + side * step * LINE_HEIGHT / 2
            if 0 <= y <= height and all(abs(y - other) >= LINE_HEIGHT for other in taken):
                return y
    return None
