"""Probabilities, their logarithms, and what sums to 1."""

from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.errors import Finding
from initlab.formatting import number
from initlab.losslab.call import Call, class_dim, describe

#: how far from 1 a sum of probabilities may be, by dtype; of any other it is OTHER_ROUNDING
ROUNDING = {torch.float16: 2e-2, torch.bfloat16: 5e-2}
OTHER_ROUNDING = 1e-3


def rounding(x: Tensor) -> float:
    """How far from 1 a sum of probabilities of this dtype may lie."""
    return ROUNDING.get(x.dtype, OTHER_ROUNDING)


def probabilities(call: Call) -> Iterator[Finding]:
    """Between 0 and 1."""
    x = call.input
    bad = (x < 0) | (x > 1)
    if bad.any():
        message = f"{describe(x, bad, 'outside 0..1')}; {call.loss.class_name} needs probabilities"
        fix = "--from logits, or --name bce_with_logits"
        yield call.error("prob-range", "input", message, fix)


def sums_of(x: Tensor, dim: int) -> Tensor:
    """Sums of probabilities along a dimension, in float64."""
    return x.double().sum(dim) if x.ndim else x.double()


def off(sums: Tensor, x: Tensor) -> Tensor:
    """Which sums are not 1, up to the rounding of the dtype of `x`; nan is not."""
    return ~((sums - 1).abs() <= rounding(x))


def log_probs(call: Call) -> Iterator[Finding]:
    """The exponentials of every row sum to 1."""
    name = call.loss.operands[0].name
    x, dim = call.input, class_dim(call)
    if not x.numel():
        return
    sums = sums_of(x.exp(), dim)
    bad = off(sums, x) & _within_length(call, sums)
    if bad.any():
        given = call.settings.given
        probabilities = bool(((x >= 0) & (x <= 1)).all()) and not off(sums_of(x, dim), x).any()
        holds = "probs" if probabilities else "logits"
        function = "log" if probabilities else "log_softmax"
        yield call.error(
            "not-log-prob",
            name,
            f"{row(bad)} sums to {number(_first(sums, bad))} after exp (expected 1);"
            f" {call.loss.class_name} needs log-probabilities",
            f"--from {holds} (initlab takes the {function})"
            if not given
            else "divide each row by its sum",
        )


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


def row(bad: Tensor) -> str:
    """The rows that a mask marks, as in "row 0", "2 of 3 rows are off: row [0, 2]"."""
    index = bad.nonzero()[0].tolist()
    first = f"row {index[0] if len(index) == 1 else index}" if index else "it"
    count = int(bad.sum())
    return first if count == 1 else f"{count} of {bad.numel()} rows are off: {first}"


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
            fix = "--option log_target=false" if positive else "give log-probabilities"
            yield call.error("not-log-prob", name, message, fix)
        return
    bad = t < 0
    if bad.any():
        logs = not off(sums_of(t.exp(), dim), t).any()
        swapped = bool((call.input >= 0).all())
        fix = "--option log_target=true" if logs else "give probabilities"
        if logs and swapped:
            fix = f"swap {call.name_of('input')} and {call.name_of('target')}"
        message = (
            f"{describe(t, bad, 'negative')}; {call.loss.class_name} needs probabilities as target"
        )
        yield call.error("prob-range", name, message, fix)
        return
    sums = sums_of(t, dim)
    bad = off(sums, t)
    if bad.any():
        message = f"{row(bad)} sums to {number(_first(sums, bad))} (expected 1)"
        yield call.error("not-normalised", name, message, "divide each row by its sum")


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
    if call.reduction == "mean" and x.ndim > 1:
        per = x.numel() // max(x.shape[0], 1)
        yield call.info(
            "mean-is-no-kl",
            "--reduction",
            f"mean divides by batch and classes, {x.shape[0]} x {per}; the divergence is batchmean,"
            f" {per} times that",
            "--reduction batchmean",
        )


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
