"""The loss of a probe: one of the loss lab's on the output, or the model's own."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from initlab.catalog import LOSSES
from initlab.errors import InputError
from initlab.network.losses import draw_target, loss_and_gradient
from initlab.probe.recording.outputs import named_tensors
from initlab.spec.run import Choice

#: what --loss takes beside the names of losses
OWN = "model"


@dataclass(frozen=True)
class LossValue:
    """A loss and where its gradient begins.

    Args:
        name: of the loss.
        value: in units of the loss.
        start: the tensor from which to go back: the output, or the model's own loss.
        gradient: dL/dstart; None of a number.
        logits: rows of scores, of a loss over classes.
    """

    name: str
    value: float
    start: Tensor
    gradient: Tensor | None
    logits: Tensor | None = None

    @property
    def ignorant(self) -> float | None:
        """ln C, the loss of who knows nothing of C classes; None of other losses."""
        return None if self.logits is None else math.log(self.logits.shape[1])


@dataclass(frozen=True)
class Loss:
    """A loss by its name, with a target: drawn where none is given.

    Args:
        name: of the loss lab, or "model".
        target: of the same rows as the output.
    """

    name: str
    target: Tensor | None = None

    def of(self, returned: Any, output: Tensor, seed: int) -> LossValue:
        """The loss of what a model returned.

        Raises:
            InputError: there is none, or the output does not fit it.
        """
        if self.name == OWN:
            return _own(returned)
        record = LOSSES[self.name]
        rows_RN = rows_of(output)
        choice = Choice(record.name, tuple(record.defaults.items()))
        generator = Generator().manual_seed(seed)
        if self.target is None:
            rows, numbers = rows_RN.shape
            target = draw_target(choice, rows, numbers, generator, rows_RN.dtype)
        else:
            target = (_fitting(self.target, rows_RN),)
        try:
            value, gradient = loss_and_gradient(choice, "mean", rows_RN.detach(), target)
        except (RuntimeError, ValueError, IndexError) as error:
            message = f"--loss {self.name}: does not take the output {tuple(output.shape)}: {error}"
            raise InputError(message, f"initlab describe {self.name}") from None
        of_scores = record.softmax and record.operands[0].holds == "logits"
        logits = rows_RN.detach() if of_scores else None
        back = _as_output(gradient, output)
        return LossValue(record.name, value, output, back, logits)


def rows_of(output: Tensor) -> Tensor:
    """An output as rows of N numbers: of four dimensions or more the second is that of classes."""
    if output.dim() >= 4:
        return output.movedim(1, -1).flatten(0, -2)
    if output.dim() >= 2:
        return output.flatten(0, -2)
    return output.reshape(-1, 1)


def _as_output(gradient_RN: Tensor, output: Tensor) -> Tensor:
    if output.dim() >= 4:
        moved = output.movedim(1, -1).shape
        return gradient_RN.reshape(moved).movedim(-1, 1)
    return gradient_RN.reshape(output.shape)


def _fitting(target: Tensor, rows_RN: Tensor) -> Tensor:
    """A target for every row, or of every number."""
    if target.numel() == rows_RN.numel() and target.is_floating_point():
        return rows_of(target) if target.dim() > 1 else target.reshape(rows_RN.shape)
    if target.numel() == len(rows_RN) and not target.is_floating_point():
        return target.reshape(-1)
    shape = "x".join(map(str, target.shape))
    raise InputError(
        f"--target {shape}: the output has {len(rows_RN)} rows of {rows_RN.shape[1]} numbers",
        f"--target tokens:{rows_RN.shape[1]}:{len(rows_RN)}",
    )


def _own(returned: Any) -> LossValue:
    """The `loss` among what a model returned, or its only number."""
    tensors = [(n, t) for n, t in named_tensors(returned) if isinstance(t, Tensor)]
    numbers = [(n, t) for n, t in tensors if t.numel() == 1 and t.grad_fn is not None]
    named = [t for n, t in numbers if n.rpartition(".")[2] == "loss"]
    found = named or [t for _, t in numbers]
    if not found:
        names = ", ".join(n or "a tensor" for n, _ in tensors) or "no tensor"
        raise InputError(
            f"--loss model: the model returned no loss: {names}",
            "give it what it computes its loss from (labels=...), or --loss cross_entropy",
        )
    loss = found[0]
    return LossValue(OWN, float(loss.detach()), loss, torch.ones_like(loss))
