"""Where the names of upright rules stand: clear of lines, of their names and of other rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from initlab.report.drawing.end_labels import CHARACTER, GAP, LINE_HEIGHT, EndLabel
from initlab.report.drawing.scales import Scale
from initlab.report.figure import Array, Line, Panel

Box = tuple[float, float, float, float]  # left, right, bottom, top, in pixels from the lower left
#: what is worse than to stand one row higher, by so many rows
ON_TEXT, ON_LINE, ON_RULE, LEFTWARD = 1000.0, 30.0, 10.0, 0.5


@dataclass(frozen=True)
class RuleLabel:
    """The label of an upright rule at `x`: in a row from the bottom, right or left of the rule."""

    label: str
    x: float
    row: int
    leftward: bool


def rule_labels(
    panel: Panel, scales: tuple[Scale, Scale], size: tuple[int, int], ends: Sequence[EndLabel]
) -> list[RuleLabel]:
    """Of all places the lowest that is clear, or that on which the least stands.

    Args:
        panel: without gaps.
        scales: of x and y.
        size: of the panel in pixels, across and up.
        ends: the names of its lines.
    """
    (across, up), (width, height) = scales, size
    uprights = sorted((rule.x, rule.label) for rule in panel.rules if rule.x is not None)
    at = np.array([across.fraction(x) * width for x, _ in uprights])
    lines = [_pixels(line, scales, size) for line in panel.lines]
    taken = [_of_name(end, scales, size) for end in ends]
    taken += [
        (GAP, GAP + CHARACTER * len(rule.label), y, y + LINE_HEIGHT)
        for rule in panel.rules
        if rule.y is not None
        for y in [up.fraction(rule.y) * height]
    ]
    found = []
    for number, (x, label) in enumerate(uprights):
        others = np.delete(at, number)

        def cost(place: tuple[int, bool, Box], others: Array = others) -> float:
            row, leftward, box = place
            return (
                row
                + LEFTWARD * leftward
                + ON_TEXT * sum(_overlap(box, other) for other in taken)
                + ON_LINE * sum(_passes(line, box) for line in lines)
                + ON_RULE * int(((box[0] < others) & (others < box[1])).sum())
            )

        places = _places(float(at[number]), CHARACTER * len(label) + GAP, size)
        row, leftward, box = min(places, key=cost)
        taken.append(box)
        found.append(RuleLabel(label, x, row, leftward))
    return found


def _places(x: float, length: float, size: tuple[int, int]) -> Iterator[tuple[int, bool, Box]]:
    """Row, side and box of every place within the panel; right of the rule if none fits."""
    width, height = size
    sides = [left for left in (False, True) if (x > length if left else x + length < width)]
    for row in range(height // LINE_HEIGHT):
        for leftward in sides or [False]:
            left = x - length if leftward else x
            yield row, leftward, (left, left + length, row * LINE_HEIGHT, (row + 1) * LINE_HEIGHT)


def _pixels(line: Line, scales: tuple[Scale, Scale], size: tuple[int, int]) -> tuple[Array, Array]:
    """A line at every pixel across."""
    x, y = (
        np.array([scale.fraction(value) * length for value in values.tolist()])
        for scale, values, length in zip(scales, (line.x, line.y), size, strict=True)
    )
    order = np.argsort(x)
    pixels = np.arange(np.floor(x.min()), np.ceil(x.max()) + 1)
    return pixels, np.interp(pixels, x[order], y[order])


def _of_name(end: EndLabel, scales: tuple[Scale, Scale], size: tuple[int, int]) -> Box:
    x, y = (s.fraction(v) * n for s, v, n in zip(scales, (end.x, end.y), size, strict=True))
    half = LINE_HEIGHT / 2
    return x + GAP, x + GAP + CHARACTER * len(end.label), y - half, y + half


def _overlap(one: Box, other: Box) -> bool:
    across = one[0] < other[1] and other[0] < one[1]
    return across and one[2] < other[3] and other[2] < one[3]


def _passes(line: tuple[Array, Array], box: Box) -> bool:
    """Whether a line passes through a box."""
    x, y = line
    within = y[(box[0] <= x) & (x <= box[1])]
    return bool(len(within) and within.min() < box[3] and within.max() > box[2])
