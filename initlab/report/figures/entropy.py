"""The entropy of two outcomes, and the surprise at one, over its probability."""

import numpy as np

from initlab.losslab.information import LN2, entropy, self_information
from initlab.report.figure import Axis, Figure, Line, Panel, Rule

POINTS = 401  # odd: 1/2 is one of them
LEAST = 0.005  # of a probability whose surprise is drawn, which is infinite at 0


def entropy_curve() -> Figure:
    """H(p) = -p ln p - (1 - p) ln(1 - p) in nats, largest at 1/2, and -ln p (Shannon 1948)."""
    p = np.linspace(0.0, 1.0, POINTS)
    of_two = np.array([entropy((x, 1 - x)) for x in p.tolist()])
    seen = p[p >= LEAST]
    surprise = np.array([self_information(x) for x in seen.tolist()])
    axis = Axis("probability p")
    highest, even = Rule(f"ln 2 = {LN2:.4f}", y=LN2), Rule("", x=0.5)
    return Figure(
        "Entropy of two outcomes",
        (
            Panel(
                "entropy of p and 1 - p",
                axis,
                Axis("H(p), nats"),
                (Line("H(p)", p, of_two),),
                rules=(highest, even),
            ),
            Panel(
                "self-information of one outcome",
                axis,
                Axis("-ln p, nats"),
                (Line("-ln p", seen, surprise),),
                rules=(highest, even),
            ),
        ),
        (
            "ln 2 nats are 1 bit: a fair coin, and the loss of a binary classifier that knows"
            f" nothing. -ln p is drawn from p = {LEAST} on; at 0 it is infinite."
            f" H(0) = H(1) = {entropy((0.0, 1.0)):g}.",
        ),
    )
