"""What a value of a loss says about a model; each verdict prints the comparison that it made.

A record's `verdicts` names its function; those that any family can use stand here.
"""

from collections.abc import Callable, Iterator

from initlab.catalog.table import load
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.gradient import on_a_kink

CLOSE = 0.02  # relative distance at which two losses are called equal


def verdicts(e: Evaluation) -> list[str]:
    """One line for each verdict; empty where there is none."""
    if not e.working.losses.numel():
        return []
    judge: Callable[[Evaluation], Iterator[str]] = load(e.call.loss.verdicts)
    return [*judge(e), *_kink(e)]


def _kink(e: Evaluation) -> Iterator[str]:
    """Of any loss: a loss of 0 whose gradient is not 0, where the slopes of the sides differ."""
    operand = e.call.loss.operands[0].name
    gradient = e.gradients.get(operand)
    if gradient is None or e.working.losses.any() or not gradient.any():
        return
    at = tuple(gradient.nonzero()[0].tolist())
    if on_a_kink(e, operand, at):
        yield "loss 0, but the gradient is not: the inputs stand on a kink"


def no_verdict(_: Evaluation) -> Iterator[str]:
    """Of a loss whose value alone says nothing about a model."""
    yield from ()


def count_active(e: Evaluation) -> Iterator[str]:
    """How many hinges are above 0, and so have a gradient."""
    losses = e.working.losses
    active = int((losses > 0).sum())
    none = ": no gradient at all" if no_gradient(e) else ""
    yield f"{active} of {losses.numel()} {e.call.loss.unit}s are active{none}"


def no_gradient(e: Evaluation) -> bool:
    """Whether every loss and every gradient is 0; on a kink the gradient may not be."""
    slopes = [g for name, g in e.gradients.items() if not name.startswith("target")]
    return not (e.working.losses > 0).any() and not any(g.any() for g in slopes)


def close(a: float, b: float) -> bool:
    """Whether two losses are equal as far as a verdict goes."""
    return abs(a - b) <= CLOSE * abs(b)
