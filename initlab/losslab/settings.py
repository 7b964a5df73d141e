"""How a loss is to be computed, beside its operands and options. Torch-free."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from initlab.catalog import ALLOWABLE
from initlab.catalog.dtypes import DTYPES
from initlab.errors import InputError
from initlab.losslab.operands.labels import check_classes
from initlab.losslab.operands.limits import MOST_MIB
from initlab.userfiles import MIB

GIVEN = ("logits", "probs", "log-probs")


@dataclass(frozen=True)
class Settings:
    """How a loss is to be computed, beside its operands and options.

    Args:
        reduction: none, sum, mean, batchmean, or all of those that the loss has.
        grad: also the gradient by every floating operand.
        dtype: of the computation; by default that of the input's file, or float32.
        given: what the input holds, if it is not what the loss takes.
        target_given: the same of the target.
        temperature: what logits are divided by before their softmax or sigmoid.
        class_dim: the dimension of the input that runs over classes, if it is not torch's.
        batch_first: frames come as (N, T, C), not as torch's (T, N, C).
        classes: names that stand for class ids, in the order of the ids.
        target_map: values of the target to replace, in pairs (old, new).
        allow: rules whose errors become warnings.
        clamp: probabilities outside 0..1 by no more than rounding become 0 or 1.
        normalise: probabilities are divided by their sums over the classes.
        strict: warnings become errors.
        max_mib: what an operand may take as float64, and what a loss makes of operands.
        typed: operands as the user wrote them ("--target"), for messages.
    """

    reduction: str = "mean"
    grad: bool = False
    dtype: str | None = None
    given: str = ""
    target_given: str = ""
    temperature: float = 1.0
    class_dim: int | None = None
    batch_first: bool = False
    target_map: tuple[tuple[float, float], ...] = ()
    classes: tuple[str, ...] = ()
    allow: frozenset[str] = frozenset()
    clamp: bool = False
    normalise: bool = False
    strict: bool = False
    max_mib: int = MOST_MIB
    typed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise InputError for a value that no setting has: Python's users have no command line."""
        for name, value, known in (
            ("dtype", self.dtype, (None, *DTYPES)),
            ("given", self.given, ("", *GIVEN)),
            ("target_given", self.target_given, ("", *GIVEN)),
            *(("allow", rule, ALLOWABLE) for rule in sorted(self.allow)),
        ):
            if value not in known:
                listed = ", ".join(str(k) for k in known if k)
                raise InputError(f"{name}: needs one of {listed}, got {value!r}")
        t = self.temperature
        if isinstance(t, bool) or not isinstance(t, int | float) or not 0 < t < math.inf:
            raise InputError(
                f"temperature: needs a finite number above 0, got {t!r}", "--temperature 2"
            )
        for name in ("grad", "batch_first", "clamp", "normalise", "strict"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name}: needs true or false, got {getattr(self, name)!r}")
        if self.class_dim is not None and type(self.class_dim) is not int:
            raise InputError(f"class_dim: needs a whole number, got {self.class_dim!r}")
        check_classes(self.classes, self.typed.get("classes", "classes"))
        if not isinstance(self.max_mib, int) or self.max_mib < 1:
            raise InputError(f"max_mib: needs a whole number from 1, got {self.max_mib!r}")

    @property
    def most(self) -> int:
        """`max_mib` in bytes."""
        return self.max_mib * MIB
