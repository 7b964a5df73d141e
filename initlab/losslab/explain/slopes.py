"""Gradients in closed form that depend on options, as text that fits a call.

A record's `slope` names its function: the gradient of one value of the loss; lines with the numbers
of the worst value may follow.
"""

from torch import Tensor

from initlab.formatting import bracketed, four_decimals
from initlab.losslab.call import Call
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.tables import label_of, ranked
from initlab.losslab.formulas.classes import class_row, logits_of
from initlab.losslab.formulas.numerics import log_softmax

SUMS_TO_ONE = 1e-5  # how far a sum of probabilities may be rounded

#: u(x, y), the derivative of a distance by x
UNIT = {
    "euclidean": "(x - y)/|x - y|",
    "squared": "2 (x - y)",
    "manhattan": "sign(x - y)",
    "cosine": "(cos x/|x| - y/|y|) / |x|",
}
P_NORM = "sign(x - y) (|x_i - y_i| / |x - y|)^P"


def cross_entropy_slope(e: Evaluation) -> list[str]:
    """By the logits: softmax(x)_c sum_k w_k q_k - w_c q_c, which is w (softmax(x) - onehot(t))
    where q is the onehot of a class id.

    The loss is -sum_c w_c q_c log softmax(x)_c, and d log softmax(x)_k / d x_c is
    [k = c] - softmax(x)_c (Bridle 1990; smoothed: Szegedy et al. 2016, sec. 7).
    """
    return [_by_logits(e.call, "x"), *_numbers(e)]


def linear_cross_entropy_slope(e: Evaluation) -> list[str]:
    """By the input, W and b of logits x W^T + b, by the chain rule."""
    return [f"g W, for W: g x^T, for b: g; g = {_by_logits(e.call, 'logits')}"]


def _by_logits(call: Call, x: str) -> str:
    weighted, smoothing = "weight" in call.options, call.options["label_smoothing"]
    soft = call.target.is_floating_point()
    if not soft and not smoothing:
        return f"{'w_t (' if weighted else ''}softmax({x}) - onehot(t){')' if weighted else ''}"
    target = "t" if soft else "onehot(t)"
    q = f"{1 - smoothing:.4g} {target} + {smoothing:.4g}/C" if smoothing else target
    if weighted:
        return f"softmax({x}) sum_c w_c q_c - w q; q = {q}"
    if soft and not _sums_to_one(call.target):
        return f"softmax({x}) sum_c q_c - q; q = {q}"
    return f"softmax({x}) - q; q = {q}"


def _sums_to_one(t: Tensor) -> bool:
    sums = t.double().sum(0 if t.ndim == 1 else 1)
    return bool(((sums - 1).abs() <= SUMS_TO_ONE).all())


def _numbers(e: Evaluation) -> list[str]:
    """The derivative of the worst sample by the logit of its class, or of its likeliest one."""
    if not e.working.losses.numel():
        return []
    at, t = ranked(e.working.losses)[0], e.call.target
    operands = {n: x.double() for n, x in e.call.operands.items()}
    p = log_softmax(class_row(logits_of(operands), at), 0).exp()
    smoothing, weight = e.call.options["label_smoothing"], e.call.options.get("weight")
    if t.is_floating_point():
        q = class_row(operands["target"], at)
    elif int(t[at]) == e.call.options["ignore_index"]:
        return []
    else:
        q = p.new_zeros(len(p)).scatter(0, t[at].reshape(1), 1.0)
    c = int(q.argmax())
    q = (1 - smoothing) * q + smoothing / len(p)
    w = p.new_ones(len(p)) if weight is None else weight.double()
    total = float((w * q).sum())
    first, second = four_decimals(float(p[c])), bracketed(float(q[c]))
    if weight is not None:
        first, second = f"{first} * {bracketed(total)}", f"{bracketed(float(w[c]))} * {second}"
    elif abs(total - 1) > SUMS_TO_ONE:
        first = f"{first} * {bracketed(total)}"
    value = four_decimals(float(p[c]) * total - float(w[c] * q[c]))
    return [f"{label_of(at)}, by the logit of class {c}: {first} - {second} = {value}"]


def triplet_slope(e: Evaluation) -> list[str]:
    """By anchor, positive and negative, with u of the p-norm."""
    power = e.call.options["p"]
    norm = UNIT["euclidean"] if power == 2 else UNIT["manhattan"] if power == 1 else P_NORM
    return [_triplet(e.call, norm.replace("P", f"{power - 1:.4g}"))]


def triplet_distance_slope(e: Evaluation) -> list[str]:
    """By anchor, positive and negative, with u of the distance that was chosen."""
    return [_triplet(e.call, UNIT[e.call.options["distance"]])]


def _triplet(call: Call, unit: str) -> str:
    plain = "for a u(a, p) - u(a, n), for p u(p, a), for n -u(n, a)"
    swapped = "; where d(p, n) is less: for a u(a, p), for p u(p, a) - u(p, n), for n -u(n, p)"
    more = swapped if call.options["swap"] else ""
    return f"where active, u(x, y) = {unit}: {plain}{more}"
