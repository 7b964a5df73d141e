"""How the explain view shows losses over yes or no."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.formatting import four_decimals
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.substitution import Value
from initlab.losslab.explain.verdicts import close

EVEN = 0.05  # from 1/2, within which a probability says nothing


def substitute_bce(v: Value) -> str:
    """w (-t log x - (1 - t) log(1 - x))."""
    t, x = v.column("t"), v.column("x")
    return v.weighted(f"-{t} log {x} - (1 - {t}) log(1 - {x})")


def substitute_bce_with_logits(v: Value) -> str:
    """w (pw t log(1 + e^-x) + (1 - t) log(1 + e^x))."""
    t, x = v.column("t"), v.entry("input")
    positive = f"{v.column('pos_weight')} * {t}" if "pos_weight" in v.columns else t
    return v.weighted(f"{positive} log(1 + e^-{x}) + (1 - {t}) log(1 + e^{x})")


def substitute_soft_margin(v: Value) -> str:
    """log(1 + e^-(t x))."""
    return f"log(1 + e^-{v.column('t x')})"


def substitute_multilabel_soft_margin(v: Value) -> str:
    """In words: C terms are too many for a line."""
    return f"the mean of {v.operands['input'].shape[-1]} classes"


def judge_yes_or_no(e: Evaluation) -> Iterator[str]:
    """Against ln 2, the loss of answering 1/2 always."""
    if e.call.options.keys() & {"weight", "pos_weight"}:
        return
    loss = float(e.working.losses.mean())
    compared = f"loss {four_decimals(loss)} against ln 2 = 0.6931"
    if close(loss, math.log(2)):
        even = bool(((_probabilities(e) - 0.5).abs() <= EVEN).all())
        known = "the model knows nothing" if even else "as costly as answering 1/2 always"
        yield f"{compared}: {known}"
    elif loss > math.log(2):
        yield f"{compared}: worse than answering 1/2 always"


def _probabilities(e: Evaluation) -> Tensor:
    """Of yes, as the input gives them."""
    x = e.call.input.double()
    return x if e.call.loss.operands[0].holds == "probs" else x.sigmoid()


def judge_probabilities(e: Evaluation) -> Iterator[str]:
    """The same, and how many probabilities of 0 or 1 are wrong with certainty."""
    yield from judge_yes_or_no(e)
    infinite = int(torch.isinf(e.working.losses).sum())
    if infinite:
        yield f"{infinite} cells are infinite: torch holds logarithms at -100"
