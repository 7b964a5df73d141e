"""From a prediction to words: what will become of signal and gradient, and why."""

import math
from dataclasses import dataclass
from functools import cache

from initlab.formatting import around_one, layer_count, times
from initlab.spec.run import Choice, Run
from initlab.spec.thresholds import Thresholds, verdict
from initlab.theory.critical import critical_gain
from initlab.theory.curves import curves_of
from initlab.theory.prediction import Layers, Prediction
from initlab.theory.quadrature import Array

DEEP = 6  # depth scales; a deeper network is hard to train (Schoenholz et al. 2017)


@dataclass(frozen=True)
class Diagnosis:
    """Verdicts as `runs.csv` has them, before anything was run; None where theory is silent."""

    forward: str | None
    backward: str | None
    why: str


def diagnose(run: Run, prediction: Prediction, thresholds: Thresholds) -> Diagnosis:
    """What theory expects of a run, and the reason for it in one line."""
    layers = prediction.layers
    if layers is None:
        return Diagnosis(None, None, f"no prediction: {prediction.reason}")
    if math.isnan(float(layers.std[-1])):
        return Diagnosis(
            None, None, f"no prediction: {run.activation.name} cannot be resolved there"
        )
    limits = prediction.limits
    forward = "nan" if limits.nan_onset is not None else _verdict(layers.std, thresholds)
    reasons = [_forward(run, prediction, layers, forward)]
    backward = None
    if limits.nan_onset is None and run.backward:
        backward = "nan" if limits.grad_overflow is not None else None
        backward = backward or _verdict(layers.grad_std[::-1], thresholds)
        reasons.append(_backward(run, prediction, layers, forward, backward))
    reasons.append(_reach(run, prediction))
    if prediction.approximate:
        reasons.append(f"approximate: {prediction.approximate}")
    return Diagnosis(forward, backward, "; ".join(filter(None, reasons)))


def _verdict(path: Array, thresholds: Thresholds) -> str:
    start, end = float(path[0]), float(path[-1])
    # beyond float64 is far beyond any threshold
    return "exploding" if math.isinf(end) and start < end else verdict(start, end, thresholds)


def _layers(depth: int) -> str:
    return f"{depth} layer{'s' if depth > 1 else ''}"


def _forward(run: Run, prediction: Prediction, layers: Layers, word: str) -> str:
    first, last = float(layers.std[0]), float(layers.std[-1])
    limits, fixed = prediction.limits, prediction.fixed
    if not first:
        return "no signal: all zero from layer 0 on"
    if word == "nan":
        at = limits.nan_onset or 0
        rate = float(layers.std[at] / first) ** (1 / at) if at else math.nan
        grows = f", std {times(rate)} a layer" if math.isfinite(rate) else ""
        return f"overflows {run.dtype} at layer {limits.nan_onset}{grows}"
    ratio = last / first
    dies = (
        ""
        if limits.zero_onset is None
        else f", all zero in {run.dtype} from layer {limits.zero_onset} on"
    )
    if word != "steady":
        way = "explodes" if word == "exploding" else "vanishes"
        return f"signal {way}: std {times(ratio)} over {_layers(run.depth)}{dies}"
    q = float(fixed.q[0]) if fixed is not None else math.nan
    if 0 < q < math.inf:
        return f"signal steady: q* = {q:.4g}, std {last:.3g}{dies}"
    return f"signal steady: std {times(ratio)} over {_layers(run.depth)}{dies}"


def _backward(run: Run, prediction: Prediction, layers: Layers, forward: str, word: str) -> str:
    limits, fixed = prediction.limits, prediction.fixed
    chi_1 = float(fixed.chi_1[0]) if fixed is not None else math.nan
    because = "" if math.isnan(chi_1) else f"chi_1 = {around_one(chi_1)}, "
    ratio = float(layers.grad_std[0])
    about = "" if prediction.sure_start else "about "
    gradient = f"{because}gradient {about}{times(ratio)} over {_layers(run.depth)}"
    if word == "steady":
        return f"gradient steady: {gradient}"
    dies = {
        "nan": f", overflows {run.dtype} at layer {limits.grad_overflow}",
        "vanishing": ""
        if limits.grad_underflow is None
        else f", all zero in {run.dtype} from layer {limits.grad_underflow} down",
    }.get(word, "")
    way = "vanishes" if word == "vanishing" else "explodes"
    only = f"; {described(run.init)} is steady forward only" if forward == "steady" else ""
    return f"gradient {way} backwards: {gradient}{dies}{only}{_instead(run)}"


def _instead(run: Run) -> str:
    """Where the edge of chaos is."""
    if run.bias is not None:
        return f"; for other scales: initlab recommend --activation {run.activation.name}"
    gain = _critical(run.activation)
    name = described(run.activation)
    return f"; critical gain of {name}: {gain:.4g}" if gain else f"; {name} has no critical gain"


@cache
def _critical(activation: Choice) -> float | None:
    return critical_gain(curves_of(activation))


def _reach(run: Run, prediction: Prediction) -> str:
    if prediction.fixed is None:
        return ""
    xi_c, c = float(prediction.fixed.xi_c[0]), float(prediction.fixed.c[0])
    if not 0 < DEEP * xi_c < run.depth:
        return ""
    fate = "samples end up alike" if c > 1 - 1e-9 else "samples lose what they have in common"
    return f"deeper than {DEEP} xi_c = {layer_count(DEEP * xi_c)} layers: {fate}"


def described(choice: Choice) -> str:
    """A record and the parameters that are not its defaults: xavier_uniform(gain=tanh)."""
    from initlab.catalog import ACTIVATIONS, SCHEMES

    table = SCHEMES if choice.name in SCHEMES and choice.name not in ACTIVATIONS else ACTIVATIONS
    defaults = table[choice.name].defaults
    given = [f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in choice.items
             if v != defaults.get(k)]  # fmt: skip
    return f"{choice.name}({', '.join(given)})" if given else choice.name
