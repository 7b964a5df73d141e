"""Several sweeps as one, so that their points stand in one table and in the same charts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from initlab.report.page.curves import MOST_CURVES
from initlab.report.page.data import Section, Source, section_of
from initlab.report.sweeps import joined

NAME = "Together"


def together(sections: Sequence[Section]) -> Section | None:
    """A section with the points of all; None where there is nothing to compare, or too much."""
    points = sum(len(section.points) for section in sections)
    if len(sections) < 2 or points > MOST_CURVES:
        return None
    first = np.cumsum([0, *(int(s.source.runs["run"].max()) + 1 for s in sections)])
    specs = _distinct([section.source for section in sections])
    runs = [
        section.source.runs.assign(run=section.source.runs["run"] + start)
        for section, start in zip(sections, first, strict=False)
    ]
    layers = [
        section.source.layers.assign(run=section.source.layers["run"] + start)
        for section, start in zip(sections, first, strict=False)
        if len(section.source.layers)  # else nothing was measured yet
    ] or [sections[0].source.layers]
    tables = joined(runs, specs), pd.concat(layers, ignore_index=True)
    source = Source(Path(), NAME, "", "", *tables, {})
    names = [
        spec if len(section.points) == 1 else f"{spec}: {name}"
        for section, spec in zip(sections, specs, strict=True)
        for name in section.points.names
    ]
    return section_of(source, names, [why for section in sections for why in section.expected])


def _distinct(sources: Sequence[Source]) -> list[str]:
    """The sweeps by name; by folder, where two have one name; numbered, where they are the same."""
    names = [source.name for source in sources]
    paths = [str(source.path) for source in sources]
    numbers = [f"{number} {name}" for number, name in enumerate(names, 1)]
    return next(found for found in (names, paths, numbers) if len(set(found)) == len(found))
