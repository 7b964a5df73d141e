"""How the explain view shows losses over the probabilities of classes."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.formatting import bracketed, four_decimals
from initlab.losslab.call import class_dim
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.substitution import MOST_TERMS, At, Value
from initlab.losslab.explain.tables import label_of, ranked, table
from initlab.losslab.explain.verdicts import close
from initlab.losslab.formulas.classes import logits_of
from initlab.losslab.formulas.numerics import log_softmax, xlogy

ENOUGH = 20  # samples from which class frequencies mean something
MOST_CLASSES, MOST_ROWS = 6, 5


def _class_row(x: Tensor, at: At) -> Tensor:
    """The scores of all classes of one sample; classes are dimension 1 of a batch."""
    return x if x.ndim == 1 else x.movedim(1, -1)[at]


# substitutions -----------------------------------------------------------------------------------


def substitute_cross_entropy(v: Value) -> str:
    """-w log(e^x_t / sum e^x_c); for a target q: -(q_1 log p_1 + ...)."""
    row, t = _class_row(logits_of(v.operands), v.at), v.operands["target"]
    smoothing = v.call.options["label_smoothing"]
    if t.is_floating_point():
        q = _class_row(t, v.at) * (1 - smoothing) + smoothing / len(row)
        weight = v.call.options.get("weight", 1.0)
        return f"-({_terms(q * weight, log_softmax(row, 0))})"
    picked = int(t[v.at])
    if picked == v.call.options["ignore_index"]:
        return "ignored"
    if smoothing:
        p, weight = v.columns["p(class)"], v.columns["weight"]
        hard = four_decimals(-weight * math.log(p) if p else math.inf)
        spread = four_decimals(v.columns["spread"])
        return f"{1 - smoothing:.4g} * {hard} + {smoothing:.4g} * {spread}"
    exps = [f"e^{bracketed(float(s))}" for s in row[:MOST_TERMS]]
    below = " + ".join(exps) + (" + ..." if len(row) > MOST_TERMS else "")
    return f"-{v.weight}log(e^{bracketed(float(row[picked]))} / ({below}))"


def _terms(q: Tensor, log_p: Tensor) -> str:
    terms = [
        f"{bracketed(float(a))} * {four_decimals(float(b))}" for a, b in zip(q, log_p, strict=True)
    ]
    return " + ".join(terms[:MOST_TERMS]) + (" + ..." if len(terms) > MOST_TERMS else "")


def substitute_nll(v: Value) -> str:
    """-w x_t."""
    target = v.operands["target"]
    t = int(target[v.at] if target.ndim else target)
    row = _class_row(v.operands["input"], v.at)
    return f"-{v.weight}{bracketed(float(row[t]))}" if 0 <= t < len(row) else "ignored"


def substitute_divergence(v: Value) -> str:
    """t (log t - x)."""
    return f"{v.column('t')} (log {v.column('t')} - {v.entry('input')})"


# verdicts ----------------------------------------------------------------------------------------


def judge_cross_entropy(e: Evaluation) -> Iterator[str]:
    """Against ln C, the entropy of the class frequencies, and the floor of label smoothing."""
    call, t = e.call, e.call.target
    shape = call.logits_shape
    classes = shape[0 if len(shape) == 1 else 1]
    if "weight" in call.options:
        return
    hard = not t.is_floating_point()
    kept = (
        (t != call.options["ignore_index"]) if hard else torch.ones(e.working.losses.shape).bool()
    )
    if not kept.any():
        return
    loss, uniform = float(e.working.losses[kept].mean()), math.log(classes)
    compared = f"loss {four_decimals(loss)} against ln C = {four_decimals(uniform)} (C = {classes})"
    if close(loss, uniform):
        yield f"{compared}: the model knows nothing"
    elif loss > uniform:
        yield f"{compared}: confidently wrong, worse than guessing evenly"
    if hard and int(kept.sum()) >= ENOUGH:
        yield from _against_frequencies(loss, t[kept], classes)
    smoothing = call.options["label_smoothing"]
    if hard and smoothing and classes > 1:
        yield _against_floor(loss, smoothing, classes)


def _against_frequencies(loss: float, t: Tensor, classes: int) -> Iterator[str]:
    """The entropy of the class frequencies is the loss of a model that ignores its input."""
    frequencies = torch.bincount(t.flatten(), minlength=classes) / t.numel()
    used = frequencies[frequencies > 0].double()
    prior = -float((used * used.log()).sum())
    if not prior:
        return
    only = "; only the class frequencies are learnt" if close(loss, prior) else ""
    skill = f"skill 1 - {four_decimals(loss)}/{four_decimals(prior)} = {1 - loss / prior:.3f}"
    yield f"{skill} over the class frequencies{only}"


def _against_floor(loss: float, smoothing: float, classes: int) -> str:
    """The entropy of a smoothed target, below which no prediction gets."""
    right, other = 1 - smoothing + smoothing / classes, smoothing / classes
    terms = [q * math.log(q) for q in (right, *[other] * (classes - 1)) if q > 0]
    floor = -math.fsum(terms)
    lower = "; it cannot go lower" if close(loss, floor) else ""
    compared = f"loss {four_decimals(loss)} against the floor {four_decimals(floor)}"
    return f"{compared} of label smoothing {smoothing:g}{lower}"


def judge_log_probs(e: Evaluation) -> Iterator[str]:
    """No loss of log-probabilities is negative."""
    yield from _negative(float(e.working.losses.min()))


def judge_divergence(e: Evaluation) -> Iterator[str]:
    """No divergence is negative, which is a sum over classes; its terms may be."""
    losses = e.working.losses
    yield from _negative(float((losses.sum(class_dim(e.call)) if losses.ndim else losses).min()))


def _negative(low: float) -> Iterator[str]:
    if low < -1e-6:
        yield f"a loss of {four_decimals(low)} < 0: the input holds no log-probabilities"


# details -----------------------------------------------------------------------------------------


def softmax_table(e: Evaluation) -> list[str]:
    """The softmax of the worst sample, step by step, class by class."""
    call, at = e.call, ranked(e.working.losses)[0]
    row = _class_row(call.input.double(), at)
    if len(row) > MOST_CLASSES:
        return []
    log_p = log_softmax(row, 0)
    t = call.target
    soft = t.is_floating_point()
    target = _class_row(t, at) if soft else None
    rows = []
    for c in range(len(row)):
        picked = "<-" if not soft and c == int(t[at] if t.ndim else t) else ""
        shifted = row[c] - row.max()
        numbers = (row[c], shifted, shifted.exp(), log_p[c].exp(), log_p[c])
        mark = picked if target is None else four_decimals(float(target[c]))
        rows.append([str(c), *(four_decimals(float(number)) for number in numbers), mark])
    header = ["class", "logit", "- max", "exp", "softmax", "log softmax", "target"]
    log_sum = four_decimals(float(row.max() - log_p.max() + (row - row.max()).max()))
    return ["", f"the worst, {label_of(at)}: logsumexp {log_sum}", *table(header, rows)]


def divergence_table(e: Evaluation) -> list[str]:
    """Entropy, cross-entropy, KL and Jensen-Shannon divergence of the first rows."""
    t, q = (e.working.columns[k] for k in ("t", "q = e^x"))
    if t.ndim == 0:
        return []
    p, q = (x.movedim(class_dim(e.call), -1) for x in (t, q))
    p, q = (x.reshape(-1, x.shape[-1])[:MOST_ROWS] for x in (p, q))
    middle = (p + q) / 2
    h, kl = -xlogy(p, p.log()).sum(-1), _kl(p, q)
    js = (_kl(p, middle) + _kl(q, middle)) / 2
    rows = [
        [str(i), *map(four_decimals, row)]
        for i, row in enumerate(torch.stack([h, h + kl, kl, js], 1).tolist())
    ]
    return ["", *table(["row", "H(t)", "H(t, q)", "KL(t||q)", "JS"], rows)]


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return xlogy(p, p.log() - q.log()).sum(-1)
