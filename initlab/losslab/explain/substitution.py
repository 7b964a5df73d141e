"""A formula with the numbers of one value in it, for the explain view: one function a loss."""

import math
from collections.abc import Callable, Mapping

from torch import Tensor

from initlab.losslab.call import Call, number
from initlab.losslab.formulas.classes import logits_of
from initlab.losslab.formulas.numerics import log_softmax
from initlab.losslab.formulas.working import Working

At = tuple[int, ...]
MOST_TERMS = 4


def substituted(call: Call, working: Working, at: At) -> str:
    """The formula of one value of the loss with its numbers filled in, as text."""
    given = {n: x.double() if x.is_floating_point() else x for n, x in call.operands.items()}
    values = {n: float(c[at]) for n, c in working.columns.items()}
    fill = FILLED.get(call.loss.name)
    filled = fill(call, given, values, at) if fill else call.loss.formula
    return f"{filled} = {four_decimals(float(working.losses[at]))}"


def four_decimals(value: float) -> str:
    """Four decimals where they tell the number, four digits elsewhere."""
    return (
        f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else number(float(f"{value:.4g}"))
    )


def short(value: float) -> str:
    """Up to four digits, without zeros at the end; negative numbers in brackets."""
    text = f"{value:.4g}"
    return f"({text})" if text.startswith("-") else text


Given = Mapping[str, Tensor]
Values = Mapping[str, float]


def _times(values: Values) -> str:
    return f"{short(values['weight'])} * " if values.get("weight", 1.0) != 1 else ""


def _x(given: Given, name: str, at: At) -> float:
    x = given[name]
    if not x.ndim:
        return float(x)
    at = at[len(at) - x.ndim :]
    return float(x[tuple(0 if size == 1 else i for i, size in zip(at, x.shape, strict=True))])


def _square(_: Call, g: Given, v: Values, at: At) -> str:
    return f"{_times(v)}({short(_x(g, 'input', at))} - {short(_x(g, 'target', at))})^2"


def _absolute(_: Call, g: Given, v: Values, at: At) -> str:
    return f"{_times(v)}|{short(_x(g, 'input', at))} - {short(_x(g, 'target', at))}|"


def _smooth_l1(call: Call, _: Given, v: Values, __: At) -> str:
    r, beta = short(abs(v["x - t"])), call.options["beta"]
    return f"{r}^2 / (2 * {beta:g})" if v["quadratic"] else f"{r} - {beta:g}/2"


def _huber(call: Call, _: Given, v: Values, __: At) -> str:
    r, delta = short(abs(v["x - t"])), call.options["delta"]
    return _times(v) + (f"{r}^2 / 2" if v["quadratic"] else f"{delta:g} ({r} - {delta:g}/2)")


def _poisson(call: Call, g: Given, v: Values, at: At) -> str:
    x, t = short(_x(g, "log_input", at)), short(v["t"])
    text = f"e^{x} - {t} * {x}" if call.options["log_input"] else f"{x} - {t} log {x}"
    return text + (f" + {four_decimals(v['log t!'])}" if call.options["full"] else "")


def _gaussian(call: Call, _: Given, v: Values, __: At) -> str:
    text = f"log {short(v['sigma'])} + {short(v['x - t'])}^2 / (2 * {short(v['sigma'])}^2)"
    return text + (" + log(2 pi)/2" if call.options["full"] else "")


def class_row(x: Tensor, at: At) -> Tensor:
    """The scores of all classes of one sample; classes are dimension 1 of a batch."""
    return x if x.ndim == 1 else x.movedim(1, -1)[at]


def _cross_entropy(call: Call, g: Given, v: Values, at: At) -> str:
    row, t = class_row(logits_of(g), at), g["target"]
    smoothing = call.options["label_smoothing"]
    if t.is_floating_point():
        q = class_row(t, at) * (1 - smoothing) + smoothing / len(row)
        return f"-({_terms(q * call.options.get('weight', 1.0), log_softmax(row, 0))})"
    picked = int(t[at])
    if picked == call.options["ignore_index"]:
        return "ignored"
    if smoothing:
        hard = -v["weight"] * math.log(v["p(class)"]) if v["p(class)"] else math.inf
        spread = four_decimals(v["spread"])
        return f"{1 - smoothing:.4g} * {four_decimals(hard)} + {smoothing:.4g} * {spread}"
    exps = [f"e^{short(float(s))}" for s in row[:MOST_TERMS]]
    below = " + ".join(exps) + (" + ..." if len(row) > MOST_TERMS else "")
    return f"-{_times(v)}log(e^{short(float(row[picked]))} / ({below}))"


def _terms(q: Tensor, log_p: Tensor) -> str:
    terms = [
        f"{short(float(a))} * {four_decimals(float(b))}" for a, b in zip(q, log_p, strict=True)
    ]
    return " + ".join(terms[:MOST_TERMS]) + (" + ..." if len(terms) > MOST_TERMS else "")


def _nll(_: Call, g: Given, v: Values, at: At) -> str:
    t = int(g["target"][at] if g["target"].ndim else g["target"])
    row = class_row(g["input"], at)
    return f"-{_times(v)}{short(float(row[t]))}" if 0 <= t < len(row) else "ignored"


def _kl(_: Call, g: Given, v: Values, at: At) -> str:
    return f"{short(v['t'])} (log {short(v['t'])} - {short(_x(g, 'input', at))})"


def _bce(_: Call, __: Given, v: Values, ___: At) -> str:
    t, x = short(v["t"]), short(v["x"])
    text = f"-{t} log {x} - (1 - {t}) log(1 - {x})"
    return f"{_times(v)}({text})" if _times(v) else text


def _bce_with_logits(_: Call, g: Given, v: Values, at: At) -> str:
    t, x = short(v["t"]), short(_x(g, "input", at))
    positive = f"{short(v['pos_weight'])} * {t}" if "pos_weight" in v else t
    text = f"{positive} log(1 + e^-{x}) + (1 - {t}) log(1 + e^{x})"
    return f"{_times(v)}({text})" if _times(v) else text


def _soft_margin(_: Call, __: Given, v: Values, ___: At) -> str:
    return f"log(1 + e^-{short(v['t x'])})"


def _multilabel_soft_margin(_: Call, g: Given, __: Values, ___: At) -> str:
    return f"the mean of {g['input'].shape[-1]} classes"


def _multi_margin(call: Call, g: Given, v: Values, _: At) -> str:
    classes = g["input"].shape[-1]
    power = "^2" if call.options["p"] == 2 else ""
    first = (
        f"max(0, {call.options['margin']:g} - {short(v['x_t'])} + {short(v['best rival'])}){power}"
    )
    return f"{_times(v)}({first}{' + ...' if classes > 2 else ''}) / {classes}"


def _multilabel_margin(_: Call, g: Given, v: Values, __: At) -> str:
    return f"the sum of {v['violations']:.0f} violated pairs / {g['input'].shape[-1]}"


def _margin_ranking(call: Call, _: Given, v: Values, __: At) -> str:
    return f"max(0, -{short(v['t'])} * {short(v['x1 - x2'])} + {call.options['margin']:g})"


def _hinge_embedding(call: Call, _: Given, v: Values, __: At) -> str:
    x = short(v["distance"])
    return x if v["t"] == 1 else f"max(0, {call.options['margin']:g} - {x})"


def _cosine(call: Call, _: Given, v: Values, __: At) -> str:
    c = short(v["cos"])
    return f"1 - {c}" if v["t"] == 1 else f"max(0, {c} - {call.options['margin']:g})"


def _triplet(call: Call, _: Given, v: Values, __: At) -> str:
    far = min(v["d(a, n)"], v.get("d(p, n)", v["d(a, n)"]))
    return f"max(0, {short(v['d(a, p)'])} - {short(far)} + {call.options['margin']:g})"


def _ctc(_: Call, __: Given, v: Values, ___: At) -> str:
    return f"-log P({v['labels']:.0f} labels in {v['frames']:.0f} frames)"


FILLED: dict[str, Callable[[Call, Given, Values, At], str]] = {
    "mse": _square,
    "l1": _absolute,
    "smooth_l1": _smooth_l1,
    "huber": _huber,
    "poisson_nll": _poisson,
    "gaussian_nll": _gaussian,
    "cross_entropy": _cross_entropy,
    "nll": _nll,
    "linear_cross_entropy": _cross_entropy,
    "kl_div": _kl,
    "bce": _bce,
    "bce_with_logits": _bce_with_logits,
    "soft_margin": _soft_margin,
    "multilabel_soft_margin": _multilabel_soft_margin,
    "multi_margin": _multi_margin,
    "multilabel_margin": _multilabel_margin,
    "margin_ranking": _margin_ranking,
    "hinge_embedding": _hinge_embedding,
    "cosine_embedding": _cosine,
    "triplet_margin": _triplet,
    "triplet_margin_with_distance": _triplet,
    "ctc": _ctc,
}
