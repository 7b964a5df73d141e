"""How the explain view shows losses of real numbers and counts."""

import math
from collections.abc import Iterator

from initlab.formatting import bracketed, four_decimals
from initlab.losslab.evaluate import Evaluation
from initlab.losslab.explain.substitution import Value
from initlab.losslab.explain.verdicts import close
from initlab.losslab.formulas import regression as formulas

ENOUGH = 10  # values of which a tenth can be called the worst


def substitute_square(v: Value) -> str:
    """w (x - t)^2."""
    return f"{v.weight}({v.entry('input')} - {v.entry('target')})^2"


def substitute_absolute(v: Value) -> str:
    """w |x - t|."""
    return f"{v.weight}|{v.entry('input')} - {v.entry('target')}|"


def substitute_smooth_l1(v: Value) -> str:
    """r^2 / (2 beta) or r - beta/2, r = |x - t|."""
    r, beta = bracketed(abs(v.columns["x - t"])), v.call.options["beta"]
    return f"{r}^2 / (2 * {beta:g})" if v.columns["quadratic"] else f"{r} - {beta:g}/2"


def substitute_huber(v: Value) -> str:
    """w r^2 / 2 or w delta (r - delta/2), r = |x - t|."""
    r, delta = bracketed(abs(v.columns["x - t"])), v.call.options["delta"]
    branch = f"{r}^2 / 2" if v.columns["quadratic"] else f"{delta:g} ({r} - {delta:g}/2)"
    return v.weight + branch


def substitute_poisson(v: Value) -> str:
    """e^x - t x or x - t log x, and log t! with full."""
    x, t = v.entry("log_input"), v.column("t")
    text = f"e^{x} - {t} * {x}" if v.call.options["log_input"] else f"{x} - {t} log {x}"
    return text + (f" + {four_decimals(v.columns['log t!'])}" if v.call.options["full"] else "")


def substitute_gaussian(v: Value) -> str:
    """log s + (x - t)^2 / (2 s^2), s the standard deviation."""
    sigma = v.column("sigma")
    text = f"log {sigma} + {v.column('x - t')}^2 / (2 * {sigma}^2)"
    return text + (" + log(2 pi)/2" if v.call.options["full"] else "")


def judge_squared_error(e: Evaluation) -> Iterator[str]:
    """What a constant prediction would cost, and what `judge_residuals` yields."""
    losses, t = e.working.losses, e.call.target.double()
    if "weight" not in e.call.options and losses.numel() > 1:
        loss, var, zero = float(losses.mean()), float(t.var(correction=0)), float((t**2).mean())
        constants = f"var(target) = {four_decimals(var)}, mean(target^2) = {four_decimals(zero)}"
        compared = f"loss {four_decimals(loss)} against {constants}"
        if var and close(loss, var):
            yield f"{compared}: no better than predicting the mean"
        elif zero and close(loss, zero):
            yield f"{compared}: no better than predicting 0"
        else:
            yield compared
    yield from judge_residuals(e)


def judge_residuals(e: Evaluation) -> Iterator[str]:
    """The share of the worst tenth in the loss, and what other losses make of the residuals."""
    losses = e.working.losses
    worst = math.ceil(losses.numel() / ENOUGH)
    if losses.numel() >= ENOUGH and losses.sum() > 0:
        share = float(losses.flatten().topk(worst).values.sum() / losses.sum())
        yield f"the worst {worst} of {losses.numel()} values make {share:.0%} of the loss"
    pair = {n: e.call.operands[n].double() for n in ("input", "target")}
    rivals = {
        "l1": formulas.l1(pair, {}),
        "mse": formulas.mse(pair, {}),
        "smooth_l1": formulas.smooth_l1(pair, {"beta": 1.0}),
        "huber(delta=2)": formulas.huber(pair, {"delta": 2.0}),
    }
    means = ", ".join(f"{n} {four_decimals(float(w.losses.mean()))}" for n, w in rivals.items())
    yield f"on the same residuals, means: {means}"


def judge_variances(e: Evaluation) -> Iterator[str]:
    """Whether the predicted variances are those of the residuals: z^2 is 1 on average."""
    z = e.working.columns["z"]
    spread = float((z**2).mean())
    if not math.isfinite(spread):
        return
    state = "the variances fit the residuals"
    if spread > 2:
        state = "the variances are too small for the residuals: overconfident"
    elif spread < 0.5:
        state = "the variances are too large for the residuals: underconfident"
    yield f"mean z^2 = {four_decimals(spread)} against 1: {state}"
