"""Shapes of scores for classes, and of the targets that go with them."""

import math
from collections.abc import Iterator

from torch import Tensor

from initlab.errors import Finding
from initlab.losslab.call import Call, shape
from initlab.losslab.checks.shapes import against, degenerate, mismatch


def class_shapes(call: Call) -> Iterator[Finding]:
    """Classes are dimension 1 (0 of a single sample); the target lacks just that dimension."""
    x, first = call.input, call.loss.operands[0].name
    if x.ndim == 0:
        yield degenerate(call, first, "is a single number; needs a score for each class")
        return
    classes = x.shape[0 if x.ndim == 1 else 1]
    if classes == 0:
        yield degenerate(call, first, "has no classes")
    elif classes == 1 and call.loss.operands[0].holds == "logits":  # whose softmax is taken
        yield degenerate(
            call,
            first,
            f"has one class, {shape(x)}: softmax over one class is 1 and the loss always 0",
            "--name bce_with_logits, with a target of the input's shape",
        )
    else:
        sizes = () if x.ndim == 1 else (x.shape[0], *x.shape[2:])
        yield from _class_target(call, x.shape, sizes)


def linear_shapes(call: Call) -> Iterator[Finding]:
    """(N, D) features and (C, D) weights, or (C, d..., D) for a target of several dimensions."""
    x, w, t = call.input, call.operands["linear_weight"], call.target
    if x.ndim not in (1, 2):
        yield mismatch(call, "input", f"{shape(x)}; needs (D) or (N, D) features")
        return
    if w.ndim < 2 or w.shape[-1] != x.shape[-1] or 0 in w.shape:
        message = f"{against(call, 'input', 'linear_weight')}; needs (C, {x.shape[-1]})"
        yield mismatch(call, "linear_weight", message, "give one row of weights for each class")
        return
    if w.ndim > 2 and x.ndim == 1:
        yield mismatch(call, "linear_weight", f"{shape(w)} needs (N, D) features, got {shape(x)}")
        return
    if w.shape[0] == 1:
        message = f"has one class, {shape(w)}: softmax over one class is 1 and the loss always 0"
        yield degenerate(call, "linear_weight", message)
        return
    bias = call.operands.get("linear_bias")
    if bias is not None and bias.shape != w.shape[:-1]:
        yield mismatch(call, "linear_bias", f"{shape(bias)}; needs {shape(w.shape[:-1])}")
    logits = call.logits_shape
    call.check_size(math.prod(logits), "linear_weight", f"makes logits {shape(logits)},")
    sizes = (*x.shape[:-1], *w.shape[1:-1])
    if tuple(t.shape) not in (logits, sizes):
        yield from _class_target(call, logits, sizes)


def _class_target(call: Call, logits: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[Finding]:
    """The target's shape is `sizes`, or `logits` where probabilities may stand."""
    t, name = call.target, call.target_name
    takes_probabilities = call.loss.by_name[name].holds == "classes_or_probs"
    if tuple(t.shape) == sizes:
        return
    if tuple(t.shape) == tuple(logits):
        if not takes_probabilities:
            yield Finding(
                "target-onehot",
                "error",
                call.name_of(name),
                f"{shape(t)}, one number for each class; {call.loss.class_name} needs class ids"
                f" {shape(sizes)}",
                _argmax_fix(call, 0 if t.ndim == 1 else 1),
            )
        return
    needs = f"needs class ids {shape(sizes)}"
    needs += f" or probabilities {shape(logits)}" if takes_probabilities else ""
    message = f"{shape(t)} for an input {shape(logits)}; {needs}"
    fix = f"give {call.name_of(name)} as {shape(sizes)}"
    if tuple(s for s in t.shape if s != 1) == tuple(s for s in sizes if s != 1):
        fix += _listed(t.reshape(sizes)) or _needless(t, sizes)
    elif len(logits) > 2 and tuple(logits[:-1]) == tuple(t.shape):
        fix = "--class-dim -1, if the last dimension of the input runs over classes"
    elif t.shape[:-1] == sizes and one_hot(t, -1):
        message += "; it is one-hot over its last dimension"
        fix = _argmax_fix(call, t.ndim - 1)
    elif t.ndim == len(sizes) + 1 > 2 and 3 in t.shape[1:] and (t == t.round()).all():
        message += "; three numbers for each position are colours"
        fix = f"give {call.name_of(name)} as class ids {shape(sizes)}, one for each colour"
    yield mismatch(call, name, message, fix)


def _needless(t: Tensor, sizes: tuple[int, ...]) -> str:
    """The dimension of size 1 that a target has too many; nothing where it is another number."""
    for dim, size in enumerate(t.shape):
        if size == 1 and (*t.shape[:dim], *t.shape[dim + 1 :]) == sizes:
            return f", without its dimension {dim}: squeeze({dim})"
    return ""


def one_hot(t: Tensor, dim: int) -> bool:
    """Whether a dimension holds a single 1 and else 0."""
    return bool(((t == 0) | (t == 1)).all() and (t.sum(dim) == 1).all())


def _argmax_fix(call: Call, dim: int) -> str:
    ids = call.target.argmax(dim)
    name = call.name_of(call.target_name)
    return f"give {name} as its argmax{_listed(ids) or f' over dimension {dim}: {shape(ids)}'}"


def _listed(t: Tensor) -> str:
    """A small tensor as one would type it, after a colon; of a large one nothing."""
    if t.ndim < 2 and t.numel() <= 8:
        flat = t.flatten().tolist()
        values = [int(v) if float(v).is_integer() else float(f"{v:.6g}") for v in flat]
        text = str(values if t.ndim else values[0]).replace(" ", "")
        return f": '{text}'"
    return ""


def _unwritten(call: Call) -> Finding:
    message = f"{shape(call.input)} holds no samples"
    torch_does = "returns memory that was never written: any number"
    return Finding("degenerate-shape", "error", call.name_of("input"), message, "", torch_does)


def score_shapes(call: Call) -> Iterator[Finding]:
    """(C) or (N, C) scores with one class id for each sample."""
    x, t = call.input, call.target
    if x.ndim > 2:
        yield mismatch(call, "input", f"{shape(x)}; needs (C) or (N, C) scores")
        return
    classes = x.shape[-1] if x.ndim else 1
    if classes and not x.numel():
        yield _unwritten(call)
        return
    if classes < 2:
        yield degenerate(
            call, "input", f"has {classes} class, {shape(x)}: there is no other to win against"
        )
        return
    sizes = (x.shape[0],) if x.ndim == 2 else ()
    if tuple(t.shape) == sizes or (x.ndim == 1 and t.shape == (1,)):
        return
    if t.shape == x.shape:
        yield Finding(
            "target-onehot",
            "error",
            call.name_of("target"),
            f"{shape(t)}, one number for each class; needs class ids {shape(sizes)}",
            _argmax_fix(call, t.ndim - 1),
        )
        return
    fix = f"give {call.name_of('target')} as {shape(sizes)}"
    yield mismatch(call, "target", f"{shape(t)} for scores {shape(x)}; needs {shape(sizes)}", fix)


def list_shapes(call: Call) -> Iterator[Finding]:
    """(C) or (N, C) scores with a list of class ids of the same shape."""
    x, t = call.input, call.target
    if x.ndim not in (1, 2) or x.shape[-1] == 0:
        yield mismatch(call, "input", f"{shape(x)}; needs (C) or (N, C) scores")
    elif not x.numel():
        yield _unwritten(call)
    elif t.shape != x.shape:
        yield mismatch(
            call,
            "target",
            f"{shape(t)} for scores {shape(x)}; needs a list of class ids for each sample,"
            f" padded with -1 to {x.shape[-1]}",
            f"give {call.name_of('target')} as {shape(x)}",
        )


CHECKS = (class_shapes, linear_shapes, score_shapes, list_shapes)
