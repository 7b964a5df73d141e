"""Losses and their gradients as curves, side by side, computed by torch as the loss lab does it."""

from collections.abc import Sequence

import numpy as np

from initlab.catalog import LOSSES
from initlab.catalog.table import load
from initlab.errors import InputError
from initlab.report.figure import Axis, Figure, Line, Panel
from initlab.report.figures.named import named
from initlab.report.figures.sections import NoSection, Operands, Over, Section
from initlab.spec.run import Choice

POINTS = 301  # from -3 to 3 all multiples of 0.02, so that usual kinks are among them


def losses(choices: Sequence[Choice]) -> Figure:
    """A panel of the losses and one of their gradients for everything that they are drawn over.

    Args:
        choices: losses with those of their options that are not the defaults.

    Raises:
        UnknownName: no such loss.
        LossError: an option that a loss has not, or a value out of its range.
        InputError: a loss that no single number is drawn over.
    """
    by_axis: dict[Over, list[Choice]] = {}
    fixed: dict[str, list[str]] = {}  # what sections fix, and for which losses
    for choice in choices:
        name = LOSSES[choice.name].name
        section = section_of(name)
        if isinstance(section, NoSection):
            raise InputError(f"{name} has no picture: {section.reason}", f"initlab describe {name}")
        by_axis.setdefault(section.over, []).append(choice)
        if section.note:
            fixed.setdefault(section.note, []).append(name)
    panels = [panel for over, drawn in by_axis.items() for panel in _panels(over, drawn)]
    notes = [f"{', '.join(dict.fromkeys(names))}: {note}." for note, names in fixed.items()]
    for panel in panels[::2]:
        notes += [f"{' and '.join(names)} are one curve here." for names in _equal(panel.lines)]
    title = ", ".join(dict.fromkeys(named(choice, LOSSES) for choice in choices))
    return Figure(f"{title}: loss and gradient", tuple(panels), tuple(notes))


def section_of(loss: str) -> Section | NoSection:
    """What a loss is drawn over, as its record says."""
    section: Section | NoSection = load(LOSSES[loss].section)
    return section


def _panels(over: Over, choices: Sequence[Choice]) -> tuple[Panel, Panel]:
    x = np.linspace(over.low, over.high, POINTS)
    values, slopes = [], []
    for choice in dict.fromkeys(choices):
        section = section_of(choice.name)
        for case, operands in section.curves.items() if isinstance(section, Section) else ():
            name = ", ".join(filter(None, (named(choice, LOSSES), case)))
            value, slope = curve(choice, operands, x)
            values.append(Line(name, x, value))
            slopes.append(Line(name, x, slope))
    axis, slope_title = Axis(over.title), f"d loss / d {over.symbol}"
    return (
        Panel("loss", axis, Axis("loss"), tuple(values)),
        Panel("gradient", axis, Axis(slope_title), tuple(slopes)),
    )


def _equal(lines: Sequence[Line]) -> list[list[str]]:
    """Labels of lines that lie on each other, of which a picture shows the last."""
    groups: list[list[Line]] = []
    for line in lines:
        same = [g for g in groups if np.allclose(g[0].y, line.y, rtol=0, atol=1e-6)]
        if same:
            same[0].append(line)
        else:
            groups.append([line])
    return [[line.label for line in group] for group in groups if len(group) > 1]


def curve(choice: Choice, operands: Operands, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A loss and its derivative by s, at every s of x, both (n,): torch's, in float64.

    Where a sample has several values (of kl_div one a class) they are summed.
    """
    import torch

    from initlab.losslab.evaluate import evaluate
    from initlab.losslab.operands.options import with_defaults
    from initlab.losslab.settings import Settings
    from initlab.losslab.torch_call import call_torch

    options = with_defaults(LOSSES[choice.name], choice.parameters)
    s = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    given = operands(s, options)
    settings = Settings(reduction="none", dtype="float64")
    detached = {name: tensor.detach() for name, tensor in given.items()}
    checked = evaluate(choice.name, detached, choice.parameters, settings)
    # the checks' own call, on operands that know how they came of s
    values = call_torch(checked.call, "none", {**checked.call.operands, **given})
    sums = values.reshape(len(s), -1).sum(-1)
    (slope,) = torch.autograd.grad(sums.sum(), s)
    return sums.detach().numpy(), slope.numpy()
