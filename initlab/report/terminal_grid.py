"""A grid in shades of characters."""

import textwrap
from collections.abc import Iterator

import numpy as np

from initlab.formatting import on_one_line
from initlab.report.figure import Grid
from initlab.report.scales import Scale, scale, tick_label

SHADES, ASCII_SHADES = "░▒▓█", ".:-=+*#%@"
UNKNOWN = "?"
WIDEST = 8  # characters of a cell


def grid_lines(grid: Grid, width: int, *, unicode: bool) -> Iterator[str]:
    """Shades of the values, the largest y on top, and what they stand for.

    A grid that is wider or higher than the terminal is shown at every k-th value.
    """
    shades = SHADES if unicode else ASCII_SHADES
    title = f"{grid.y.title} (up), {grid.x.title} (across); shades: {grid.value.title}"
    yield from textwrap.wrap(on_one_line(title), width)
    values = scale([grid.values[np.isfinite(grid.values)]], grid.value, exact=True)
    names = [tick_label(y) for y in grid.ys]
    left = max(map(len, names), default=0)
    room = max(width - left - 1, 1)
    step = -(-len(grid.xs) // room) or 1
    wide = min(WIDEST, room // max(len(grid.xs[::step]), 1))
    for name, row in zip(reversed(names), grid.values[::-1], strict=True):
        cells = (_shade(value, values, shades) * wide for value in row[::step])
        yield f"{name:>{left}} " + "".join(cells)
    text = ""
    for n, x in enumerate(grid.xs[::step]):
        label = tick_label(x)
        if len(text) <= n * wide and n * wide + len(label) <= room:
            text = f"{text:<{n * wide}}{label} "
    yield " " * (left + 1) + text
    ends = [
        tick_label(float(f"{values.value(n / len(shades)):.2g}")) for n in range(len(shades) + 1)
    ]
    meaning = [f"{shade} {ends[n]}..{ends[n + 1]}" for n, shade in enumerate(shades)]
    missing = [] if np.isfinite(grid.values).all() else [f"{UNKNOWN} none"]
    yield from textwrap.wrap("   ".join([*meaning, *missing]), width)


def _shade(value: float, values: Scale, shades: str) -> str:
    if not np.isfinite(value):
        return UNKNOWN
    return shades[min(int(values.fraction(value) * len(shades)), len(shades) - 1)]
