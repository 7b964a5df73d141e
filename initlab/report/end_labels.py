"""Where names of lines and rules stand, moved apart where they would overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

from initlab.report.figure import Line, Panel, Rule
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
        left = x_scale.fraction(line.x[-1]) * width + GAP
        right = left + CHARACTER * len(line.label)
        wanted = (1 - y_scale.fraction(line.y[-1])) * height
        y = _free(wanted, [at for low, high, at in placed if low < right and left < high], height)
        if y is None:
            return None
        placed.append((left, right, y))
        found.append(EndLabel(line.label, float(line.x[-1]), y_scale.value(1 - y / height)))
    return found


@dataclass(frozen=True)
class RuleLabel:
    """The label of an upright rule at `x`: in a row from the top, right or left of the rule."""

    label: str
    x: float
    row: int
    leftward: bool


def rule_labels(rules: Sequence[Rule], scale: Scale, width: int) -> list[RuleLabel]:
    """The labels of upright rules, one below the other where they are close."""
    taken: list[tuple[float, float, int]] = []  # left, right, row
    found = []
    for x, label in sorted((rule.x, rule.label) for rule in rules if rule.x is not None):
        at, length = scale.fraction(x) * width, CHARACTER * len(label) + GAP
        leftward = at + length > width and at > length
        left, right = (at - length, at) if leftward else (at, at + length)
        rows = {row for low, high, row in taken if low < right and left < high}
        row = next(n for n in range(len(taken) + 1) if n not in rows)
        taken.append((left, right, row))
        found.append(RuleLabel(label, x, row, leftward))
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
