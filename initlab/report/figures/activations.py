"""Activations and their derivatives as curves, side by side, as theory computes them."""

from collections.abc import Sequence

import numpy as np

from initlab.catalog import ACTIVATIONS
from initlab.report.figure import Array, Axis, Figure, Line, Panel
from initlab.report.figures.named import named
from initlab.spec.run import Choice
from initlab.theory.moments import Activation, choice_of

REACH = 5.0  # of the pre-activations
POINTS = 251


def activations(choices: Sequence[Choice]) -> Figure:
    """Phi and phi' from -REACH to REACH.

    Args:
        choices: activations with those of their parameters that are not the defaults.

    Raises:
        UnknownName: no such activation.
        InputError: it has no such parameter.
    """
    values, slopes = [], []
    labels = [named(choice, ACTIVATIONS) for choice in choices]
    for name, choice in zip(labels, choices, strict=True):
        phi = Activation(choice_of(choice.name, **choice.parameters))
        z = _points(phi.kinks)
        value, slope = phi.with_slope(z)
        values.append(Line(name, z, value))
        slopes.append(Line(name, z, slope))
    axis = Axis("pre-activation z")
    return Figure(
        f"{', '.join(labels)}: phi and its derivative",
        (
            Panel("activation", axis, Axis("phi(z)"), tuple(values)),
            Panel("derivative", axis, Axis("phi'(z)"), tuple(slopes)),
        ),
    )


def _points(kinks: Sequence[float]) -> Array:
    """Pre-activations, with both sides of every kink, between which a derivative may jump."""
    inside = [k for k in kinks if -REACH < k < REACH]
    sides = [*inside, *np.nextafter(inside, -np.inf)] if inside else []
    points: Array = np.union1d(np.linspace(-REACH, REACH, POINTS), sides)
    return points
