"""From a prediction to words: what will become of signal and gradient, and why."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from initlab.catalog import ACTIVATIONS, NORMS
from initlab.formatting import around_one, layer_count, times
from initlab.spec.run import Choice, Run
from initlab.spec.thresholds import Thresholds, verdict
from initlab.theory.batch_norm import growth
from initlab.theory.bodies import body_of, tapering
from initlab.theory.critical import critical_gain
from initlab.theory.curves import curves_of
from initlab.theory.predicted import Layers, Prediction
from initlab.theory.quadrature import Array
from initlab.theory.variances import LEAST_WIDTH

ARRIVED = 0.1  # share of q* by which a variance may be off it
MOST_DROPPED = 0.99  # of what `recommend` takes
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
        lost = run.layers[int(np.isnan(layers.std).argmax())].activation.name
        return Diagnosis(None, None, f"no prediction: {lost} cannot be resolved there")
    limits = prediction.limits
    std = layers.std[run.stream_start :]
    forward = "nan" if limits.nan_onset is not None else _verdict(std, thresholds)
    reasons = [_forward(run, prediction, layers, forward)]
    backward = None
    if limits.nan_onset is None and run.backward:
        backward = "nan" if limits.grad_overflow is not None else None
        backward = backward or _verdict(layers.grad_std[run.stream_start :][::-1], thresholds)
        reasons.append(_backward(run, prediction, forward, backward, thresholds))
    reasons.append(_reach(run, prediction))
    if prediction.approximate:
        reasons.append(f"approximate: {prediction.approximate}")
    if (narrowest := min(run.shape[1:-1], default=LEAST_WIDTH)) < LEAST_WIDTH:
        reasons.append(f"layers of {narrowest}: single networks stray far, as a sweep's band tells")
    return Diagnosis(forward, backward, "; ".join(filter(None, reasons)))


def _verdict(path: Array, thresholds: Thresholds) -> str:
    start, end = float(path[0]), float(path[-1])
    # beyond float64 is far beyond any threshold
    return "exploding" if math.isinf(end) and start < end else verdict(start, end, thresholds)


def _layers(depth: int) -> str:
    return f"{depth} layer{'s' if depth > 1 else ''}"


def _length(run: Run) -> str:
    """As in "60 layers, 30 blocks"."""
    blocks = 0 if run.residual is None else len(run.structure.blocks)
    of_blocks = f", {blocks} block{'s' if blocks > 1 else ''}" if blocks else ""
    return _layers(run.depth) + of_blocks


def _forward(run: Run, prediction: Prediction, layers: Layers, word: str) -> str:
    first, last = float(layers.std[run.stream_start]), float(layers.std[-1])
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
        return f"signal {way}: std {times(ratio)} over {_length(run)}{dies}"
    q = float(fixed.q[0]) if fixed is not None else math.nan
    # a fixed point is a reason where lengths have arrived there
    if 0 < q < math.inf and abs(float(layers.pre_std[-1]) ** 2 / q - 1) < ARRIVED:
        return f"signal steady: q* = {q:.4g}, std {last:.3g}{dies}"
    return f"signal steady: std {times(ratio)} over {_length(run)}{dies}"


def _backward(
    run: Run, prediction: Prediction, forward: str, word: str, thresholds: Thresholds
) -> str:
    limits, layers = prediction.limits, prediction.layers
    ratio = float(layers.grad_std[run.stream_start]) if layers is not None else math.nan
    about = "" if prediction.sure_start else "about "
    supports = _supports(run, prediction, word, thresholds)
    because = _because(run, prediction, supports=supports)
    gradient = f"{because}gradient {about}{times(ratio)} over {_length(run)}"
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
    only = only if supports else ""
    instead = _instead(run) if supports or prediction.fixed is None else ""
    return f"gradient {way} backwards: {gradient}{dies}{only}{instead}"


def _supports(run: Run, prediction: Prediction, word: str, thresholds: Thresholds) -> bool:
    """Whether chi_1 alone, layer by layer, would make of a gradient what becomes of it."""
    chi_1 = float(prediction.fixed.chi_1[0]) if prediction.fixed is not None else math.nan
    if math.isnan(chi_1):
        return False
    if word == "nan":
        return chi_1 > 1
    ln_ratio = (run.depth - 1) / 2 * math.log(chi_1) if chi_1 else -math.inf
    # beyond float64 is far beyond any threshold
    ratio = math.exp(min(max(ln_ratio, -700), 700)) if run.depth > 1 else 1.0
    return verdict(1.0, ratio, thresholds) == word


def _because(run: Run, prediction: Prediction, *, supports: bool) -> str:
    """What makes a gradient grow or shrink: chi_1, the fans, or one layer that differs."""
    if run.has_blocks:
        return _because_of_blocks(run)
    ratio = tapering(run)
    fans = "" if abs(ratio - 1) < 1e-9 else f"fan_out / fan_in = {ratio:.3g} a layer"
    if supports and prediction.fixed is not None:
        chi_1 = around_one(float(prediction.fixed.chi_1[0]))
        return f"chi_1 = {chi_1}{f' ({fans})' if fans else ''}, "
    step = _one_step(run, prediction)
    return f"{fans}, " if fans else step


def _because_of_blocks(run: Run) -> str:
    """What batch norm does to a gradient, whatever the weights' scale."""
    norm = run.norm
    if norm is None or NORMS[norm.name].over != "batch" or run.residual is not None:
        return ""
    rate = growth(run.activation, run.batch)
    return f"batch norm of {run.batch} samples multiplies its variance by {rate:.4g} a layer, "


def _one_step(run: Run, prediction: Prediction) -> str:
    """A layer that differs from the others, where it makes more than half of the whole factor."""
    if prediction.layers is None or not run.overrides or run.depth < 2:
        return ""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(prediction.layers.grad_std)
        steps = logs[:-1] - logs[1:]
    if not np.isfinite(steps).all():
        return ""
    layer = int(np.abs(steps).argmax())
    factor = float(np.exp(steps[layer]))
    most = abs(steps[layer]) > abs(logs[0]) / 2 and abs(steps[layer]) > 1
    return f"{times(factor)} through layer {layer + 1} alone, " if most else ""


def _instead(run: Run) -> str:
    """Where the edge of chaos of the body's activation is; with blocks, what finds other scales."""
    if run.has_blocks:
        asked = _asking(run)
        return f"; for other scales: initlab recommend {asked}" if asked else ""
    body = {(run.layers[i].activation, run.layers[i].bias is not None) for i in body_of(run)}
    if len(body) != 1:
        return ""
    ((activation, biased),) = body
    if biased:
        return f"; for other scales: initlab recommend --activation {activation.name}"
    gain, name = _critical(activation), described(activation)
    return f"; critical gain of {name}: {gain:.4g}" if gain else f"; {name} has no critical gain"


def _asking(run: Run) -> str:
    """Options of `recommend` for networks like this one; empty where it has none like it."""
    if any(around.after_sum for around in run.structure.layers) or run.dropout > MOST_DROPPED:
        return ""
    options = [f"--activation {run.activation.name}"]
    defaults = ACTIVATIONS[run.activation.name].every_default
    own = [(k, v) for k, v in run.activation.items if v != defaults.get(k)]
    options += [f"--param {key}={value}" for key, value in own]
    if run.dtype != "float32":
        options.append(f"--dtype {run.dtype}")
    if run.residual is not None:
        options.append(f"--residual {run.residual.parameters['every']}")
    if run.norm is not None:
        options.append(f"--norm {run.norm.name}")
    if run.dropout:
        options.append(f"--dropout {run.dropout:.6g}")
    return " ".join(options)


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
