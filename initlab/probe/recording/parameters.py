"""What the parameters of a model look like, each by itself: scale, law, gradient."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from initlab.probe.recording.measure import Run
from initlab.probe.recording.statistics import norm, statistics

#: values that are enough to tell a law
SAMPLE = 1 << 16
ROWS = 32
#: deviations of the kurtosis of a sample of a law, in standard errors, which are still of that law
SURE = 6.0
FEWEST = 1024
#: name, E x^4 / (E x^2)^2, sd of sqrt(n) times its estimate, and between which the largest
#: |x| / rms lies, with a margin
LAWS = (
    ("uniform", 1.8, 1.07, (0.0, 1.02 * 3**0.5)),
    ("truncated", 2.3644, 2.0, (0.0, 1.02 * 2 / 0.8796)),  # a normal cut off at 2 sd
    ("normal", 3.0, 4.9, (2.5, math.inf)),  # 1024 of which none is larger: once in 10^5
)


@dataclass(eq=False)
class Parameter:
    """One parameter of a model; `grad` is None where it got no gradient, `finite` a share.

    `input_first` says that a product sums over its first dimension: x @ W, transposed convolutions.
    """

    name: str
    tensor: Tensor
    rms: float
    absmax: float
    finite: float
    law: str
    grad: float | None
    product: bool
    used: bool
    input_first: bool = False

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
        """Values that a unit sums over: torch's fan_in (nn.init), of (in, out) its fan_out."""
        if len(self.shape) < 2:
            return None
        return self._first_fan if self.input_first else math.prod(self.shape[1:])

    @property
    def fan_out(self) -> int | None:
        """Units times the receptive field."""
        if len(self.shape) < 2:
            return None
        return math.prod(self.shape[1:]) if self.input_first else self._first_fan

    @property
    def _first_fan(self) -> int:
        return self.shape[0] * math.prod(self.shape[2:])

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
        if not isinstance(p, nn.UninitializedParameter) and p.numel() and p.is_floating_point()
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
        name in run.recorder.weights.in_products,
        id(p) in run.used or p.grad is not None,
        name in run.recorder.weights.input_first,
    )


def law_of(p: Tensor) -> str:
    """The law that a parameter's values seem to follow; empty where it is none of those known.

    By the kurtosis of a sample, E x^4 / (E x^2)^2: 9/5 uniform, 2.36 normal cut off at two standard
    deviations, 3 normal; orthogonal by its rows or columns.
    """
    x = p.detach().flatten()
    step, first = max(x.numel() // SAMPLE, 1), x[0]
    if bool((x[::step] == first).all()) and bool((x == first).all()):
        return "zero" if float(first) == 0 else "constant"
    if x.numel() < FEWEST:
        return ""
    if _orthogonal(p):
        return "orthogonal"
    values = x[::step].double()
    square = values.square().mean()
    if abs(float(values.mean())) > SURE * float((square / len(values)).sqrt()):
        return ""
    values = values / square.sqrt()
    kurtosis, largest = float(values.pow(4).mean()), float(values.abs().max())
    fitting = [
        name
        for name, expected, spread, (least, most) in LAWS
        if abs(expected - kurtosis) <= SURE * spread / math.sqrt(len(values))
        and least <= largest <= most
    ]
    return fitting[0] if len(fitting) == 1 else ""  # few values may fit several


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
