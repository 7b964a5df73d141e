"""What stands after the last layer: the target, the loss and its gradient."""

import torch
from torch import Generator, Tensor

from initlab.catalog import LOSSES
from initlab.catalog import TARGETS as CHOSEN
from initlab.catalog.table import load
from initlab.catalog.targets import TargetUse
from initlab.losslab.arguments import loss_arguments
from initlab.losslab.call import name
from initlab.network.targets import ADAPTERS, TARGETS, samples
from initlab.spec.run import Choice


def draw_target(
    loss: Choice,
    batch: int,
    outputs: int,
    generator: Generator,
    dtype: torch.dtype,
    chosen: Choice | None = None,
) -> tuple[Tensor, ...]:
    """The operands of a loss beside the last layer's: the target chosen, or that of its record.

    That a loss takes what was chosen, the plan has made sure of.
    """
    record = LOSSES[loss.name]
    if chosen is None:
        return TARGETS[record.target]((batch, outputs), loss.parameters, generator, dtype)
    use = TargetUse(record, loss.parameters, "sum", batch, outputs, name(dtype))
    return CHOSEN[chosen.name].operands(chosen.arguments, use, generator, dtype)


def loss_and_gradient(
    loss: Choice, reduction: str, output_BN: Tensor, target: tuple[Tensor, ...]
) -> tuple[float, Tensor]:
    """The loss of a batch and dL/doutput, in the output's dtype, as training would compute them.

    `reduction="none"` takes each sample's own loss (for mse the sum over its outputs): the value is
    their mean, the gradient that of each sample's loss on its own row, and so equal to "sum"'s.
    Where torch has no half precision for a loss, it is computed in float32.
    """
    with torch.enable_grad():
        leaf = output_BN.detach().clone().requires_grad_()
        value = _value(loss, reduction, leaf, target)
        (gradient,) = torch.autograd.grad(value, leaf)
    return _reduced(loss, reduction, value.detach(), len(output_BN)), gradient


def loss_value(
    loss: Choice, reduction: str, output_BN: Tensor, target: tuple[Tensor, ...]
) -> float:
    """The same without the gradient."""
    value = _value(loss, reduction, output_BN, target)
    return _reduced(loss, reduction, value, len(output_BN))


def _value(loss: Choice, reduction: str, y_BN: Tensor, target: tuple[Tensor, ...]) -> Tensor:
    """The loss as torch reduces it; of reduction "none" the sum."""
    record, parameters = LOSSES[loss.name], loss.parameters
    function, options = load(record.function), loss_arguments(loss.name, parameters)
    half = y_BN.dtype.itemsize < 4
    dtype = torch.float32 if half and not record.half else y_BN.dtype
    given = [t.to(dtype) if t.is_floating_point() else t for t in target]
    operands = ADAPTERS[record.adapter](y_BN.to(dtype), parameters)
    taken = "sum" if reduction == "none" else reduction
    value: Tensor
    if record.mean_warns and taken == "mean":
        # bit for bit torch's mean, without its warning; a sum over B N would overflow float16
        value = function(*operands, *given, reduction="none", **options).mean()
    else:
        value = function(*operands, *given, reduction=taken, **options)
    return value


def _reduced(loss: Choice, reduction: str, value: Tensor, batch: int) -> float:
    """A number; of reduction "none" the mean over samples."""
    if reduction == "none":
        value = value / samples(LOSSES[loss.name].adapter, batch)
    return float(value)
