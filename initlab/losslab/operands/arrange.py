"""Where dimensions are: operands of one shape, classes and the batch in torch's places.

Each step is a generator that changes the operands of a call and reports that in findings.
"""

from collections.abc import Iterable

import torch

from initlab.errors import Finding, InputError
from initlab.losslab.call import Call, class_dim, shape
from initlab.losslab.checks.shapes import pairwise, stretched
from initlab.losslab.operands.limits import BYTES
from initlab.losslab.settings import Settings


def broadcast(call: Call, settings: Settings) -> Iterable[Finding]:
    """`--allow-broadcast`: operands that need one shape are expanded to it, as torch would do.

    What cannot be expanded, or would be too large, is left to the checks, which refuse it.
    """
    names = pairwise(call.loss)
    if not names or "shape-broadcast" not in settings.allow:
        return
    old = [call.operands[name].shape for name in names]
    if len(set(old)) > 1 and settings.class_dim is not None:
        message = "--allow-broadcast: with --class-dim, operands need one shape, which is turned"
        raise InputError(message, "leave one of them out")
    if len(set(old)) > 1 and BYTES * stretched(old) <= settings.most:
        try:
            new: torch.Size = torch.broadcast_shapes(*old)  # type: ignore[no-untyped-call]
        except RuntimeError:
            return
        along = [o.name for o in call.loss.operands if o.holds == "variances"]
        names += [n for n in along if call.operands[n].ndim and call.operands[n].shape == old[0]]
        yield _expanded(call, names, new)
    one_sign = "cosine_shapes" in call.loss.checks and call.target.shape == (1,)
    if one_sign and call.input.ndim > 1 and call.input.shape[:-1] != (1,):
        yield _expanded(call, [call.target_name], call.input.shape[:-1])


def _expanded(call: Call, names: list[str], new: torch.Size) -> Finding:
    old = [call.operands[name].shape for name in names]
    for name in names:
        call.operands[name] = call.operands[name].expand(new)
    return call.warning(
        "shape-broadcast",
        next(n for n, size in zip(names, old, strict=True) if size != old[0] or len(old) == 1),
        f"{' and '.join(map(shape, old))} of {', '.join(map(call.name_of, names))} were expanded to"
        f" {shape(new)}, {new.numel()} values",
    )


def move_classes(call: Call, settings: Settings) -> Iterable[Finding]:
    """`--class-dim`: the classes to the dimension where torch has them, or weights to theirs."""
    dim = settings.class_dim
    if dim is None:
        return
    first = call.loss.operands[0]
    weights = call.loss.class_dim is None and bool(call.loss.state)
    if first.holds == "embeddings" or not (weights or call.loss.class_dim is not None):
        raise InputError(
            f"--class-dim: {call.loss.class_name} has no dimension of classes", "leave it out"
        )
    old = call.input
    if not -old.ndim <= dim < old.ndim:
        raise InputError(
            f"--class-dim {dim}: {call.name_of(first.name)} has {old.ndim} dimensions,"
            f" needs {-old.ndim} to {old.ndim - 1}",
            "--class-dim -1, for the last" if old.ndim else "leave it out",
        )
    if weights:
        yield from _turn_weights(call, dim % old.ndim)
        return
    to = class_dim(call)
    moved = [first.name]
    if call.target.shape == old.shape:
        moved.append(call.target_name)
    for operand in moved:
        call.operands[operand] = call.operands[operand].movedim(dim, to)
    call.classes_at = to % old.ndim
    yield call.info(
        "class-dim", first.name, f"{shape(old)} was turned to {shape(call.input)}: classes are"
        f" dimension {to}, as {call.loss.class_name} has them"
    )  # fmt: skip


def _turn_weights(call: Call, dim: int) -> Iterable[Finding]:
    """Weights of one dimension, which broadcast over the last one, to another dimension."""
    x = call.input
    flat = [n for n in call.loss.state if n in call.options and call.options[n].ndim == 1]
    if not flat:
        raise InputError(
            f"--class-dim: {call.loss.class_name} has classes only by a"
            f" {' or '.join(call.loss.state)} of one dimension, and none is given",
            "leave it out",
        )
    for option in flat:
        weight = call.options[option]
        if len(weight) not in (1, x.shape[dim]):
            also = [d for d in range(x.ndim) if x.shape[d] == len(weight)]
            raise InputError(
                f"--class-dim {call.settings.class_dim}: {call.option(option)} has {len(weight)}"
                f" weights, dimension {dim} of {shape(x)} has {x.shape[dim]}",
                f"--class-dim {also[-1]}" if also else f"give {x.shape[dim]} weights",
            )
        turned = weight.reshape(-1, *[1] * (x.ndim - dim - 1))
        call.options[option] = turned
        yield call.info(
            "class-dim",
            call.option(option),
            f"{shape(weight)} was turned to {shape(turned)}: a weight for each of"
            f" {x.shape[dim]} entries of dimension {dim}",
        )


def batch_first(call: Call, settings: Settings) -> Iterable[Finding]:
    """`--batch-first`: (N, T, C) frames to (T, N, C), as torch has them."""
    if not settings.batch_first:
        return
    first = call.loss.operands[0]
    if "input_lengths" not in call.loss.by_name:
        raise InputError(
            f"--batch-first: {call.loss.class_name} takes no frames, and the batch is first there",
            "leave it out",
        )
    old = call.input
    if old.ndim != 3:
        raise InputError(
            f"--batch-first: {call.name_of(first.name)} is {shape(old)}; needs (N, T, C)",
            "leave it out",
        )
    call.operands[first.name] = old.movedim(0, 1)
    yield call.info(
        "batch-first", first.name, f"{shape(old)} was turned to {shape(call.input)}:"
        " frames, batch, classes"
    )  # fmt: skip
