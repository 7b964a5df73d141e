"""Which colour a point's curves have, as names of colours in the page's style sheet."""

from collections.abc import Sequence
from dataclasses import dataclass

from initlab.report.drawing import colors as palette
from initlab.report.labels import labels
from initlab.report.page.points import Points

#: the style sheet has each colour once for light paper, once for dark
VARIABLES = {
    palette.BLUE: "var(--blue)", palette.VERMILLION: "var(--vermillion)",
    palette.GREEN: "var(--green)", palette.ORANGE: "var(--orange)",
    palette.PURPLE: "var(--purple)", palette.SKY: "var(--sky)", palette.GREY: "var(--grey)",
    palette.WINE: "var(--wine)", palette.INDIGO: "var(--indigo)", palette.OLIVE: "var(--olive)",
    palette.BROWN: "var(--brown)",
}  # fmt: skip
MOST = len(palette.PALETTE)
PREFERRED = ("activation", "init")


@dataclass(frozen=True)
class Coloring:
    """The colour of every point, and what colours stand for: `legend` maps a label to one."""

    field: str
    of_point: list[str]
    legend: dict[str, str]


def coloring_of(points: Points) -> Coloring:
    """A colour for each point where there are enough; else for the values of one field."""
    if len(points) <= MOST:
        return _coloring("", points.names)
    values = {axis: [str(v) for v in labels(points.firsts, [axis])] for axis in points.axes}
    fitting = {axis: found for axis, found in values.items() if 1 < len(set(found)) <= MOST}
    for axis in sorted(fitting, key=lambda a: (a not in PREFERRED, len(set(fitting[a])))):
        return _coloring(axis, fitting[axis])
    words = [word if word in palette.FIXED else "other" for word in points.forward]
    return _coloring("forward verdict", words)


def _coloring(field: str, labelled: Sequence[str]) -> Coloring:
    found = {label: in_style_sheet(color) for label, color in palette.colors(labelled).items()}
    return Coloring(field, [found[label] for label in labelled], found)


def in_style_sheet(color: str) -> str:
    """A colour of the palette by its name; one of a scale as it is, but lighter on dark paper."""
    return VARIABLES.get(color, f"color-mix(in oklab, {color}, var(--ink) var(--lift))")
