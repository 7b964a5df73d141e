"""What a loss over the probabilities of classes says about a model."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.formatting import four_decimals
from initlab.losslab.call import class_dim
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.tables import label_of, ranked
from initlab.losslab.explain.verdicts import close
from initlab.losslab.formulas.classes import logits_of
from initlab.losslab.formulas.numerics import log_softmax

ENOUGH = 20  # samples from which class frequencies mean something
LIKE = 0.05  # by how much probabilities may differ that are called equal
AT_FLOOR = 1e-3  # relative distance at which a loss is called its floor
NEGATIVE = -1e-6  # below which no rounding brings a loss that cannot be negative
OFF = 1e-4  # how far from 1 the sum of a distribution is off


def judge_cross_entropy(e: Evaluation) -> Iterator[str]:
    """Against ln C, the entropy of the class frequencies, and the floor of label smoothing."""
    call, t = e.call, e.call.target
    if "weight" in call.options:
        return
    hard = not t.is_floating_point()
    kept = (t != call.options["ignore_index"]) if hard else torch.ones(e.working.losses.shape) > 0
    if not kept.any():
        return
    p = _probabilities(e)[kept]
    classes = p.shape[1]
    loss, uniform = float(e.working.losses[kept].mean()), math.log(classes)
    compared = f"loss {four_decimals(loss)} against ln C = {four_decimals(uniform)} (C = {classes})"
    if close(loss, uniform):
        even = bool(((p * classes - 1).abs() <= LIKE).all())
        known = "the model knows nothing" if even else "as costly as guessing evenly"
        yield f"{compared}: {known}"
    elif loss > uniform:
        yield f"{compared}: {_worse(p, _classes(e)[kept])}"
    smoothing = call.options["label_smoothing"]
    if hard and int(kept.sum()) >= ENOUGH:
        yield from _against_frequencies(loss, t[kept], p, smoothing)
    if hard and smoothing and classes > 1:
        yield _against_floor(loss, smoothing, classes)


def _probabilities(e: Evaluation) -> Tensor:
    """The softmax, classes last."""
    x = logits_of({n: x.double() for n, x in e.call.operands.items()})
    return log_softmax(x, 0 if x.ndim == 1 else 1).exp().movedim(0 if x.ndim == 1 else 1, -1)


def _classes(e: Evaluation) -> Tensor:
    """The class of every sample, or the likeliest of a distribution."""
    t = e.call.target
    return t.argmax(0 if t.ndim == 1 else 1) if t.is_floating_point() else t


def _worse(p: Tensor, t: Tensor) -> str:
    """How many samples are given a wrong class with more than 1/2."""
    top, picked = p.max(1)
    wrong = int(((picked != t) & (top > 0.5)).sum())
    sure = f"confidently wrong in {wrong} of {len(t)} samples, " if wrong else ""
    return f"{sure}worse than guessing evenly"


def _against_frequencies(loss: float, t: Tensor, p: Tensor, smoothing: float) -> Iterator[str]:
    """The least loss of a model that ignores its input: the entropy of the class frequencies.

    Smoothed as the targets are.
    """
    classes = p.shape[1]
    frequencies = torch.bincount(t.flatten(), minlength=classes).double() / t.numel()
    best = (1 - smoothing) * frequencies + smoothing / classes
    used = best[best > 0]
    prior = -float((used * used.log()).sum())
    if not prior:
        return
    learnt = close(loss, prior) and bool(((p - best).abs() <= LIKE).all())
    only = "; only the class frequencies are learnt" if learnt else ""
    skill = round(1 - loss / prior, 3) + 0.0  # no -0.000
    told = f"skill 1 - {four_decimals(loss)}/{four_decimals(prior)} = {skill:.3f}"
    yield f"{told} over the class frequencies{only}"


def _against_floor(loss: float, smoothing: float, classes: int) -> str:
    """The entropy of a smoothed target, below which no prediction gets."""
    right, other = 1 - smoothing + smoothing / classes, smoothing / classes
    terms = [q * math.log(q) for q in (right, *[other] * (classes - 1)) if q > 0]
    floor = -math.fsum(terms)
    lower = "; it cannot go lower" if loss - floor <= AT_FLOOR * floor else ""
    compared = f"loss {four_decimals(loss)} against the floor {four_decimals(floor)}"
    return f"{compared} of label smoothing {smoothing:g}{lower}"


def judge_log_probs(e: Evaluation) -> Iterator[str]:
    """A negative loss needs a positive input, which is no log-probability."""
    low = float(e.working.losses.min())
    if low < NEGATIVE:
        largest = four_decimals(float(e.call.input.max()))
        yield (
            f"a loss of {four_decimals(low)} < 0: the input holds no log-probabilities, which are"
            f" at most 0; its largest is {largest}"
        )


def judge_divergence(e: Evaluation) -> Iterator[str]:
    """A divergence is negative only where a side is no distribution (Gibbs): which one it is.

    With sums a of the target and b of e^x it is at least a log(a / b).
    """
    losses = e.working.losses
    if not losses.ndim:
        return
    dim = class_dim(e.call)
    divergences = losses.sum(dim)
    at = ranked(-divergences)[0]
    low = float(divergences[at])
    if not low < NEGATIVE:
        return
    sides = {"the target": "t", "e^input": "q = e^x"}
    sums = {n: float(e.working.columns[c].sum(dim)[at]) for n, c in sides.items()}
    farthest = max(abs(s - 1) for s in sums.values())
    off = [n for n, s in sums.items() if abs(s - 1) >= min(OFF, farthest)]
    told = " and ".join(f"{n} sums to {sums[n]:.7g}" for n in off)
    row = f" of row {label_of(at)}" if at else ""
    yield f"a divergence of {four_decimals(low)} < 0{row}: {told}, not to 1"
