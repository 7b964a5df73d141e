"""Which fields of a spec have colours, and which have panels."""

from dataclasses import dataclass

import pandas as pd

from initlab.errors import InputError, UnknownName
from initlab.report.labels import axes_of, fields_of, labels, texts_of

MOST_FACETS = 4  # panels that are chosen unasked
MOST_PANELS = 12
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
        InputError: a field of too many values for panels.
    """
    known, varying = fields_of(runs), axes_of(runs)
    for option, name in (("--color", color), ("--facet", facet)):
        if name is not None and name not in known:
            fix = f"{option} {(varying or ['activation'])[0]}"
            raise UnknownName("field of the spec", name, known, fix)
    if facet is not None and (count := runs[facet].nunique(dropna=False)) > MOST_PANELS:
        raise InputError(
            f"--facet {facet}: {count:,} values; {MOST_PANELS} panels are the most",
            f"--color {facet}",
        )
    axes = [axis for axis in varying if axis not in (color, facet)]
    if color is not None:
        return Choice((color,), (facet,) if facet else ())
    if "spec" in axes:
        return _of_sweeps(runs, axes, facet)
    if facet is None and len(axes) > 1:
        counts = {axis: labels(runs, [axis]).nunique() for axis in axes}
        fewest = min(axes, key=counts.__getitem__)
        if counts[fewest] <= MOST_FACETS < max(counts.values()):
            facet = fewest
            axes.remove(fewest)
    together = labels(runs, axes).nunique() <= MOST_COLORS
    return Choice(tuple(axes if together else axes[:1]), (facet,) if facet else ())


def _of_sweeps(runs: pd.DataFrame, axes: list[str], facet: str | None) -> Choice:
    """Colours for sweeps of one curve; a panel for each of a few sweeps of several."""
    sweeps, curves = runs["spec"].nunique(), labels(runs, axes).nunique()
    if facet is None and curves > sweeps and sweeps <= MOST_FACETS:
        texts = pd.DataFrame({axis: texts_of(runs, axis) for axis in axes})
        within = texts.groupby(runs["spec"]).nunique().max()
        others = [axis for axis in axes if axis != "spec" and within[axis] > 1]
        together = labels(runs, others).nunique() <= MOST_COLORS
        return Choice(tuple(others if together else others[:1]), ("spec",))
    return Choice(("spec",), (facet,) if facet else ())
