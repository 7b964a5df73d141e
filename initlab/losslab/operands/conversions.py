"""`--from` and `--target-from`: logits, probabilities and log-probabilities.

Each step is a generator that changes the operands of a call and reports that in findings.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from initlab.errors import Finding, InputError
from initlab.formatting import number
from initlab.losslab.call import Call, class_dim, describe, row, shape
from initlab.losslab.operands.temperature import softens
from initlab.losslab.rounding import (
    ROUNDED_SUM,
    far_outside,
    normalised_dims,
    off,
    outside,
    sums_of,
)
from initlab.losslab.settings import GIVEN, Settings


@dataclass(frozen=True)
class Side:
    """An operand that is given as something else than the loss takes.

    `wants` and `given` are logits, probs or log-probs. `dim` runs over classes that exclude each
    other (softmax); None where each value stands for itself (sigmoid).
    """

    operand: str
    option: str
    wants: str
    given: str
    dim: int | None


def both_sides(call: Call, settings: Settings) -> Iterable[Finding]:
    """Softmax, log and so on of the target, then of the input, each in its own dtype."""
    first, softened = call.loss.operands[0], softens(call)
    wants_target = _target_wants(call) if settings.target_given else ""
    wants = {"log_probs": "log-probs"}.get(first.holds, first.holds)
    if settings.temperature != 1 and not softened:
        raise InputError(
            "--temperature: needs logits: --from logits or --target-from logits",
            "--from logits, if the input holds them" if wants in GIVEN else "leave it out",
        )
    if settings.given and wants not in GIVEN:
        raise InputError(
            f"--from {settings.given}: {call.loss.class_name} takes neither logits nor"
            " probabilities",
            "leave it out",
        )
    for operand in softened:
        call.operands[operand] = call.operands[operand] / settings.temperature
    if settings.target_given and _fits(call):
        dim = _target_dim(call) if _exclusive(call) else None
        given = settings.target_given
        yield _converted(call, Side(call.target_name, "--target-from", wants_target, given, dim))
        if dim is not None and first.holds != "embeddings":
            call.classes_at = dim
    if settings.given:
        dim = class_dim(call) if _exclusive(call) else None
        yield _converted(call, Side(first.name, "--from", wants, settings.given, dim))


def _fits(call: Call) -> bool:
    """Whether a distribution has the input's shape; the checks report another."""
    holds = call.loss.by_name[call.target_name].holds
    return holds != "distribution" or call.target.shape == call.input.shape


def _exclusive(call: Call) -> bool:
    """Whether classes exclude each other: softmax, not sigmoid."""
    return "multi_class" in call.loss.task or call.loss.operands[0].holds == "log_probs"


def _target_wants(call: Call) -> str:
    """What the target must hold. Raises InputError where it holds no probabilities."""
    target = call.loss.by_name.get("targets") or call.loss.by_name.get("target")
    option, loss = f"--target-from {call.settings.target_given}", call.loss.class_name
    if target is None:
        raise InputError(f"{option}: {loss} has no target", "leave it out")
    if target.holds == "distribution":
        return "log-probs" if call.options["log_target"] else "probs"
    if target.holds == "zero_one":
        return "probs"
    if target.holds == "classes_or_probs":
        if call.target_is_distribution:
            return "probs"
        raise InputError(
            f"{option}: {call.name_of(target.name)} {shape(call.target)} holds class ids; a number"
            f" for each class has shape {shape(call.logits_shape)}",
            "leave it out",
        )
    raise InputError(f"{option}: the target of {loss} holds no probabilities", "leave it out")


def _target_dim(call: Call) -> int:
    """The dimension of a target, not yet converted, that runs over classes."""
    t, first, given = call.target, call.loss.operands[0], call.settings.target_given
    if call.loss.by_name[call.target_name].holds != "distribution":
        return 1 if t.ndim > 1 else 0
    if call.classes_at is not None or t.ndim < 3 or t.shape != call.input.shape:
        return class_dim(call)
    takes = call.settings.given or {"log_probs": "log-probs"}.get(first.holds, first.holds)
    for x, holds in ((t, given), (call.input, takes)):
        if holds != "logits":
            found = normalised_dims(x.exp() if holds == "log-probs" else x, ROUNDED_SUM)
            for dim in found:
                if dim in (1, t.ndim - 1):
                    return dim
    if given != "logits":
        return t.ndim - 1  # the checks say that it does not sum to 1
    raise InputError(
        f"--target-from logits: {call.name_of(call.target_name)} is {shape(t)}, and nothing says"
        " which of its dimensions runs over classes",
        "--class-dim -1, if it is the last",
    )


def _converted(call: Call, side: Side) -> Finding:
    """Convert an operand, after a look at whether it holds what was said."""
    x, given, where = call.operands[side.operand], side.given, call.name_of(side.operand)
    bad, predicate = torch.zeros_like(x, dtype=torch.bool), ""
    if given == "probs":
        bad, predicate = outside(x), "outside 0..1"
    elif given == "log-probs":
        bad, predicate = x > 0, "above 0"
    certain = given != "logits" and side.wants == "logits" and side.dim is None
    if not bad.any() and certain:
        bad = (x == 0) | (x == 1) if given == "probs" else torch.isneginf(x) | (x == 0)
        if bad.any():
            message = describe(x, bad, "a certainty, which has no finite logit")
            raise InputError(f"{side.option}: {where}: {message}", "--name bce, if it is that loss")
    if bad.any():
        message = f"{side.option} {given}: {where}: {describe(x, bad, predicate)}"
        raise InputError(message, _instead(x, side))
    done, how = _function(x, side)
    call.operands[side.operand] = done
    return call.info("from", side.operand, f"{given}: {how}")


def _refuse_sums(p: Tensor, dim: int, side: Side, fix: str) -> None:
    """Raise InputError for rows that do not sum to 1: a softmax would divide them by their sums."""
    sums = sums_of(p, dim)
    bad = off(sums, p)
    if not bad.any():
        return
    first = number(float(sums[tuple(bad.nonzero()[0].tolist())]))
    elsewhere = [d for d in normalised_dims(p) if d > 0]
    if elsewhere:
        fix = f"--class-dim {-1 if elsewhere[0] == p.ndim - 1 else elsewhere[0]}"
    message = f"{side.option} {side.given}: {row(bad)} sums to {first} (expected 1)"
    raise InputError(message, fix)


def _instead(x: Tensor, side: Side) -> str:
    """What mends an operand that cannot be what was said: the nearest that it can be."""
    if side.given == "probs" and not far_outside(x).any():
        return "--clamp"
    if not outside(x).any():
        return f"{side.option} probs"
    return f"{side.option} {'log-probs' if (x <= 0).all() else 'logits'}"


def _function(x: Tensor, side: Side) -> tuple[Tensor, str]:
    """The operand as the loss takes it, and what was done in words."""
    dim = side.dim
    if side.wants == side.given:
        return x, "is what the loss takes"
    match side.wants, side.given:
        case "logits", "log-probs" if dim is not None:
            _refuse_sums(x.exp(), dim, side, "--from logits")
            return x, "log_softmax leaves log-probabilities as they are"
        case "logits", "probs" if dim is not None:
            _refuse_sums(x, dim, side, "--normalise")
            return x.log(), "log(x) was taken: log_softmax leaves it as it is"
        case "logits", "probs":
            return x.logit(), "logit(x) was taken"
        case "logits", "log-probs":
            return x - torch.log(-torch.expm1(x)), "x - log(1 - e^x) was taken"
        case "log-probs", "logits" if dim is not None:
            return x.log_softmax(dim), f"log_softmax over dimension {dim} was taken"
        case "log-probs", "probs":
            return x.log(), "log(x) was taken"
        case "probs", "logits" if dim is not None:
            return x.softmax(dim), f"softmax over dimension {dim} was taken"
        case "probs", "logits":
            return x.sigmoid(), "sigmoid(x) was taken"
        case "probs", "log-probs":
            return x.exp(), "exp(x) was taken"
    raise ValueError(f"{side.option} {side.given} for {side.wants}; no such conversion")
