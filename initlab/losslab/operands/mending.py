"""Probabilities that rounding moved out of 0..1, or that do not sum to 1, mended where asked."""

from collections.abc import Iterable

from torch import Tensor

from initlab.errors import Finding, InputError
from initlab.losslab.call import Call, class_dim, describe, row
from initlab.losslab.rounding import far_outside, normalised_dims, outside, sums_of
from initlab.losslab.settings import Settings


def probabilities_of(call: Call, settings: Settings) -> list[str]:
    """The operands that hold probabilities as they were given."""
    first = call.loss.operands[0]
    given = settings.given or {"probs": "probs", "log_probs": "log-probs"}.get(first.holds)
    found = [first.name] if given == "probs" else []
    target = call.loss.by_name.get("target")
    if target is None or settings.target_given not in ("", "probs"):
        return found
    logs = call.options.get("log_target", False) and not settings.target_given
    if (
        target.holds == "zero_one"
        or (target.holds == "distribution" and not logs)
        or (
            target.holds == "classes_or_probs"
            and call.target.is_floating_point()
            and call.target_is_distribution
        )
    ):
        found.append("target")
    return found


def clamp(call: Call, settings: Settings) -> Iterable[Finding]:
    """`--clamp`: values outside 0..1 by no more than rounding become 0 or 1."""
    if not settings.clamp:
        return
    names = probabilities_of(call, settings)
    if not names:
        raise InputError(f"--clamp: {call.loss.class_name} takes no probabilities", "leave it out")
    for name in names:
        x = call.operands[name]
        bad = outside(x)
        if not bad.any():
            continue
        if far_outside(x).any():
            far = describe(x, far_outside(x), "outside 0..1")
            message = f"--clamp: {call.name_of(name)}: {far} by more than rounding"
            raise InputError(message, "leave it out")
        call.operands[name] = x.clamp(0, 1)
        yield call.info("clamp", name, f"{describe(x, bad, 'outside 0..1')}: taken as 0 or 1")


def normalise(call: Call, settings: Settings) -> Iterable[Finding]:
    """`--normalise`: probabilities of classes divided by their sums."""
    if not settings.normalise:
        return
    independent = any(o.holds == "zero_one" for o in call.loss.operands)  # do not sum to 1
    names = [] if independent else probabilities_of(call, settings)
    if not names:
        what = f"{call.loss.class_name} takes no probabilities that sum to 1"
        raise InputError(f"--normalise: {what}", "leave it out")
    for name in names:
        x, dim = call.operands[name], class_dim(call)
        if (x.shape != call.input.shape and name != call.loss.operands[0].name) or not x.numel():
            continue  # the checks report the shape
        sums = sums_of(x, dim)
        where = f"--normalise: {call.name_of(name)}"
        if (x < 0).any():
            message = f"{where}: {describe(x, x < 0, 'negative')}, no probability"
            raise InputError(message, "leave it out")
        if (sums == 0).any():
            message = f"{where}: {row(sums == 0)} sums to 0, and cannot be normalised"
            raise InputError(message, "leave such rows out")
        _refuse_other_dim(call, x, dim, where)
        call.operands[name] = (x.double() / sums.unsqueeze(dim) if x.ndim else x / x).to(x.dtype)
        over = f"dimension {dim % x.ndim}, the classes" if x.ndim else "the classes"
        yield call.info("normalise", name, f"divided by its sums over {over}")


def _refuse_other_dim(call: Call, x: Tensor, dim: int, where: str) -> None:
    """Raise InputError where it is along another dimension that probabilities sum to 1."""
    elsewhere = [d for d in normalised_dims(x) if x.ndim > 2 and d > 0]
    if elsewhere and dim % x.ndim not in elsewhere and call.settings.class_dim is None:
        at = elsewhere[0]
        raise InputError(
            f"{where}: sums to 1 over dimension {at} already, and would be divided by its sums"
            f" over dimension {dim % x.ndim}",
            f"--class-dim {-1 if at == x.ndim - 1 else at}, and leave --normalise out",
        )
