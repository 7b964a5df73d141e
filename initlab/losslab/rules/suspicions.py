"""Logits that look like something else: computed all the same, with a word of warning."""

from collections.abc import Iterator

import torch

from initlab.errors import Finding
from initlab.losslab.call import Call, class_dim
from initlab.losslab.rules.probabilities import off, row, sums_of


def double_softmax(call: Call) -> Iterator[Finding]:
    """Logits that look as if softmax had been taken already."""
    x = call.input
    dim = class_dim(call)
    if not x.numel() or not ((x >= 0) & (x <= 1)).all() or off(sums_of(x, dim), x).any():
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
        message = f"{row(empty)} is all -inf: no class is left"
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
            message = f"{row(right)} has its own class masked (-inf): the loss is infinite"
            yield call.warning("saturated", "input", message)


RULES = (double_softmax, double_sigmoid, masked_logits)
