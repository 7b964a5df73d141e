"""What the parameters of a model look like, each by itself: scale, law, gradient."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from initlab.probe.measure import Run
from initlab.probe.statistics import norm, statistics

#: values that are enough to tell a law
SAMPLE = 1 << 16
ROWS = 32
#: deviations of the kurtosis of a sample of a law, in standard errors, which are still of that law
SURE = 6.0
FEWEST = 64
#: E x^4 / (E x^2)^2, of uniform numbers and of a normal cut off at two standard deviations
UNIFORM, TRUNCATED, NORMAL = 1.8, 2.3644, 3.0
SPREAD = {UNIFORM: 1.07, TRUNCATED: 2.0, NORMAL: 4.9}  # sd of sqrt(n) times the estimate, about


@dataclass(eq=False)
class Parameter:
    """One parameter of a model; `grad` is None where it got no gradient, `finite` a share."""

    name: str
    tensor: Tensor
    rms: float
    absmax: float
    finite: float
    law: str
    grad: float | None
    product: bool
    used: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the tensor."""
        return tuple(self.tensor.shape)

    @property
    def trainable(self) -> bool:
        """Whether it asks for a gradient."""
        return self.tensor.requires_grad

    @property
    def fan_in(self) -> int | None:
        """Values a row, of a matrix or a kernel: torch's fan_in (nn.init)."""
        return math.prod(self.shape[1:]) if len(self.shape) > 1 else None

    @property
    def fan_out(self) -> int | None:
        """Rows times the receptive field."""
        return self.shape[0] * math.prod(self.shape[2:]) if len(self.shape) > 1 else None

    @property
    def is_zero(self) -> bool:
        """Whether all its values are 0."""
        return self.absmax == 0

    @property
    def gets_zero(self) -> bool:
        """Whether its gradient is exactly 0."""
        return self.grad == 0


def parameters_of(run: Run) -> list[Parameter]:
    """Every parameter of a run's model that holds floating point numbers."""
    return [
        _parameter(run, name, p)
        for name, p in run.model.named_parameters()
        if p.numel() and p.is_floating_point() and not isinstance(p, nn.UninitializedParameter)
    ]


def _parameter(run: Run, name: str, p: Tensor) -> Parameter:
    found = statistics(p)
    known = found is not None
    return Parameter(
        name,
        p,
        found.rms if known and found else math.nan,
        found.absmax if known and found else math.nan,
        found.finite if known and found else 1.0,
        law_of(p) if known and found and found.finite == 1 else "",
        None if p.grad is None else norm(p.grad),
        name in run.recorder.in_products,
        id(p) in run.used,
    )


def law_of(p: Tensor) -> str:
    """The law that a parameter's values seem to follow; empty where it is none of those known.

    By the kurtosis of a sample, E x^4 / (E x^2)^2: 9/5 uniform, 2.36 normal cut off at two standard
    deviations, 3 normal; orthogonal by its rows or columns.
    """
    x = p.detach().flatten()
    first = x[0]
    if bool((x == first).all()):
        return "zero" if float(first) == 0 else "constant"
    if x.numel() < FEWEST:
        return ""
    if _orthogonal(p):
        return "orthogonal"
    step = max(x.numel() // SAMPLE, 1)
    values = x[::step].double()
    square = values.square().mean()
    if abs(float(values.mean())) > SURE * float((square / len(values)).sqrt()):
        return ""
    kurtosis = float((values / square.sqrt()).pow(4).mean())
    names = {UNIFORM: "uniform", TRUNCATED: "truncated", NORMAL: "normal"}
    near = min(names, key=lambda value: abs(value - kurtosis))
    allowed = SURE * SPREAD[near] / math.sqrt(len(values))
    return names[near] if abs(near - kurtosis) <= allowed else ""


def _orthogonal(p: Tensor) -> bool:
    """Whether the rows of a matrix, or its columns, are orthogonal and of one length.

    A few are enough to tell: no other law makes rows orthogonal to four digits.
    """
    if p.dim() < 2:
        return False
    matrix = p.detach().flatten(1)
    matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    rows = matrix[:ROWS].double()
    if len(rows) < 2:
        return False
    gram = rows @ rows.T
    scale = float(gram.diagonal().mean())
    return scale > 0 and bool(
        torch.allclose(gram / scale, torch.eye(len(gram), dtype=gram.dtype), atol=1e-4)
    )
