"""What a test needs to know of one model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Case:
    """A model, a batch for it, and, where it is broken, the finding that must be made.

    Args:
        name: unique among all cases.
        build: makes the model; draws from torch's global generator.
        batch: draws one batch from torch's global generator: a tensor, a tuple of positional
            arguments, or a dict of keyword arguments.
        loss: "cross_entropy" on the first output, "model" (the model's own 0-d output or its
            `.loss`), or None.
        dtype: what the model and the floating parts of the batch are cast to; None leaves them.
        rules: one of these must be found. Empty for a healthy model.
        level: at which level: "error-or-warning"; "note"; "seed-dependent" where it may be found
            in some seeds only, or not at all, and never fails.
        site: what the module path or the parameter name of the finding must hold; "" is any.
        slow: takes more than a second for a few seeds.
    """

    name: str
    build: Callable[[], nn.Module]
    batch: Callable[[], Any]
    loss: str | None = None
    dtype: str | None = None
    rules: tuple[str, ...] = ()
    level: str = "error-or-warning"
    site: str = ""
    slow: bool = False
