"""Losses that a sweep can end in. To add one, add a record."""

from dataclasses import dataclass
from typing import Literal

from initlab.catalog.table import Record, Table


@dataclass(frozen=True, kw_only=True, eq=False)
class Loss(Record):
    """A loss on the last layer's activations and a synthetic target.

    `function` names a callable (output, target, reduction=...). `target` says how the target is
    drawn: "normal" values of the output's shape, or "classes", one label a sample.
    """

    function: str
    target: Literal["normal", "classes"]


LOSSES = Table(
    "loss",
    "losses",
    Loss(
        name="mse",
        function="torch.nn.functional:mse_loss",
        target="normal",
        formula="(y - t)^2, t ~ N(0, 1) for every output",
        about="squared error against independent standard normal targets",
        source="PyTorch, torch.nn.MSELoss",
        aliases=("mse_loss", "l2"),
    ),
    Loss(
        name="cross_entropy",
        function="torch.nn.functional:cross_entropy",
        target="classes",
        formula="-log softmax(y)[t], t uniform over the outputs",
        about="the outputs are logits of as many classes, the labels are uniform",
        source="PyTorch, torch.nn.CrossEntropyLoss",
        aliases=("ce", "cross_entropy_loss"),
    ),
)
