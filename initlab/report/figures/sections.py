"""One honest curve for every loss: the number that it is drawn over, and the operands for it.

A loss takes tensors; a picture has one axis. A section says which straight or curved way through
the operands the axis is: of mse the error, of cross_entropy the margin between two classes. Losses
over the same axis can be compared in one picture. A loss's record names its section.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Options = Mapping[str, Any]
#: operands of a loss, the rest of its signature being fixed, at s, shape (n,), one value each
Operands = Callable[["Tensor", Options], dict[str, "Tensor"]]


@dataclass(frozen=True)
class Over:
    """What a loss is drawn over: the axis's title and its ends, both of them drawn."""

    title: str
    symbol: str  # in d loss / d symbol
    low: float
    high: float


ERROR = Over("error x - t", "x", -3.0, 3.0)
LOGIT = Over("logit x", "x", -5.0, 5.0)
MARGIN = Over("margin: score of the right class - score of the other", "margin", -4.0, 4.0)
LEAD = Over("lead x1 - x2", "lead", -3.0, 3.0)
#: logarithms end at 0 and 1, and far before it their slopes leave no room for anything else
PROBABILITY = Over("probability p", "p", 0.02, 0.98)
LOG_RATE = Over("logarithm of the rate", "log rate", -3.0, 2.5)
#: a norm has no slope at 0
DISTANCE = Over("distance d of the pair, or of anchor and positive", "d", 0.01, 3.01)
ANGLE = Over("angle between x1 and x2, in radians", "angle", 0.0, pi)


@dataclass(frozen=True)
class Section:
    """A loss over one number: its axis, and the operands for each of the curves, by their label.

    The label of a single curve may be empty. `note` says what is fixed.
    """

    over: Over
    curves: Mapping[str, Operands]
    note: str = ""


@dataclass(frozen=True)
class NoSection:
    """Why a loss has no picture."""

    reason: str


def _full(s: "Tensor", value: float) -> "Tensor":
    return s.detach() * 0 + value  # the target is data: nothing is derived by it


def _class(s: "Tensor", rank: int = 1) -> "Tensor":
    """Class 0 is right, for every value; (n,), or lists of labels (n, 2), which -1 ends."""
    import torch

    ids = torch.zeros(len(s), rank, dtype=torch.long)
    ids[:, 1:] = -1
    return ids[:, 0] if rank == 1 else ids


def _stack(*columns: "Tensor") -> "Tensor":
    import torch

    return torch.stack(columns, dim=-1)


def _target(value: float) -> Operands:
    return lambda s, _: {"input": s, "target": _full(s, value)}


def _variance(value: float) -> Operands:
    return lambda s, _: {"input": s, "target": _full(s, 0), "var": _full(s, value)}


def _count(count: float) -> Operands:
    def operands(s: "Tensor", options: Options) -> dict[str, "Tensor"]:
        rate = s if options["log_input"] else s.exp()
        return {"log_input": rate, "target": _full(s, count)}

    return operands


def _one_class(value: float) -> Operands:
    return lambda s, _: {"input": s[:, None], "target": _full(s, value)[:, None]}


def _margin(s: "Tensor", _: Options) -> dict[str, "Tensor"]:
    return {"input": _stack(s, 0 * s), "target": _class(s)}


def _linear(s: "Tensor", _: Options) -> dict[str, "Tensor"]:
    weight = _stack(_full(s, 1)[0], _full(s, 0)[0])[:, None]
    return {"input": s[:, None], "linear_weight": weight, "target": _class(s)}


def _listed(s: "Tensor", _: Options) -> dict[str, "Tensor"]:
    return {"input": _stack(s, 0 * s), "target": _class(s, 2)}


def _log_probability(s: "Tensor", _: Options) -> dict[str, "Tensor"]:
    return {"input": _stack(s, 1 - s).log(), "target": _class(s)}


def _divergence(share: float) -> Operands:
    def operands(s: "Tensor", options: Options) -> dict[str, "Tensor"]:
        target = _stack(_full(s, share), _full(s, 1 - share))
        target = target.log() if options["log_target"] else target
        return {"input": _stack(s, 1 - s).log(), "target": target}

    return operands


def _lead(sign: float) -> Operands:
    return lambda s, _: {"input1": s, "input2": 0 * s, "target": _full(s, sign)}


def _angle(sign: float) -> Operands:
    def operands(s: "Tensor", _: Options) -> dict[str, "Tensor"]:
        fixed = _stack(_full(s, 1), _full(s, 0))
        return {"input1": _stack(s.cos(), s.sin()), "input2": fixed, "target": _full(s, sign)}

    return operands


def _triplet(s: "Tensor", _: Options) -> dict[str, "Tensor"]:
    one = _full(s, 1)
    return {
        "anchor": _stack(one, 0 * s),
        "positive": _stack(one, s),
        "negative": _stack(one, one),
    }


BITS = {"t = 1": 1.0, "t = 0": 0.0}
PLUS_MINUS = {"t = +1": 1.0, "t = -1": -1.0}
TRIPLET = "a = (1, 0), p = (1, d), n = (1, 1)"
TWO_CLASSES = "two classes, of which the first is right"

ERRORS = Section(ERROR, {"": _target(0.0)})
VARIANCES = Section(ERROR, {f"var {v:g}": _variance(v) for v in (0.25, 1.0, 4.0)})
RATES = Section(LOG_RATE, {f"t = {t:g}": _count(t) for t in (0.0, 1.0, 5.0)})
MARGINS = Section(MARGIN, {"": _margin}, TWO_CLASSES)
LINEAR = Section(MARGIN, {"": _linear}, f"{TWO_CLASSES}; W = (1, 0)")
HINGES = Section(MARGIN, {"": _margin}, f"{TWO_CLASSES}, so C = 2")
LISTS = Section(MARGIN, {"": _listed}, f"{TWO_CLASSES}, so C = 2")
LOG_PROBABILITIES = Section(PROBABILITY, {"": _log_probability}, "p is that of the right class")
DIVERGENCES = Section(
    PROBABILITY,
    {f"t = ({t:g}, {1 - t:g})": _divergence(t) for t in (0.5, 0.9)},
    "two outcomes, predicted as (p, 1 - p); the sum over both",
)
PROBABILITIES = Section(PROBABILITY, {label: _target(t) for label, t in BITS.items()})
LOGITS = Section(LOGIT, {label: _target(t) for label, t in BITS.items()})
SCORES = Section(LOGIT, {label: _target(t) for label, t in PLUS_MINUS.items()})
ONE_CLASS = Section(LOGIT, {label: _one_class(t) for label, t in BITS.items()}, "one class, C = 1")
LEADS = Section(LEAD, {label: _lead(t) for label, t in PLUS_MINUS.items()})
DISTANCES = Section(DISTANCE, {label: _target(t) for label, t in PLUS_MINUS.items()})
ANGLES = Section(ANGLE, {label: _angle(t) for label, t in PLUS_MINUS.items()})
TRIPLETS = Section(DISTANCE, {"": _triplet}, TRIPLET)
ALIGNMENTS = NoSection("it sums over all alignments of a sequence, and is a curve over no number")
