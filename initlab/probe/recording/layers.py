"""What single kinds of op tell beside their value: zeros of a ReLU, rows that starve a norm."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from initlab.catalog.probe_rules import STARVED_EPS
from initlab.probe.recording.activations import op_activation
from initlab.probe.recording.statistics import Statistics
from initlab.spec.run import Choice

#: ops that multiply by a weight
PRODUCTS = frozenset(
    f"aten.{name}"
    for name in (
        "mm", "addmm", "bmm", "baddbmm", "convolution", "linear", "mkldnn_rnn_layer", "addmv", "mv",
        "_thnn_fused_lstm_cell", "_thnn_fused_gru_cell",
    )
)  # fmt: skip
#: activations that are 0 below 0
CUTTING = ("relu", "relu6")
LAYER_NORM, GROUP_NORM = "aten.native_layer_norm", "aten.native_group_norm"
BATCH_NORM = ("aten.native_batch_norm", "aten._native_batch_norm_legit")
#: names of ops behind which the scale is set anew
NORMS = ("native_layer_norm", "native_group_norm", "native_batch_norm", "_native_batch_norm_legit")

CLASS_LOSSES = ("aten.nll_loss_forward", "aten.nll_loss2d_forward")
MEAN = 1  # torch's number for reduction="mean"
SUM_TO_1 = 1e-3


def probabilities(rows_RC: Tensor) -> bool:
    """Whether rows are probabilities: not negative, and of sum 1."""
    rows = rows_RC.detach().double()
    if rows.shape[-1] < 2:
        return False
    return bool((rows >= 0).all()) and bool(((rows.sum(-1) - 1).abs() < SUM_TO_1).all())


class Layer(NamedTuple):
    """What one op tells of itself; None where it is of another kind.

    Args:
        zero: share of its values that are 0.
        dead: share of its units that are 0 in all rows; `rows` are how many.
        starved: share of a norm's rows, channels or groups whose variance is below its eps / 100.
        eps: the norm's.
        indices: where the ids of an embedding are stored.
        softmax_again: whether a softmax is taken of probabilities.
        classes: of a mean cross entropy.
        activation: of the catalog.
        running: whether it is a batch norm by running statistics, which is no more than a scale.
    """

    zero: float | None = None
    dead: float | None = None
    rows: int = 0
    starved: float | None = None
    eps: float = 0.0
    indices: int | None = None
    softmax_again: bool = False
    classes: int = 0
    activation: Choice | None = None
    running: bool = False


def layer_of(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, value: Statistics
) -> Layer:
    """What an op tells, given its arguments and what it returned, a tensor first."""
    if (activation := op_activation(name, args, kwargs)) is not None:
        cut = _cut(output) if activation.name in CUTTING else Layer()
        return cut._replace(activation=activation)
    if name == "aten.embedding" and isinstance(args[1], Tensor):
        return Layer(indices=args[1].untyped_storage().data_ptr())
    if value.finite < 1:
        return Layer()
    if name == "aten._log_softmax" and args[1] in (-1, args[0].dim() - 1, 1):
        return Layer(softmax_again=probabilities(args[0].movedim(args[1], -1)))
    if name in CLASS_LOSSES and args[3] == MEAN:
        return Layer(classes=args[0].shape[1] if args[0].dim() > 1 else len(args[0]))
    if name == LAYER_NORM:
        return starved(output[2], args[4])
    if name == GROUP_NORM:
        return starved(output[2], args[7])
    if name in BATCH_NORM:
        return starved(output[2], args[-1]) if output[2].numel() else Layer(running=True)
    return Layer()


def _cut(x: Tensor) -> Layer:
    """Zeros of an activation of shape (rows, units), (B, units, ...) or (..., units)."""
    alive = x != 0
    zero = 1 - int(torch.count_nonzero(alive)) / max(alive.numel(), 1)
    if x.dim() < 2 or not x.numel():
        return Layer(zero=zero)
    last = alive.reshape(-1, x.shape[-1])
    dead, rows = _dead(last), len(last)
    if x.dim() > 2:  # convolutions have their units in the second dimension
        second = alive.transpose(0, 1).reshape(x.shape[1], -1).T
        if x.dim() > 3 or _dead(second) < dead:
            dead, rows = _dead(second), len(second)
    return Layer(zero=zero, dead=dead, rows=rows)


def _dead(alive: Tensor) -> float:
    return 1 - int(torch.count_nonzero(alive.any(0))) / alive.shape[1]


def starved(inverse: Tensor, eps: float) -> Layer:
    """Of a norm's 1 / sqrt(variance + eps), a number for each row, channel or group."""
    # variance <= eps / 100  <=>  1 / sqrt(variance + eps) >= 1 / sqrt(1.01 eps)
    if eps <= 0:
        return Layer(starved=0.0, eps=eps)
    least = ((1 + STARVED_EPS) * eps) ** -0.5
    low = inverse.detach().double() >= least
    return Layer(starved=int(torch.count_nonzero(low)) / max(low.numel(), 1), eps=eps)
