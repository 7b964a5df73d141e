"""Where names of lines stand, moved apart where they would overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

from initlab.report.drawing.scales import Scale
from initlab.report.figure import Line, Panel

LINE_HEIGHT, CHARACTER = 13, 6.2  # pixels of the labels' font, about
GAP = 5  # pixels from a line's end to its label
MOST_LABELS, LONGEST = 14, 34
BESIDE = 0.97  # of the panel's width: names that reach it stand beside the panel


@dataclass(frozen=True)
class EndLabel:
    """A label at (x, y) of the panel's axes: the middle of its left edge, GAP pixels off."""

    label: str
    x: float
    y: float


def end_labels(
    panel: Panel, scales: tuple[Scale, Scale], size: tuple[int, int]
) -> list[EndLabel] | None:
    """A label at the end of every measured line; None where they do not fit a panel this high.

    Beside the panel stand those of lines that reach its right edge, or whose name would.
    """
    ends = _ends(panel.lines)
    if len(ends) > MOST_LABELS or any(len(line.label) > LONGEST for line in ends):
        return None
    (x_scale, y_scale), (width, height) = scales, size
    columns: dict[bool, list[Line]] = {True: [], False: []}
    for line in ends:
        right = x_scale.fraction(line.x[-1]) + (GAP + CHARACTER * len(line.label)) / width
        columns[right > BESIDE].append(line)
    found = []
    for beside, lines in columns.items():
        lines.sort(key=lambda line: -float(line.y[-1]))
        wanted = [(1 - y_scale.fraction(line.y[-1])) * height for line in lines]
        for line, y in zip(lines, spaced(wanted, LINE_HEIGHT, height), strict=True):
            x = x_scale.value(1.0) if beside else float(line.x[-1])
            found.append(EndLabel(line.label, x, y_scale.value(1 - y / height)))
    return found if len(found) * LINE_HEIGHT <= height else None


def spaced(wanted: Sequence[float], least: float, height: float) -> list[float]:
    """Places in the order of those wanted (rising), `least` apart, as near to them as can be.

    Places that are too close form a block around their mean (as in isotonic regression); a block
    that leaves the panel is moved into it.
    """
    blocks: list[tuple[float, int]] = []  # middle, how many
    for place in wanted:
        blocks.append((place, 1))
        while True:
            middle, count = blocks[-1]
            half = (count - 1) * least / 2
            blocks[-1] = min(max(middle, half), max(height - half, half)), count
            if len(blocks) < 2:
                break
            (above, n), (below, m) = blocks[-2:]
            if below - above >= (n + m) * least / 2:
                break
            blocks[-2:] = [((above * n + below * m) / (n + m), n + m)]
    return [
        middle + (n - (count - 1) / 2) * least for middle, count in blocks for n in range(count)
    ]


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
