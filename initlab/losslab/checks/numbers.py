"""What numbers must be: finite and enough; rates, counts and variances."""

import math
from collections.abc import Iterator

import torch

from initlab.errors import Finding
from initlab.formatting import number
from initlab.losslab.call import Call, describe, name, shape

LARGE_LOG_RATE = 10.0


def finite(call: Call) -> Iterator[Finding]:
    """No nan and no infinity; -inf may stand for a masked logit or the logarithm of 0."""
    for operand in call.loss.operands:
        if operand.name not in call.operands:
            continue
        value = call.unexpanded(operand.name)
        if not value.is_floating_point():
            continue
        logarithm = operand.holds == "log_probs" or (
            operand.holds == "distribution" and call.options["log_target"]
        )
        masked = "masked_logits" in call.loss.checks and operand.holds == "logits"
        bad = torch.isnan(value) | (value == torch.inf)
        if not (logarithm or masked):
            bad |= value == -torch.inf
        if not bad.any():
            continue
        raw = call.raw.get(operand.name)
        if raw is not None and raw.shape == value.shape and torch.isfinite(raw[bad]).all():
            message = f"{describe(raw, bad, f'beyond the range of {name(value.dtype)}')}"
            yield call.error("overflow", operand.name, message, "--dtype float64")
            continue
        message = (
            f"{describe(value, bad, 'not finite')}; {call.loss.class_name} needs finite numbers"
        )
        yield call.error(
            "non-finite", operand.name, message, "mend or drop them, or --allow non-finite"
        )


def some_values(call: Call) -> Iterator[Finding]:
    """A mean needs something to be a mean of."""
    if call.input.numel() == 0 and call.reduction not in ("none", "sum"):
        name = call.loss.operands[0].name
        message = f"{shape(call.input)} holds no values; a mean over nothing is not defined"
        yield call.error("empty-mean", name, message, "--reduction sum, which is 0")


def some_weight(call: Call) -> Iterator[Finding]:
    """A mean that divides by the sum of a weight for each value needs one that is not 0."""
    weight = call.options.get("weight")
    if weight is None or call.reduction not in ("mean", "all"):
        return
    fits = weight.shape == call.input.shape  # elementwise_weight reports another shape
    if fits and weight.numel() and not weight.any():
        message = "every weight is 0; the mean divides by their sum"
        fix = "--reduction sum, which is 0"
        yield call.error("empty-mean", call.option("weight"), message, fix)


def rates(call: Call) -> Iterator[Finding]:
    """Rates are positive; logarithms of rates are not as large as rates."""
    x = call.input
    if call.options["log_input"]:
        bad = (x > LARGE_LOG_RATE) & (x.double().exp() > 1000 * call.target.double().clamp(min=1))
        if bad.any():
            what = describe(x, bad, "e^x above 1000 times its count")
            message = f"{what}: is this a rate, not its logarithm?"
            rates = bool((x >= 0).all())
            fix = "--no-log-input" if rates else "give logarithms of rates"
            yield call.warning("rate", "log_input", message, fix)
        else:
            yield from _rates_as_logarithms(call)
        return
    bad = x < 0
    if bad.any():
        message = f"{describe(x, bad, 'negative')}; a rate is above 0"
        yield call.error("rate", "log_input", message, "--log-input true, for log-rates")
    bad = x == 0
    if bad.any():
        message = f"{describe(x, bad, 'a rate of 0')}: its logarithm exists thanks to eps only"
        yield call.warning("rate", "log_input", message)


def _rates_as_logarithms(call: Call) -> Iterator[Finding]:
    """Numbers that fit the counts much better as rates than as logarithms of rates."""
    x, t = call.input.double(), call.target.double()
    if x.numel() < 2 or x.shape != t.shape or not (x > 0).all() or not t.isfinite().all():
        return
    # the likelihoods by both readings: e^x - t x, and x - t log x
    as_logarithms, as_rates = x.exp() - t * x, x - t * x.log()
    gap = as_logarithms - as_rates
    error = float(gap.std() / len(gap.flatten()) ** 0.5)  # of a few counts, chance is enough
    as_logarithms, as_rates = as_logarithms.mean(), as_rates.mean()
    if float(gap.mean()) > 1 + error:
        message = f"read as log-rates the loss is {number(float(as_logarithms))}, as"
        message += f" rates {number(float(as_rates))}, on average: are these rates?"
        fix = "--no-log-input, if these are rates"
        yield call.warning("rate", "log_input", message, fix)


def counts(call: Call) -> Iterator[Finding]:
    """Counts are 0, 1, 2, ..."""
    t = call.target
    bad = t < 0
    if bad.any():
        message = (
            f"{describe(t, bad, 'negative')}; {call.loss.class_name} needs counts 0, 1, 2, ..."
        )
        fix = "--allow count-target to compute all the same"
        yield call.error("count-target", "target", message, fix)
    bad = (t >= 0) & (t != t.round())
    if bad.any():
        message = f"{describe(t, bad, 'no whole number')}; a count is 0, 1, 2, ..."
        yield call.warning("count-target", "target", message)


def variances(call: Call) -> Iterator[Finding]:
    """Variances are positive; what they mean as standard deviations."""
    var, eps = call.unexpanded("var"), call.options["eps"]
    bad = var < 0
    if bad.any():
        message = f"{describe(var, bad, 'negative')}; a variance is not"
        yield call.error("variance", "var", message, "give variances: the squares of sigma")
        return
    bad = var < eps
    if bad.any():
        message = f"{describe(var, bad, f'below eps = {eps:g}')}, and taken as eps"
        low = float(var.min())
        fix = "give variances above 0: at 0 the loss has no bound"
        if low > 0:  # a power of ten below all of them
            fix = f"--eps 1e{math.floor(math.log10(low))}"
        yield call.warning("saturated", "var", message, fix)
    if var.numel():
        low, high = float(var.min()) ** 0.5, float(var.max()) ** 0.5
        sigma = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
        yield call.info("variance", "var", f"read as a variance: sigma is {sigma}")


CHECKS = (finite, some_values, some_weight, rates, counts, variances)
