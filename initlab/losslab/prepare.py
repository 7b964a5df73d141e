"""From what was read to what a loss takes: dtypes, `--from`, `--class-dim`, `--target-map`.

Every change of the user's numbers is a finding of level "info".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from initlab.catalog import Loss
from initlab.catalog.losses import INTEGERS
from initlab.errors import Finding, InputError
from initlab.losslab import reading
from initlab.losslab.call import Call, describe, shape
from initlab.losslab.reading import Read

DTYPES = ("float64", "float32", "bfloat16", "float16")
SHORT = {torch.bool: "bool"}
Given = Literal["", "logits", "probs", "log-probs"]
CLASS_LAST = ("kl_div", "ctc", "multilabel_soft_margin")


@dataclass(frozen=True)
class Settings:
    """How a loss is to be computed, beside its operands and options.

    Args:
        reduction: none, sum, mean, batchmean, or all of those that the loss has.
        grad: also the gradient by every floating operand.
        dtype: of the computation; by default that of the input's file, or float32.
        given: what the input holds, if it is not what the loss takes.
        class_dim: the dimension of the input that runs over classes, if it is not torch's.
        target_map: values of the target to replace, in pairs (old, new).
        allow: rules whose errors become warnings.
        strict: warnings become errors.
    """

    reduction: str = "mean"
    grad: bool = False
    dtype: str | None = None
    given: Given = ""
    class_dim: int | None = None
    target_map: tuple[tuple[float, float], ...] = ()
    allow: frozenset[str] = frozenset()
    strict: bool = False
    typed: Mapping[str, str] = field(default_factory=dict)


def prepare(
    loss: Loss, given: Mapping[str, Any], options: Mapping[str, Any], settings: Settings
) -> tuple[Call, list[Finding]]:
    """A call with operands in the dtypes and the form that torch wants, and what was done to them.

    Args:
        loss: the record.
        given: operands under any of their names: tensors, arrays, nested lists or numbers.
        options: as `options.complete` returns them.
        settings: of the user.

    Raises:
        InputError: an operand is missing, unknown, no tensor, or cannot be converted.
    """
    reads, typed = _named(loss, given, settings.typed)
    findings: list[Finding] = []
    dtype = _dtype(reads[loss.operands[0].name], settings.dtype)
    raw = {name: _literal(read, dtype) for name, read in reads.items()}
    call = Call(loss, dict(raw), {}, settings.reduction, typed, raw, settings.allow)
    steps = (
        _map_target(call, settings),
        _cast(call, reads, dtype),
        _move_classes(call, settings),
        _convert(call, settings),
        _fill(call),
    )
    for step in steps:  # in order: each sees the operands that the one before it left
        findings += step
    tensors = {p.name for p in loss.parameters if p.kind == "tensor"}
    call.options.update(
        {k: _weight(k, v, typed, dtype) if k in tensors else v for k, v in options.items()}
    )
    return call, findings


def _named(
    loss: Loss, given: Mapping[str, Any], typed: Mapping[str, str]
) -> tuple[dict[str, Read], dict[str, str]]:
    """Operands by torch's names, and each name as the user wrote it."""
    reads: dict[str, Read] = {}
    written: dict[str, str] = dict(typed)
    for key, value in given.items():
        where = typed.get(key, key)
        if key not in loss.names:
            takes = ", ".join(o.name for o in loss.operands)
            raise InputError(
                f"{where}: {loss.class_name} takes no such operand; it takes {takes}",
                f"initlab describe {loss.name}",
            )
        name = loss.names[key]
        if name in reads:
            raise InputError(f"{written[name]} and {where} both name the operand {name}")
        reads[name], written[name] = reading.literal(value, where), where
    lacking = [o for o in loss.operands if o.name not in reads and not o.optional]
    if lacking:
        raise InputError(
            f"{loss.class_name} also needs " + " and ".join(f"{o.name} {o.shape}" for o in lacking),
            f"initlab describe {loss.name}",
        )
    return {o.name: reads[o.name] for o in loss.operands if o.name in reads}, written


def _dtype(first: Read, wanted: str | None) -> torch.dtype:
    if wanted is not None:
        return torch.__dict__[wanted]  # type: ignore[no-any-return]
    if first.literal or not first.tensor.is_floating_point():
        return torch.float32
    return first.tensor.dtype


def _literal(read: Read, dtype: torch.dtype) -> Tensor:
    """Numbers without a dtype of their own get that of the computation, if they are fractions."""
    literal = read.literal and read.tensor.is_floating_point()
    return read.tensor.to(dtype) if literal else read.tensor


# steps -------------------------------------------------------------------------------------------


def _set(call: Call, name: str, value: Tensor) -> None:
    call.operands[name] = value


def _map_target(call: Call, settings: Settings) -> Iterable[Finding]:
    if not settings.target_map:
        return
    old = call.target
    new = old.to(torch.float64)
    changed = torch.zeros(old.shape, dtype=torch.bool)
    for before, after in settings.target_map:
        hit = old == before
        new, changed = torch.where(hit, after, new), changed | hit
    whole = all(float(after).is_integer() for _, after in settings.target_map)
    kept = torch.int64 if whole and not old.is_floating_point() else torch.get_default_dtype()
    _set(call, call.target_name, new.to(old.dtype if old.is_floating_point() else kept))
    yield call.info(
        "target-map", call.target_name, f"{int(changed.sum())} of {old.numel()} values replaced"
    )


def _cast(call: Call, reads: Mapping[str, Read], dtype: torch.dtype) -> Iterable[Finding]:
    for operand in call.loss.operands:
        value = call.operands.get(operand.name)
        if value is None:
            continue
        probabilities = operand.holds == "classes" and _is_distribution(call, value)
        if operand.holds in INTEGERS and not probabilities:
            cast = _to_integers(value)
            if cast is None:
                continue  # the rules say what is wrong with it
        else:
            cast = value.to(dtype)
        _set(call, operand.name, cast)
        # a number that was typed has no dtype: only 1.0 as a class id, or true, is worth a word
        read = reads[operand.name]
        plain = read.literal and value.dtype == torch.int64
        if cast.dtype != value.dtype and not plain:
            yield call.info(
                "dtype-target" if operand.holds in INTEGERS or operand.name == call.target_name
                else "dtype-input",
                operand.name,
                f"{name(value.dtype)} was cast to {name(cast.dtype)}",
            )  # fmt: skip


def _is_distribution(call: Call, target: Tensor) -> bool:
    """Whether a target of classes holds probabilities: it has the shape of the logits."""
    if call.loss.name == "cross_entropy":
        logits = tuple(call.input.shape)
    elif call.loss.name == "linear_cross_entropy":
        logits = (*call.input.shape[:-1], *call.operands["linear_weight"].shape[:-1])
    else:
        return False
    return target.ndim > 0 and tuple(target.shape) == logits


def _to_integers(value: Tensor) -> Tensor | None:
    """The same numbers as int64, or None where they are not whole."""
    if value.is_floating_point():
        whole = torch.isfinite(value) & (value == value.round()) & (value.abs() < 2**62)
        if not whole.all():
            return None
    return value.to(torch.int64)


def _move_classes(call: Call, settings: Settings) -> Iterable[Finding]:
    dim = settings.class_dim
    if dim is None:
        return
    first = call.loss.operands[0]
    if first.holds not in ("logits", "log_probs") or call.loss.name.startswith("bce"):
        raise InputError(
            f"--class-dim: {call.loss.class_name} has no dimension of classes", "leave it out"
        )
    old = call.input
    if not -old.ndim <= dim < old.ndim:
        raise InputError(
            f"--class-dim {dim}: {call.name_of(first.name)} has {old.ndim} dimensions,"
            f" needs {-old.ndim} to {old.ndim - 1}"
        )
    to = -1 if call.loss.name in CLASS_LAST or old.ndim < 2 else 1
    moved = [first.name]
    if call.target.shape == old.shape:
        moved.append(call.target_name)
    for operand in moved:
        _set(call, operand, call.operands[operand].movedim(dim, to))
    yield call.info(
        "class-dim", first.name, f"{shape(old)} was turned to {shape(call.input)}: classes are"
        f" dimension {to}, as {call.loss.class_name} has them"
    )  # fmt: skip


def _convert(call: Call, settings: Settings) -> Iterable[Finding]:
    """`--from`: log_softmax, log, softmax and so on of the input, in its own dtype."""
    if not settings.given:
        return
    first = call.loss.operands[0]
    x, holds, given = call.input, first.holds, settings.given
    rows = call.loss.name not in ("bce", "bce_with_logits", "multilabel_soft_margin")
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
            done, how = x.logit(), "logit(x) was taken"
        case "logits", "log-probs":
            done, how = x - torch.log(-torch.expm1(x)), "x - log(1 - e^x) was taken"
        case "log_probs", "logits":
            done, how = x.log_softmax(dim), f"log_softmax over dimension {dim} was taken"
        case "log_probs", "probs":
            done, how = x.log(), "log(x) was taken"
        case "probs", "logits":
            done, how = x.sigmoid(), "sigmoid(x) was taken"
        case _:
            done, how = x.exp(), "exp(x) was taken"
    source = describe_if(x, (x < 0) | (x > 1), "outside 0..1") if given == "probs" else ""
    source = describe_if(x, x > 0, "above 0") if given == "log-probs" else source
    if source:
        raise InputError(f"--from {given}: {call.name_of(first.name)}: {source}")
    _set(call, first.name, done)
    yield call.info("from", first.name, f"{given}: {how}")


def describe_if(x: Tensor, bad: Tensor, predicate: str) -> str:
    """What a mask marks, or nothing where it marks nothing."""
    return describe(x, bad, predicate) if bad.any() else ""


def class_dim(call: Call) -> int:
    """The dimension of the input that runs over classes, as this loss has it."""
    return -1 if call.loss.name in CLASS_LAST or call.input.ndim < 2 else 1


def _fill(call: Call) -> Iterable[Finding]:
    """What torch wants written out: padding of label lists, a variance for every value."""
    if call.loss.name == "multilabel_margin":
        x, t = call.input, call.target
        alike = x.ndim > 0 and t.ndim == x.ndim and t.shape[:-1] == x.shape[:-1]
        missing = x.shape[-1] - t.shape[-1] if alike else 0
        if missing > 0:
            _set(call, "target", torch.nn.functional.pad(call.target, (0, missing), value=-1))
            yield call.info(
                "padding", "target", f"padded with -1 to {call.input.shape[-1]} entries a sample"
            )
    if call.loss.name == "gaussian_nll" and call.operands["var"].ndim == 0 and call.input.ndim:
        _set(call, "var", call.operands["var"].expand(call.input.shape).clone())


def _weight(option: str, value: Any, typed: Mapping[str, str], dtype: torch.dtype) -> Tensor:
    where = typed.get(option, f"--option {option}")
    read = reading.read(value, where, (option,)) if isinstance(value, str) else value
    return reading.literal(read, where).tensor.to(dtype)


def name(dtype: torch.dtype) -> str:
    """A dtype without its module: "float32"."""
    return str(dtype).removeprefix("torch.")
