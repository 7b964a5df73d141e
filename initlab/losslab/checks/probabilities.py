"""Probabilities, their logarithms, and what sums to 1."""

from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.errors import Finding
from initlab.formatting import number
from initlab.losslab.call import Call, class_dim, describe, row
from initlab.losslab.rounding import far_outside, normalised_dims, off, outside, sums_of


def probabilities(call: Call) -> Iterator[Finding]:
    """Between 0 and 1."""
    x = call.input
    bad = outside(x)
    if bad.any():
        rounded = not far_outside(x).any()
        by = " by rounding" if rounded else ""
        message = f"{describe(x, bad, f'outside 0..1{by}')}; {call.loss.class_name} needs"
        fix = "--clamp" if rounded else "--from logits, or --name bce_with_logits"
        yield call.error("prob-range", "input", f"{message} probabilities", fix)


def log_probs(call: Call) -> Iterator[Finding]:
    """The exponentials of every row sum to 1."""
    name = call.loss.operands[0].name
    x, dim = call.input, class_dim(call)
    if not x.numel():
        return
    sums = sums_of(x.exp(), dim)
    bad = off(sums, x) & _within_length(call, sums)
    if bad.any():
        message = f"{row(bad)} sums to {number(_first(sums, bad))} after exp (expected 1)"
        message += f"; {call.loss.class_name} needs log-probabilities"
        fix = f"{_log_prob_fix(call, x, dim)}, or --allow not-log-prob"
        yield call.error("not-log-prob", name, message, fix)


def _log_prob_fix(call: Call, x: Tensor, dim: int) -> str:
    """What makes log-probabilities of an input whose rows are none along `dim`."""
    elsewhere = _other_dims(x.exp(), dim)
    if elsewhere:
        return _class_dim_fix(call, elsewhere[0], x)
    if call.settings.given == "probs":
        return "--normalise"
    if not outside(x).any() and not off(sums_of(x, dim), x).any():
        return "--from probs (initlab takes the log)"
    return "--from logits (initlab takes the log_softmax)"


def _within_length(call: Call, sums: Tensor) -> Tensor:
    """Which rows are used: of frames with input lengths those within them, else all."""
    if "input_lengths" not in call.operands:
        return torch.ones_like(sums, dtype=torch.bool)
    frames = torch.arange(call.input.shape[0])
    lengths = call.operands["input_lengths"].reshape(-1)
    return frames[:, None] < lengths if sums.ndim == 2 else frames < lengths[0]


def _first(values: Tensor, bad: Tensor) -> float:
    """The first value that a mask marks."""
    return float(values[tuple(bad.nonzero()[0].tolist())])


def distribution(call: Call) -> Iterator[Finding]:
    """The target of KLDiv: probabilities that sum to 1, or their logarithms with log_target."""
    t, name = call.target, "target"
    if not t.numel():
        return
    dim = class_dim(call)
    if call.options["log_target"]:
        sums = sums_of(t.exp(), dim)
        bad = off(sums, t)
        if bad.any():
            message = f"{row(bad)} sums to {number(_first(sums, bad))} after exp (expected 1)"
            positive = bool((t >= 0).all())
            fix = "--no-log-target" if positive else "--target-from logits"
            yield call.error("not-log-prob", name, message, fix)
        return
    bad = t < 0
    if bad.any():
        logs = not off(sums_of(t.exp(), dim), t).any()
        swapped = bool((call.input >= 0).all())
        fix = "--log-target" if logs else "--target-from logits"
        if logs and swapped:
            fix = f"swap {call.name_of('input')} and {call.name_of('target')}"
        message = (
            f"{describe(t, bad, 'negative')}; {call.loss.class_name} needs probabilities as target"
        )
        if not far_outside(t).any() and not off(sums_of(t, dim), t).any():
            fix, message = "--clamp", message.replace("negative;", "negative by rounding;")
        yield call.error("prob-range", name, message, fix)
        return
    sums = sums_of(t, dim)
    bad = off(sums, t)
    if bad.any():
        yield unnormalised(call, t, dim)


def _other_dims(x: Tensor, dim: int) -> list[int]:
    """Dimensions but the batch and `dim` along which all sums are 1."""
    return [d for d in normalised_dims(x) if d > 0 and d != dim % x.ndim]


def _class_dim_fix(call: Call, dim: int, x: Tensor) -> str:
    if call.settings.class_dim is not None:
        return "leave --class-dim out"
    return f"--class-dim {-1 if dim == x.ndim - 1 else dim}"


def unnormalised(call: Call, t: Tensor, dim: int) -> Finding:
    """Of a target without negative values whose sums are not 1."""
    name, sums = call.target_name, sums_of(t, dim)
    bad = off(sums, t)
    message = f"{row(bad)} sums to {number(_first(sums, bad))} (expected 1)"
    counts = bool((t == t.round()).all())
    elsewhere = _other_dims(t, dim)
    if elsewhere:
        turned = "" if call.settings.class_dim is None else " as it was turned"
        message += f"; over dimension {elsewhere[0]}{turned} all sums are 1"
        fix = _class_dim_fix(call, elsewhere[0], t)
    elif (sums == 0).any():
        message += f"; {row(sums == 0)} is all 0, and cannot be normalised"
        fix = "leave such rows out"
    elif counts and t.max() <= 1 and call.loss.by_name[name].holds == "classes_or_probs":
        message += "; of classes that do not exclude each other it is another loss"
        fix = "--name bce_with_logits, if several classes may be right"
    elif not outside(t).any():
        fix = "--normalise"
    elif counts:
        fix = "--normalise, if these are counts; --target-from logits, if they are logits"
    else:
        message += "; it looks like logits"
        fix = "--target-from logits"
    return call.error("not-normalised", name, message, fix)


def support(call: Call) -> Iterator[Finding]:
    """Zeros of the prediction and of the target; and what `mean` divides by."""
    x, t = call.input, call.target
    mass = t.exp() if call.options["log_target"] else t
    lost = torch.isneginf(x) & (mass > 0)
    if lost.any():
        what = describe(mass.expand(lost.shape), lost, "where the prediction is 0")
        message = f"{what}: the divergence is infinite"
        yield call.warning("saturated", "target", message)
    both = torch.isneginf(x) & (mass == 0)
    if both.any():
        message = f"{int(both.sum())} of {both.numel()} classes are 0 in both; 0 log 0 counts as 0"
        yield call.warning("saturated", "target", message)
    yield from _divisor(call, x)


def _divisor(call: Call, x: Tensor) -> Iterator[Finding]:
    """What mean and batchmean divide by, where that makes another number of the divergence."""
    if x.ndim == 1 and len(x) > 1 and call.reduction in ("mean", "batchmean"):
        message = f"a single distribution of {len(x)} classes is no batch: {call.reduction} divides"
        message += f" by {len(x)}; the divergence is sum, {len(x)} times that"
        level = call.warning if call.reduction == "batchmean" else call.info
        yield level("mean-is-no-kl", "--reduction", message, "--reduction sum")
    if x.ndim > 1 and x.numel() and call.reduction == "mean":
        per = x.numel() // x.shape[0]
        message = f"mean divides by batch and classes, {x.shape[0]} x {per}; the divergence is"
        message += f" batchmean, {per} times that"
        yield call.info("mean-is-no-kl", "--reduction", message, "--reduction batchmean")
    positions = x.numel() // (x.shape[0] * x.shape[class_dim(call)] or 1) if x.ndim > 2 else 1
    if positions > 1 and call.reduction == "batchmean":
        message = f"there are {positions} distributions in each of {x.shape[0]} samples;"
        message += f" batchmean divides by {x.shape[0]} only"
        yield call.info("mean-is-no-kl", "--reduction", message)


def clamped(call: Call) -> Iterator[Finding]:
    """A sure prediction that is wrong: an infinite loss, which torch holds at 100."""
    x, t = call.input, call.target
    bad = ((x == 0) & (t > 0)) | ((x == 1) & (t < 1))
    if bad.any():
        yield call.warning(
            "saturated",
            "input",
            f"{describe(x, bad, 'wrong with certainty')}: the loss is infinite there",
            "--name bce_with_logits on the logits, which does not saturate",
            "holds each logarithm at -100, and the gradient at 1e12",
        )


CHECKS = (probabilities, log_probs, distribution, support, clamped)
