"""The colours of a grid's values: one scale for all grids of a figure, in every drawing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from initlab.report.drawing.scales import Scale
from initlab.report.figure import Array, Grid

#: from dark to light in equal steps (viridis: Smith & van der Walt 2015)
RISING = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
#: blue below the centre, orange above it, which the colour-blind tell apart
DIVERGING = ("#08306b", "#2171b5", "#9ecae1", "#f2f0eb", "#fdb863", "#d95f02", "#7f2704")
MISSING = "#c4c4c4"
#: marks of what lies beyond all logarithms: they have the colours of the ends
ENDS = {"0": 0.0, "inf": 1.0}
LEAST_REACH = 1.0  # decades, on either side of a centre: what is nearly 1 looks like 1


@dataclass(frozen=True)
class Shades:
    """Values from `low` to `high` as fractions from 0 to 1; logarithms of them where `log`."""

    low: float
    high: float
    log: bool
    centered: bool

    def at(self, values: Array) -> Array:
        """Values as fractions; nan stays nan."""
        moved = np.log10(values) if self.log else np.asarray(values, float)
        fractions: Array = np.clip((moved - self.low) / (self.high - self.low), 0.0, 1.0)
        return fractions

    def of(self, grid: Grid) -> Array:
        """The fraction of every cell of a drawable grid; nan of those that have no colour."""
        found = self.at(grid.values)
        for mark, end in ENDS.items():
            if self.log and grid.marks is not None:
                found = np.where(grid.marks == mark, end, found)
        return found

    def fraction(self, value: float) -> float:
        """Where a value lies between the ends."""
        return float(self.at(np.array(value)))

    def value(self, fraction: float) -> float:
        """The value at a fraction."""
        return self._scale.value(fraction)

    def ticks(self, most: int) -> list[float]:
        """Round values between the ends, about so many."""
        return self._scale.ticks(most)

    @property
    def _scale(self) -> Scale:
        ends = (10.0**self.low, 10.0**self.high) if self.log else (self.low, self.high)
        return Scale(ends[0], ends[1], self.log)

    @property
    def colors(self) -> Sequence[str]:
        """Colours at equal steps from 0 to 1."""
        return DIVERGING if self.centered else RISING

    def color(self, fraction: float) -> tuple[int, int, int]:
        """Red, green and blue of a fraction, 0 to 255."""
        stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in self.colors])
        steps = np.linspace(0, 1, len(stops))
        red, green, blue = (round(float(np.interp(fraction, steps, c))) for c in stops.T)
        return red, green, blue


def shades(grids: Sequence[Grid]) -> Shades:
    """The scale of some drawable grids, which have one value axis and one centre."""
    log, center = (grids[0].value.log, grids[0].center) if grids else (False, None)
    finite = np.concatenate([[], *(grid.values[np.isfinite(grid.values)] for grid in grids)])
    moved = np.log10(finite) if log else finite
    if center is not None:
        middle = float(np.log10(center)) if log else center
        least = LEAST_REACH if log else 1e-300
        reach = max(float(np.abs(moved - middle).max(initial=0.0)), least)
        return Shades(middle - reach, middle + reach, log, centered=True)
    low, high = (float(moved.min()), float(moved.max())) if len(moved) else (0.0, 1.0)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return Shades(low, high, log, centered=False)
