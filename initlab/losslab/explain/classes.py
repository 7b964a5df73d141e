"""How the explain view shows losses over the probabilities of classes."""

import math

import torch
from torch import Tensor

from initlab.formatting import bracketed, four_decimals
from initlab.losslab.call import class_dim
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.substitution import MOST_TERMS, Value
from initlab.losslab.explain.tables import Grid, Line, label_of, ranked
from initlab.losslab.formulas.classes import class_row, logits_of
from initlab.losslab.formulas.numerics import log_softmax, xlogy

MOST_CLASSES, MOST_ROWS = 6, 5


# substitutions -----------------------------------------------------------------------------------


def substitute_cross_entropy(v: Value) -> str:
    """-w log(e^x_t / sum e^x_c); for a target q: -(q_1 log p_1 + ...)."""
    row, t = class_row(logits_of(v.operands), v.at), v.operands["target"]
    smoothing = v.call.options["label_smoothing"]
    if t.is_floating_point():
        q = class_row(t, v.at) * (1 - smoothing) + smoothing / len(row)
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
    row = class_row(v.operands["input"], v.at)
    return f"-{v.weight}{bracketed(float(row[t]))}" if 0 <= t < len(row) else "ignored"


def substitute_divergence(v: Value) -> str:
    """t (log t - x)."""
    return f"{v.column('t')} (log {v.column('t')} - {v.entry('input')})"


# details -----------------------------------------------------------------------------------------


def softmax_table(e: Evaluation) -> list[Line]:
    """The softmax of the worst sample, step by step, class by class, where they are few."""
    call, at = e.call, ranked(e.working.losses)[0]
    row = class_row(call.input.double(), at)
    if len(row) > MOST_CLASSES:
        return []
    log_p = log_softmax(row, 0)
    t = call.target
    soft = t.is_floating_point()
    target = class_row(t, at) if soft else None
    rows = []
    for c in range(len(row)):
        picked = "<-" if not soft and c == int(t[at] if t.ndim else t) else ""
        shifted = row[c] - row.max()
        numbers = (row[c], shifted, shifted.exp(), log_p[c].exp(), log_p[c])
        mark = picked if target is None else four_decimals(float(target[c]))
        rows.append([str(c), *(four_decimals(float(number)) for number in numbers), mark])
    header = ["class", "logit", "- max", "exp", "softmax", "log softmax", "target"]
    log_sum = four_decimals(float(row.max() - log_p.max() + (row - row.max()).max()))
    return ["", f"the worst, {label_of(at)}: logsumexp {log_sum}", Grid(header, rows)]


def divergence_table(e: Evaluation) -> list[Line]:
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
    return ["", Grid(["row", "H(t)", "H(t, q)", "KL(t||q)", "JS"], rows)]


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return xlogy(p, p.log() - q.log()).sum(-1)
