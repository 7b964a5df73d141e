"""A picture before it is drawn: lines, bands and rules on axes, or a grid of cells.

The builders of report/figures/ make figures of results and of theory. What draws them knows of
neither: report/drawing/charts.py with Altair, report/drawing/terminal.py in characters.
"""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Axis:
    """An axis; its title has the unit where there is one."""

    title: str
    log: bool = False


@dataclass(frozen=True)
class Line:
    """y over x, both (n,); nan is a gap."""

    label: str
    x: Array
    y: Array
    dashed: bool = False  # predicted, not measured
    faint: bool = False  # one of many, drawn to show where they lie


@dataclass(frozen=True)
class Band:
    """What lies between two curves over x, all (n,); it belongs to the line of its label."""

    label: str
    x: Array
    low: Array
    high: Array
    predicted: bool = False  # theory's band, not the spread that was measured


@dataclass(frozen=True)
class Rule:
    """A labelled straight line through the panel: upright at `x`, or level at `y`."""

    label: str
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True)
class Panel:
    """Lines on two axes. Lines of one label have one colour, in every panel of a figure."""

    title: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    bands: tuple[Band, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Word:
    """A word within a panel, centred at (x, y)."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Grid:
    """A value at every (x, y): values are (len(ys), len(xs)); contours are drawn over them.

    xs and ys are numbers in rising order, or names. Colours run from either side of `center`, where
    it is given. `marks`, of the shape of the values, say in a word why a cell has no value.
    """

    title: str
    x: Axis
    y: Axis
    value: Axis
    xs: Array
    ys: Array
    values: Array
    contours: tuple[Line, ...] = ()
    center: float | None = None
    marks: Array | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Figure:
    """Panels side by side, under one title; `notes` say what a reader must know of them.

    `band_notes` are of the bands, for drawings that have them: characters have no room for one.
    """

    title: str
    panels: tuple[Panel | Grid, ...]
    notes: tuple[str, ...] = ()
    band_notes: tuple[str, ...] = ()
