"""Which fields of a spec have colours, and which have panels."""

from dataclasses import dataclass

import pandas as pd

from initlab.errors import UnknownName
from initlab.report.figures.labels import axes_of, fields_of, labels

MOST_FACETS = 4  # panels that are chosen unasked
MOST_COLORS = 8  # values of several axes together that have a colour each


@dataclass(frozen=True)
class Choice:
    """The axes that colours stand for together, and those that panels do."""

    color: tuple[str, ...]
    facet: tuple[str, ...]


def choose(runs: pd.DataFrame, color: str | None, facet: str | None) -> Choice:
    """What was asked for; else panels for the axis of fewest values, if a second one has colours.

    Raises:
        UnknownName: no such field.
    """
    for name in (color, facet):
        known = fields_of(runs)
        if name is not None and name not in known:
            raise UnknownName("field of the spec", name, known)
    axes = [axis for axis in axes_of(runs) if axis not in (color, facet)]
    if color is not None:
        return Choice((color,), (facet,) if facet else ())
    if facet is None and len(axes) > 1:
        counts = {axis: labels(runs, [axis]).nunique() for axis in axes}
        fewest = min(axes, key=counts.__getitem__)
        if counts[fewest] <= MOST_FACETS < max(counts.values()):
            facet = fewest
            axes.remove(fewest)
    together = labels(runs, axes).nunique() <= MOST_COLORS
    return Choice(tuple(axes if together else axes[:1]), (facet,) if facet else ())
