"""Where an axis begins and ends, and the numbers it shows: the same in every drawing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from initlab.formatting import short
from initlab.report.figure import Array, Axis, Panel

LEAST_DECADES = 1.0  # of a log axis: a steady signal looks flat
LEAST_OF_SEVERAL = 0.5  # the same, where lines are to be told apart
PREDICTED_ROOM = 0.3  # of an axis, that predictions may add at either end
PREDICTED_DECADES = 2.0  # of a log axis, that this is a part of, at least
MARGIN = 0.04  # of an axis, beyond its values
MOST_TOLD = 4  # predictions that leave the panel, told one by one
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
#: `tick_label` in Vega's language
TICK = (
    "datum.value == 0 ? '0' : abs(datum.value) >= 1e4 || abs(datum.value) < 1e-3"
    " ? replace(format(datum.value, '.2~e'), '+', '') : format(datum.value, '.6~g')"
)


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`; `whole` if it counts, as layers do."""

    low: float
    high: float
    log: bool
    whole: bool = False

    def fraction(self, value: float) -> float:
        """Where a value lies along the axis, 0 at its low end and 1 at its high one."""
        low, high = self.inner
        moved = float(np.log10(value)) if self.log else float(value)
        return (moved - low) / (high - low)

    def value(self, fraction: float) -> float:
        """The value at a fraction of the axis."""
        low, high = self.inner
        moved = low + fraction * (high - low)
        return _power(moved) if self.log else float(moved)

    @property
    def inner(self) -> tuple[float, float]:
        """Both ends; of a log axis their decimal logarithms."""
        if self.log:
            return float(np.log10(self.low)), float(np.log10(self.high))
        return self.low, self.high

    def ticks(self, most: int) -> list[float]:
        """Round numbers within the axis, `most` or a few less."""
        low, high = self.inner
        if not self.log:
            ticks = _linear_ticks(low, high, most)
            return [t for t in ticks if t == round(t)] if self.whole else ticks
        if high - low < 1:
            return _linear_ticks(self.low, self.high, most)
        digits: tuple[int, ...]
        if high - low < most / 3:
            digits = (1, 2, 5)
        elif high - low < most / 2:
            digits = (1, 3)
        else:
            step = next(s for s in _steps() if (high - low) / s <= most)
            return [10.0**n for n in _multiples(low, high, step)]
        decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
        values = [digit * 10.0**n for n in decades for digit in digits]
        return [value for value in values if self.low <= value <= self.high]


def scale(
    values: Iterable[Array], axis: Axis, *, exact: bool = False, decades: float = LEAST_DECADES
) -> Scale:
    """The axis that shows all values.

    Args:
        values: arrays of any shape.
        axis: what it is an axis of.
        exact: from the smallest to the largest value, as for layers.
        decades: how many a log axis has at least.
    """
    parts = [np.asarray(part, float).ravel() for part in values]
    joined = np.concatenate(parts) if parts else np.array([])
    if not len(joined):
        return Scale(0.1, 10.0, log=True) if axis.log else Scale(0.0, 1.0, log=False)
    low, high = float(joined.min()), float(joined.max())
    if axis.log:
        low, high = float(np.log10(low)), float(np.log10(high))
    least = decades if axis.log else 0.1 * max(abs(low), abs(high)) or 1.0
    if exact:
        least = 0.0 if high > low else 1.0
    missing = max(least - (high - low), 0.0) / 2
    margin = 0.0 if exact else MARGIN * max(high - low, least)
    low, high = low - missing - margin, high + missing + margin
    if axis.log:
        low, high = _power(low), _power(high)
    whole = exact and not axis.log and bool((joined == np.round(joined)).all())
    return Scale(low, high, axis.log, whole)


def panel_scales(panels: Sequence[Panel]) -> list[tuple[Scale, Scale]]:
    """The x and y axis of every panel; those with equal axes can be compared: they share one."""
    found = []
    for panel in panels:
        alike = [p for p in panels if p.y == panel.y]
        xs = [v for p in panels if p.x == panel.x for v in _xs(p)]
        found.append((scale(xs, panel.x, exact=True), _y_scale(alike)))
    return found


def _xs(panel: Panel) -> list[Array]:
    rules = [np.array([rule.x]) for rule in panel.rules if rule.x is not None]
    return [*(line.x for line in panel.lines), *(band.x for band in panel.bands), *rules]


def _y_scale(panels: Sequence[Panel]) -> Scale:
    """The axis that shows what is measured, and of what is predicted what is not far from it."""
    axis = panels[0].y
    measured = [values for panel in panels for values in _ys(panel, predicted=False)]
    predicted = [values for panel in panels for values in _ys(panel, predicted=True)]
    if not sum(map(len, measured)):
        return scale(predicted, axis)
    alone = scale(measured, axis, decades=PREDICTED_DECADES)
    near = alone.value(-PREDICTED_ROOM), alone.value(1 + PREDICTED_ROOM)
    shown = [*measured, *(np.clip(values, *near) for values in predicted)]
    labels = {line.label for panel in panels for line in panel.lines}
    decades = LEAST_OF_SEVERAL if len(labels) > 1 else LEAST_DECADES
    return scale(shown, axis, decades=decades)


def left_panel(panels: Sequence[Panel], scales: Sequence[tuple[Scale, Scale]]) -> list[str]:
    """A note of the predictions that leave the panel, and how far they go."""
    far: dict[str, tuple[float, float]] = {}
    for panel, (_, y) in zip(panels, scales, strict=True):
        lines = [(line.label, line.y) for line in panel.lines if line.dashed]
        bands = [(b.label, v) for b in panel.bands if b.predicted for v in (b.low, b.high)]
        for label, values in (*lines, *bands):
            for end in (float(values.min()), float(values.max())):
                off = abs(y.fraction(end) - 0.5)  # from the middle of the axis
                if off > max(0.5 + 1e-9, far.get(label, (0.0, 0.0))[0]):
                    far[label] = off, end
    if not far:
        return []
    told = [f"{label} to {tick_label(end)}".strip() for label, (_, end) in far.items()]
    more = [f"{len(told) - MOST_TOLD} more"] if len(told) > MOST_TOLD else []
    return [f"Predictions leave the panel: {'; '.join([*told[:MOST_TOLD], *more])}."]


def _ys(panel: Panel, *, predicted: bool) -> list[Array]:
    rules = [np.array([rule.y]) for rule in panel.rules if rule.y is not None]
    lines = [line.y for line in panel.lines if line.dashed == predicted]
    bands = [band for band in panel.bands if band.predicted == predicted]
    sides = [side for band in bands for side in (band.low, band.high)]
    return [*lines, *sides, *([] if predicted else rules)]


def tick_label(value: float) -> str:
    """A number beside an axis: 0.01, 5000, 1e22."""
    if value == 0:
        return "0"
    return f"{value:.6g}" if 1e-3 <= abs(value) < 1e4 else short(value, 3)


def _power(exponent: float) -> float:
    """A power of ten, within what float64 holds."""
    return float(10.0 ** min(max(exponent, -307.0), 308.0))


def _steps() -> Iterable[int]:
    size = 1
    while True:
        yield from (size, 2 * size, 5 * size)
        size *= 10


def _multiples(low: float, high: float, step: int) -> range:
    return range(int(np.ceil(low / step)) * step, int(np.floor(high)) + 1, step)


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    size = 10.0 ** np.floor(np.log10(rough))
    step = next(nice * size for nice in NICE if nice * size >= rough * (1 - 1e-9))
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]
