"""A loss with its operands and options, and the findings that checks report about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from initlab.catalog import Loss
from initlab.catalog.values import flag
from initlab.errors import Finding
from initlab.formatting import number
from initlab.losslab.operands.limits import check_values
from initlab.losslab.operands.source import Read
from initlab.losslab.rounding import ROUNDED_SUM, normalised_dims
from initlab.losslab.settings import Settings


@dataclass
class Call:
    """Operands and options of one loss, by torch's names.

    `typed` are these names as the user wrote them ("--target"), `raw` the operands as they were
    read, before any conversion; `reads` say where they and tensor options came from. `classes_at`
    is the dimension of classes, where it is known and need not be told from numbers.
    """

    loss: Loss
    operands: dict[str, Tensor]
    options: dict[str, Any]
    typed: Mapping[str, str] = field(default_factory=dict)
    raw: dict[str, Tensor] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    classes_at: int | None = None
    reads: Mapping[str, Read] = field(default_factory=dict)

    @property
    def reduction(self) -> str:
        """The reduction that was asked for."""
        return self.settings.reduction

    @property
    def input(self) -> Tensor:
        """The first operand."""
        return self.operands[self.loss.operands[0].name]

    @property
    def target(self) -> Tensor:
        """The operand called `target` or `targets`."""
        return self.operands["targets" if "targets" in self.operands else "target"]

    @property
    def target_name(self) -> str:
        """Torch's name for it."""
        return "targets" if "targets" in self.operands else "target"

    @property
    def logits_shape(self) -> tuple[int, ...]:
        """The shape of the scores of all classes, where a linear layer may stand before them."""
        weight = self.operands.get("linear_weight")
        if weight is None:
            return tuple(self.input.shape)
        return (*self.input.shape[:-1], *weight.shape[:-1])

    @property
    def target_is_distribution(self) -> bool:
        """Whether the target has a number for each class, where it may also be class ids."""
        return self.target.ndim > 0 and tuple(self.target.shape) == self.logits_shape

    def unexpanded(self, operand: str) -> Tensor:
        """An operand for a message: where one number was expanded to a shape, that number."""
        value, raw = self.operands[operand], self.raw.get(operand)
        single = raw is not None and raw.ndim == 0 and value.numel() > 0
        return value.flatten()[0] if single else value

    def name_of(self, operand: str) -> str:
        """An operand or option as the user wrote it."""
        return self.typed.get(operand, operand)

    def option(self, name: str) -> str:
        """An option of the loss as the user wrote it."""
        return self.typed.get(name, flag(name))

    def check_size(self, values: int, where: str, what: str) -> None:
        """Refuse what the loss would make of its operands. Raises TooLarge as `check_values`."""
        check_values(values, self.name_of(where), self.settings.most, what)

    # findings ------------------------------------------------------------------------------

    def error(self, rule: str, where: str, message: str, fix: str = "", torch: str = "") -> Finding:
        """A finding that refuses the operands; a warning where the user allows the rule."""
        level = "warning" if rule in self.settings.allow else "error"
        fix = fix if level == "error" else fix.partition(", or --allow")[0]
        return Finding(rule, level, self.name_of(where), message, fix, torch)

    def warning(
        self, rule: str, where: str, message: str, fix: str = "", torch: str = ""
    ) -> Finding:
        """A finding about operands that are computed, but look wrong."""
        return Finding(rule, "warning", self.name_of(where), message, fix, torch)

    def info(self, rule: str, where: str, message: str, fix: str = "", torch: str = "") -> Finding:
        """A finding about a conversion, or about what a number means."""
        return Finding(rule, "info", self.name_of(where), message, fix, torch)


def describe(tensor: Tensor, bad: Tensor, predicate: str, *, what: str = "values") -> str:
    """How many entries a mask marks, and the first of them.

    As in "1 of 2 values is 1.2 (index 1), outside 0..1", "3 of 8 values are outside 0..1 (first:
    1.2 at index [0, 1])".
    """
    tensor = tensor.expand(bad.shape)  # a mask of broadcast operands is larger than one of them
    count, total = int(bad.sum()), bad.numel()
    first = bad.nonzero()[0].tolist()
    value = _digits(tensor[tuple(first)])
    index = f"index {first[0] if len(first) == 1 else first}"
    if count == 1:
        place = f" ({index})" if first else ""
        return f"1 of {total} {what if total > 1 else what[:-1]} is {value}{place}, {predicate}"
    return f"{count} of {total} {what} are {predicate} (first: {value} at {index})"


def _digits(x: Tensor) -> str:
    """A number for a message, with all its digits where four or six would make it whole."""
    text = number(x.item())
    exact = not x.is_floating_point() or not torch.isfinite(x) or bool(x == x.round())
    return text if exact or not float(text).is_integer() else shortest(x)


def shortest(x: Tensor) -> str:
    """The fewest digits that round to a floating number of its dtype."""
    kind = {torch.float32: np.float32, torch.float16: np.float16}.get(x.dtype, float)
    return repr(float(str(kind(x.item()))))


def row(bad: Tensor) -> str:
    """The rows that a mask marks, as in "row 0", "2 of 3 rows are off: row [0, 2]"."""
    index = bad.nonzero()[0].tolist()
    first = f"row {index[0] if len(index) == 1 else index}" if index else "it"
    count = int(bad.sum())
    return first if count == 1 else f"{count} of {bad.numel()} rows are off: {first}"


def whole(x: Tensor) -> Tensor:
    """Which entries are whole numbers that fit an int64."""
    return torch.isfinite(x) & (x == x.round()) & (x.abs() < 2**62)


def shape(of: Tensor | tuple[int, ...]) -> str:
    """A shape as Python writes it, without a needless comma: (3), (3, 1), ()."""
    return "(" + ", ".join(map(str, of.shape if isinstance(of, Tensor) else of)) + ")"


def class_dim(call: Call) -> int:
    """The dimension of the input that runs over classes; 0 where there is no batch.

    A target that is a distribution has its classes where it sums to 1: in the last dimension or, as
    images do, in dimension 1.
    """
    x, name = call.input, call.target_name
    if x.ndim < 2:
        return 0
    if call.classes_at is not None:
        return call.classes_at
    last = call.loss.class_dim or 0
    target = call.loss.by_name.get(name)
    if target is None or target.holds != "distribution" or x.ndim < 3:
        return last
    t = call.target.double()
    t = t.exp() if call.options["log_target"] else t
    found = normalised_dims(t, ROUNDED_SUM) if t.shape == x.shape else []
    return next((d for d in found if d in (1, x.ndim - 1)), last)


def name(dtype: torch.dtype) -> str:
    """A dtype without its module: "float32"."""
    return str(dtype).removeprefix("torch.")


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that refuse the input."""
    return [f for f in findings if f.level == "error"]
