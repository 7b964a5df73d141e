"""What numbers must be: finite, probabilities, log-probabilities, rates, variances, and enough."""

from collections.abc import Iterator

import torch
from torch import Tensor

from initlab.errors import Finding
from initlab.losslab.call import Call, describe, number, shape
from initlab.losslab.prepare import class_dim

ROUNDING = {torch.float16: 2e-2, torch.bfloat16: 5e-2}  # of a sum of probabilities
ENOUGH = 1e-3
LARGE_LOG_RATE = 10.0


def _rounding(x: Tensor) -> float:
    return ROUNDING.get(x.dtype, ENOUGH)


def finite(call: Call) -> Iterator[Finding]:
    """No nan and no infinity; -inf may stand for a masked logit or the logarithm of 0."""
    for operand in call.loss.operands:
        value = call.operands.get(operand.name)
        if value is None or not value.is_floating_point():
            continue
        logarithm = operand.holds == "log_probs" or (
            operand.holds == "distribution" and call.options["log_target"]
        )
        masked = call.loss.name == "cross_entropy" and operand.holds == "logits"
        bad = torch.isnan(value) | (value == torch.inf)
        if not (logarithm or masked):
            bad |= value == -torch.inf
        if not bad.any():
            continue
        raw = call.raw.get(operand.name)
        name = str(value.dtype).removeprefix("torch.")
        if raw is not None and raw.shape == value.shape and torch.isfinite(raw[bad]).all():
            message = f"{describe(raw, bad, f'beyond the range of {name}')}"
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


# probabilities -----------------------------------------------------------------------------------


def probabilities(call: Call) -> Iterator[Finding]:
    """Between 0 and 1."""
    x = call.input
    bad = (x < 0) | (x > 1)
    if bad.any():
        message = f"{describe(x, bad, 'outside 0..1')}; BCELoss needs probabilities"
        fix = "--from logits, or --name bce_with_logits"
        yield call.error("prob-range", "input", message, fix)


def _sums(x: Tensor, dim: int) -> Tensor:
    """Sums of probabilities along a dimension, in float64."""
    return x.double().sum(dim) if x.ndim else x.double()


def _off(sums: Tensor, x: Tensor) -> Tensor:
    return ~((sums - 1).abs() <= _rounding(x))


def log_probs(call: Call) -> Iterator[Finding]:
    """The exponentials of every row sum to 1."""
    name = call.loss.operands[0].name
    x, dim = call.input, class_dim(call)
    if not x.numel():
        return
    with_padding = x.exp()
    sums = _sums(with_padding, dim)
    if call.loss.name == "kl_div" and x.ndim > 2 and not _off(_sums(with_padding, 1), x).any():
        return  # classes stand where images have them
    bad = _off(sums, x) & _read(call, sums)
    if bad.any():
        probabilities = bool(((x >= 0) & (x <= 1)).all()) and not _off(_sums(x, dim), x).any()
        way = "probs" if probabilities else "logits"
        done = "log" if probabilities else "log_softmax"
        yield call.error(
            "not-log-prob",
            name,
            f"{_row(bad)} sums to {number(_first(sums, bad))} after exp (expected 1);"
            f" {call.loss.class_name} needs log-probabilities",
            f"--from {way} (initlab takes the {done})",
        )


def _read(call: Call, sums: Tensor) -> Tensor:
    """The frames of a CTC input that are within their length; every row of the others."""
    if call.loss.name != "ctc":
        return torch.ones_like(sums, dtype=torch.bool)
    frames = torch.arange(call.input.shape[0])
    lengths = call.operands["input_lengths"].reshape(-1)
    return frames[:, None] < lengths if sums.ndim == 2 else frames < lengths[0]


def _first(values: Tensor, bad: Tensor) -> float:
    return float(values[tuple(bad.nonzero()[0].tolist())])


def _row(bad: Tensor) -> str:
    """As in "row 0", "1 of 3 rows, the first [0, 2],"."""
    index = bad.nonzero()[0].tolist()
    first = f"row {index[0] if len(index) == 1 else index}" if index else "it"
    count = int(bad.sum())
    return first if count == 1 else f"{count} of {bad.numel()} rows are off: {first}"


def distribution(call: Call) -> Iterator[Finding]:
    """The target of KLDiv: probabilities that sum to 1, or their logarithms with log_target."""
    t, name = call.target, "target"
    if not t.numel():
        return
    if call.options["log_target"]:
        sums = _sums(t.exp(), -1)
        if _off(sums, t).any() and not (t.ndim > 2 and not _off(_sums(t.exp(), 1), t).any()):
            bad = _off(sums, t)
            message = f"{_row(bad)} sums to {number(_first(sums, bad))} after exp (expected 1)"
            positive = bool((t >= 0).all())
            fix = "--option log_target=false" if positive else "give log-probabilities"
            yield call.error("not-log-prob", name, message, fix)
        return
    bad = t < 0
    if bad.any():
        logs = not _off(_sums(t.exp(), -1), t).any()
        swapped = bool((call.input >= 0).all())
        fix = "--option log_target=true" if logs else "give probabilities"
        if logs and swapped:
            fix = f"swap {call.name_of('input')} and {call.name_of('target')}"
        message = f"{describe(t, bad, 'negative')}; KLDivLoss needs probabilities as target"
        yield call.error("prob-range", name, message, fix)
        return
    sums = _sums(t, -1)
    bad = _off(sums, t)
    if bad.any() and not (t.ndim > 2 and not _off(_sums(t, 1), t).any()):
        message = f"{_row(bad)} sums to {number(_first(sums, bad))} (expected 1)"
        yield call.error("not-normalised", name, message, "divide each row by its sum")


def support(call: Call) -> Iterator[Finding]:
    """Zeros of the prediction and of the target; and what `mean` divides by."""
    x, t = call.input, call.target
    mass = t.exp() if call.options["log_target"] else t
    lost = torch.isneginf(x) & (mass > 0)
    if lost.any():
        message = f"{describe(mass, lost, 'where the prediction is 0')}: the divergence is infinite"
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


# likelihoods -------------------------------------------------------------------------------------


def rates(call: Call) -> Iterator[Finding]:
    """Rates are positive; logarithms of rates are not as large as rates."""
    x = call.input
    if call.options["log_input"]:
        bad = (x > LARGE_LOG_RATE) & (x.double().exp() > 1000 * call.target.double().clamp(min=1))
        if bad.any():
            what = describe(x, bad, "e^x above 1000 times its count")
            message = f"{what}: is this a rate, not its logarithm?"
            yield call.warning("rate", "log_input", message, "--option log_input=false")
        return
    bad = x < 0
    if bad.any():
        message = f"{describe(x, bad, 'negative')}; a rate is above 0"
        yield call.error("rate", "log_input", message, "--option log_input=true, for log-rates")
    bad = x == 0
    if bad.any():
        message = f"{describe(x, bad, 'a rate of 0')}: its logarithm exists thanks to eps only"
        yield call.warning("rate", "log_input", message)


def counts(call: Call) -> Iterator[Finding]:
    """Counts are 0, 1, 2, ..."""
    t = call.target
    bad = t < 0
    if bad.any():
        message = f"{describe(t, bad, 'negative')}; PoissonNLLLoss needs counts 0, 1, 2, ..."
        fix = "--allow count-target to compute all the same"
        yield call.error("count-target", "target", message, fix)
    bad = (t >= 0) & (t != t.round())
    if bad.any():
        message = f"{describe(t, bad, 'no whole number')}; a count is 0, 1, 2, ..."
        yield call.warning("count-target", "target", message)


def variances(call: Call) -> Iterator[Finding]:
    """Variances are positive; what they mean as standard deviations."""
    var, eps = call.operands["var"], call.options["eps"]
    bad = var < 0
    if bad.any():
        message = f"{describe(var, bad, 'negative')}; a variance is not"
        yield call.error("variance", "var", message, "give variances: the squares of sigma")
        return
    bad = var < eps
    if bad.any():
        message = f"{describe(var, bad, f'below eps = {eps:g}')}, and taken as eps"
        yield call.warning("saturated", "var", message, "--option eps=1e-12")
    if var.numel():
        low, high = float(var.min()) ** 0.5, float(var.max()) ** 0.5
        sigma = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
        yield call.info("variance", "var", f"read as a variance: sigma is {sigma}")


# suspicions --------------------------------------------------------------------------------------


def double_softmax(call: Call) -> Iterator[Finding]:
    """Logits that look as if softmax had been taken already."""
    x = call.input
    dim = class_dim(call)
    if not x.numel() or not ((x >= 0) & (x <= 1)).all() or _off(_sums(x, dim), x).any():
        return
    classes = x.shape[dim]
    floor, ceiling = _window(classes)
    yield call.warning(
        "double-softmax",
        "input",
        f"every row lies in 0..1 and sums to 1, as after softmax, which CrossEntropyLoss takes"
        f" itself; of such input the loss lies in [{floor:.4f}, {ceiling:.4f}] (C = {classes})",
        "--from probs, if these are probabilities",
    )


def _window(classes: int) -> tuple[float, float]:
    # log(e + C - 1) - 1 where all mass is on the right class, log(e + C - 1) where none is
    highest = float(torch.tensor(torch.e + classes - 1, dtype=torch.float64).log())
    return highest - 1, highest


def double_sigmoid(call: Call) -> Iterator[Finding]:
    """Logits that look as if sigmoid had been taken already."""
    x = call.input
    if x.numel() > 1 and ((x >= 0) & (x <= 1)).all():
        yield call.warning(
            "double-sigmoid",
            "input",
            "every value lies in 0..1, as after sigmoid, which BCEWithLogitsLoss takes itself; of"
            " such input the loss lies in [0.3133, 0.6931] for t = 1, [0.6931, 1.3133] for t = 0",
            "--from probs, or --name bce, if these are probabilities",
        )


def masked_logits(call: Call) -> Iterator[Finding]:
    """Logits of -inf: a row of nothing else, or a masked class that must be counted."""
    x, t = call.input, call.target
    masked = torch.isneginf(x)
    if not masked.any():
        return
    dim = class_dim(call)
    empty = masked.all(dim)
    if empty.any():
        message = f"{_row(empty)} is all -inf: no class is left"
        yield call.error("non-finite", "input", message)
        return
    if t.is_floating_point():
        if (masked & (t == 0)).any():
            message = "a masked class (-inf) has target 0; 0 log 0 counts as 0"
            yield call.warning("non-finite", "input", message)
        if (masked & (t > 0)).any():
            message = "a masked class (-inf) has a target above 0: the loss is infinite"
            yield call.warning("non-finite", "input", message)
    elif call.options["label_smoothing"]:
        message = "label smoothing puts mass on a masked class (-inf): the loss is infinite"
        yield call.warning("non-finite", "input", message, "--option label_smoothing=0")
    else:
        kept = t != call.options["ignore_index"]
        right = masked.gather(dim, torch.where(kept, t, 0).unsqueeze(dim)).squeeze(dim) & kept
        if right.any():
            message = f"{_row(right)} has its own class masked (-inf): the loss is infinite"
            yield call.warning("saturated", "input", message)


RULES = (
    finite,
    some_values,
    probabilities,
    log_probs,
    distribution,
    support,
    clamped,
    rates,
    counts,
    variances,
    double_softmax,
    double_sigmoid,
    masked_logits,
)
