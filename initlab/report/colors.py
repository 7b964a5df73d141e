"""One colour for one thing, in every picture; readable to the colour-blind.

The palette is Okabe & Ito's (2008), without its yellow, which is faint on white.
"""

from collections.abc import Iterable

BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#7A7A7A"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)

#: what people compare most has a colour of its own; verdicts have the colours of the terminal
FIXED = {
    "identity": GREY, "tanh": BLUE, "relu": VERMILLION, "sigmoid": GREEN, "gelu": PURPLE,
    "silu": ORANGE, "leaky_relu": SKY,
    "xavier_uniform": BLUE, "xavier_normal": SKY, "kaiming_normal": VERMILLION,
    "kaiming_uniform": ORANGE, "orthogonal": GREEN,
    "l1": VERMILLION, "mse": BLUE, "smooth_l1": GREEN, "huber": PURPLE,
    "steady": GREEN, "vanishing": ORANGE, "exploding": VERMILLION, "nan": PURPLE,
}  # fmt: skip


def colors(labels: Iterable[str]) -> dict[str, str]:
    """A colour for each label: its own where it has one that is free, else the next free one.

    The first word of a label decides, so that "tanh, depth 50" is tanh's. With more labels than
    colours they repeat, in order.
    """
    labels = list(dict.fromkeys(labels))
    found: dict[str, str] = {}
    for label in labels:
        own = FIXED.get(label.replace(",", " ").replace("(", " ").split(" ")[0] if label else "")
        if own is not None and own not in found.values():
            found[label] = own
    free = [color for color in PALETTE if color not in found.values()] or list(PALETTE)
    rest = [label for label in labels if label not in found]
    return {label: found.get(label) or free[rest.index(label) % len(free)] for label in labels}
