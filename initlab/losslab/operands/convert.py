"""Steps from the user's numbers to torch's: dtypes, what they hold, where classes are, padding.

Each step is a generator that changes the operands of a call and reports that in findings.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from initlab.catalog.losses import INTEGERS
from initlab.errors import Finding, InputError
from initlab.losslab.call import Call, class_dim, describe, name, shape, whole
from initlab.losslab.operands.source import Read
from initlab.losslab.settings import Settings


def map_target(call: Call, settings: Settings) -> Iterable[Finding]:
    """`--target-map`: values of the target replaced, all at once."""
    if not settings.target_map:
        return
    if not any(o.name in ("target", "targets") for o in call.loss.operands):
        raise InputError(f"--target-map: {call.loss.class_name} has no target", "leave it out")
    old = call.target
    integers = all(
        float(after).is_integer() and abs(after) < 2**62 for _, after in settings.target_map
    )
    if not old.is_floating_point():
        # large ids keep their digits; unsigned ones and bools may become -1
        old = old.to(torch.int64 if integers else torch.float64)
    new, changed = old.clone(), torch.zeros(old.shape, dtype=torch.bool)
    replaced = call.raw[call.target_name].to(torch.float64)
    dtype = torch.int64 if integers else torch.float64
    for before, after in settings.target_map:
        hit = old == before
        value = torch.tensor(int(after) if integers else after, dtype=dtype)
        new = torch.where(hit, value.to(new.dtype), new)
        replaced = torch.where(hit, float(after), replaced)
        changed |= hit
    if new.is_floating_point():
        call.raw[call.target_name] = replaced  # for messages: the target's dtype may not hold it
    call.set(call.target_name, new)
    yield call.info(
        "target-map", call.target_name, f"{int(changed.sum())} of {old.numel()} values replaced"
    )


def cast(call: Call, reads: Mapping[str, Read], dtype: torch.dtype) -> Iterable[Finding]:
    """Class ids and lengths to int64, everything else to the dtype of the computation."""
    for operand in call.loss.operands:
        value = call.operands.get(operand.name)
        if value is None:
            continue
        # a number for each class is a probability; a number for each sample is a class
        probabilities = (
            operand.holds == "classes_or_probs"
            and value.ndim > 0
            and tuple(value.shape) == call.logits_shape
        )
        if operand.holds in INTEGERS and not probabilities:
            cast = _to_integers(value)
            if cast is None:
                continue  # the checks report what is wrong with it
        else:
            cast = value.to(dtype)
        call.set(operand.name, cast)
        # a number that was typed has no dtype: a cast is reported of 1.0 as a class id, or of true
        read = reads[operand.name]
        stays = value.dtype == torch.int64 or not value.numel()
        stays = stays or (value.dtype == torch.float64 and cast.is_floating_point())
        plain = read.literal and stays
        if not value.is_floating_point() and (cast.double() != value.double()).any():
            message = describe(value, cast.double() != value.double(), f"rounded in {name(dtype)}")
            yield call.warning("precision", operand.name, message, "--dtype float64")
        if cast.dtype != value.dtype and not plain:
            yield call.info(
                "dtype-target" if operand.holds in INTEGERS or operand.name == call.target_name
                else "dtype-input",
                operand.name,
                f"{name(value.dtype)} was cast to {name(cast.dtype)}",
            )  # fmt: skip


def _to_integers(value: Tensor) -> Tensor | None:
    """The same numbers as int64, or None where they are not whole."""
    if value.is_floating_point() and not whole(value).all():
        return None
    return value.to(torch.int64)


def move_classes(call: Call, settings: Settings) -> Iterable[Finding]:
    """`--class-dim`: the classes to the dimension where torch has them."""
    dim = settings.class_dim
    if dim is None:
        return
    first = call.loss.operands[0]
    if call.loss.class_dim is None or first.holds == "embeddings":
        raise InputError(
            f"--class-dim: {call.loss.class_name} has no dimension of classes", "leave it out"
        )
    old = call.input
    if not -old.ndim <= dim < old.ndim:
        raise InputError(
            f"--class-dim {dim}: {call.name_of(first.name)} has {old.ndim} dimensions,"
            f" needs {-old.ndim} to {old.ndim - 1}"
        )
    to = class_dim(call)
    moved = [first.name]
    if call.target.shape == old.shape:
        moved.append(call.target_name)
    for operand in moved:
        call.set(operand, call.operands[operand].movedim(dim, to))
    yield call.info(
        "class-dim", first.name, f"{shape(old)} was turned to {shape(call.input)}: classes are"
        f" dimension {to}, as {call.loss.class_name} has them"
    )  # fmt: skip


def given_as(call: Call, settings: Settings) -> Iterable[Finding]:
    """`--from`: log_softmax, log, softmax and so on of the input, in its own dtype."""
    if not settings.given:
        return
    first = call.loss.operands[0]
    x, holds, given = call.input, first.holds, settings.given
    rows = "multi_class" in call.loss.task  # classes exclude each other: softmax, not sigmoid
    if holds not in ("logits", "log_probs", "probs"):
        raise InputError(
            f"--from {given}: {call.loss.class_name} takes neither logits nor probabilities",
            "leave it out",
        )
    dim = class_dim(call)
    match holds, given:
        case ("logits", "logits") | ("log_probs", "log-probs") | ("probs", "probs"):
            done, how = x, "is what the loss takes"
        case "logits", "log-probs" if rows:
            done, how = x, "log_softmax leaves log-probabilities as they are"
        case "logits", "probs" if rows:
            done, how = x.log(), "log(x) was taken: log_softmax leaves it as it is"
        case "logits", "probs":
            _refuse_certain(call, x, (x == 0) | (x == 1))
            done, how = x.logit(), "logit(x) was taken"
        case "logits", "log-probs":
            _refuse_certain(call, x, torch.isneginf(x) | (x == 0))
            done, how = x - torch.log(-torch.expm1(x)), "x - log(1 - e^x) was taken"
        case "log_probs", "logits":
            done, how = x.log_softmax(dim), f"log_softmax over dimension {dim} was taken"
        case "log_probs", "probs":
            done, how = x.log(), "log(x) was taken"
        case "probs", "logits":
            done, how = x.sigmoid(), "sigmoid(x) was taken"
        case "probs", "log-probs":
            done, how = x.exp(), "exp(x) was taken"
        case _:
            raise ValueError(f"--from {given} for {holds}; known are logits, probs, log-probs")
    source = describe_if(x, (x < 0) | (x > 1), "outside 0..1") if given == "probs" else ""
    source = describe_if(x, x > 0, "above 0") if given == "log-probs" else source
    if source:
        raise InputError(f"--from {given}: {call.name_of(first.name)}: {source}")
    call.set(first.name, done)
    yield call.info("from", first.name, f"{given}: {how}")


def _refuse_certain(call: Call, x: Tensor, bad: Tensor) -> None:
    if bad.any():
        message = describe(x, bad, "a certainty, which has no finite logit")
        raise InputError(
            f"--from: {call.name_of(call.loss.operands[0].name)}: {message}",
            "--name bce, if it is that loss",
        )


def describe_if(x: Tensor, bad: Tensor, predicate: str) -> str:
    """What a mask marks, or nothing where it marks nothing."""
    return describe(x, bad, predicate) if bad.any() else ""


def fill(call: Call) -> Iterable[Finding]:
    """What torch wants written out: padding of label lists, a variance for every value."""
    for operand in call.loss.operands:
        x, t = call.input, call.operands.get(operand.name)
        if t is None:
            continue
        if operand.holds == "label_lists" and x.ndim == t.ndim > 0 and t.shape[:-1] == x.shape[:-1]:
            missing = x.shape[-1] - t.shape[-1]
            if missing > 0:
                call.set(operand.name, torch.nn.functional.pad(t, (0, missing), value=-1))
                message = f"padded with -1 to {x.shape[-1]} entries a sample"
                yield call.info("padding", operand.name, message)
        if operand.holds == "variances" and t.ndim == 0 < x.ndim:
            call.set(operand.name, t.expand(x.shape).clone())
