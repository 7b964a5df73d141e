"""One colour for one thing, in every picture; readable to the colour-blind.

The palette is Okabe & Ito's (2008), without its yellow, which is faint on white, and four dark or
muted colours of Tol's (2021) for pictures of many lines. What grows in steps, as "std 0.1" and
"std 0.2", has the colours of viridis, from dark to light.
"""

import re
from collections.abc import Iterable, Sequence

from initlab.report.figure import Figure, Panel

BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#7A7A7A"
WINE, INDIGO, OLIVE, BROWN = "#882255", "#332288", "#999933", "#7B4B1D"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY, WINE, INDIGO, OLIVE, BROWN)
VIRIDIS = (
    "#440154", "#482878", "#3E4989", "#31688E", "#26828E", "#1F9E89", "#35B779", "#6ECE58",
    "#B5DE2B",
)  # fmt: skip
LEAST_STEPS = 4  # numbers that are a scale

#: what people compare most has a colour of its own; verdicts have the colours of the terminal
FIXED = {
    "identity": GREY, "tanh": BLUE, "relu": VERMILLION, "sigmoid": GREEN, "gelu": PURPLE,
    "silu": ORANGE, "leaky_relu": SKY,
    "xavier_uniform": BLUE, "xavier_normal": SKY, "kaiming_normal": VERMILLION,
    "kaiming_uniform": ORANGE, "orthogonal": GREEN,
    "l1": VERMILLION, "mse": BLUE, "smooth_l1": GREEN, "huber": PURPLE,
    "steady": GREEN, "vanishing": ORANGE, "exploding": VERMILLION, "nan": PURPLE,
}  # fmt: skip
_NUMBERED = re.compile(r"(.*?)(-?[\d.]+(?:e-?\d+)?)")


def colors_of(figure: Figure) -> dict[str, str]:
    """A colour for every line of a figure, those that cannot be drawn among them.

    Else a line would have one colour in the picture of a column, and another in that of a column
    in which one more line can be drawn.
    """
    panels = (panel for panel in figure.panels if isinstance(panel, Panel))
    return colors(line.label for panel in panels for line in panel.lines)


def colors(labels: Iterable[str]) -> dict[str, str]:
    """A colour for each label: its own where it has one that is free, else the next free one.

    The first word of a label decides, so that "tanh, depth 50" is tanh's. Labels that differ in a
    number only have the colours of a scale. With more labels than colours they repeat, in order.
    """
    labels = list(dict.fromkeys(labels))
    if steps := _steps(labels):
        return steps
    found: dict[str, str] = {}
    for label in labels:
        own = FIXED.get(re.split("[ ,(:]", label)[0])
        if own is not None and own not in found.values():
            found[label] = own
    free = [color for color in PALETTE if color not in found.values()]
    rest = [label for label in labels if label not in found]
    queue = [*free, *PALETTE]
    others = {label: queue[n] if n < len(queue) else PALETTE[(n - len(queue)) % len(PALETTE)]
              for n, label in enumerate(rest)}  # fmt: skip
    return {label: found.get(label) or others[label] for label in labels}


def _steps(labels: Sequence[str]) -> dict[str, str]:
    """The colours of a scale, if labels differ in one number only and there are a few of them."""
    matches = {label: _NUMBERED.fullmatch(label) for label in labels}
    pairs = {label: (m[1], float(m[2])) for label, m in matches.items() if m}
    if len(pairs) < max(len(labels), LEAST_STEPS) or len({text for text, _ in pairs.values()}) > 1:
        return {}
    ordered = sorted(labels, key=lambda label: pairs[label][1])
    found = {label: _between(n / (len(labels) - 1)) for n, label in enumerate(ordered)}
    return {label: found[label] for label in labels}


def _between(fraction: float) -> str:
    """A colour of viridis, from its dark end on."""
    at = fraction * (len(VIRIDIS) - 1)
    low = min(int(at), len(VIRIDIS) - 2)
    ends = [[int(VIRIDIS[low + n][i : i + 2], 16) for i in (1, 3, 5)] for n in (0, 1)]
    mixed = (round(a + (b - a) * (at - low)) for a, b in zip(*ends, strict=True))
    return "#" + "".join(f"{part:02X}" for part in mixed)
