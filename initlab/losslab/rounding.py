"""How far rounded probabilities may be off, and what sums to 1."""

import torch
from torch import Tensor

ROUNDED_SUM = 2e-2  # how far from 1 a sum may be where it only tells which dimension has classes
#: how far from 1 a sum of probabilities may be, by dtype; of any other it is OTHER_ROUNDING
ROUNDING = {torch.float16: 2e-2, torch.bfloat16: 5e-2}
OTHER_ROUNDING = 1e-3


def rounding(x: Tensor) -> float:
    """How far from 1 a sum of probabilities of this dtype may lie."""
    return ROUNDING.get(x.dtype, OTHER_ROUNDING)


def sums_of(x: Tensor, dim: int) -> Tensor:
    """Sums of probabilities along a dimension, in float64."""
    return x.double().sum(dim) if x.ndim else x.double()


def off(sums: Tensor, x: Tensor) -> Tensor:
    """Which sums are not 1, up to the rounding of the dtype of `x`; nan is not."""
    return ~((sums - 1).abs() <= rounding(x))


def outside(x: Tensor) -> Tensor:
    """Which values are outside 0..1."""
    return (x < 0) | (x > 1)


def far_outside(x: Tensor) -> Tensor:
    """Which values are outside 0..1 by more than rounding."""
    return (x < -rounding(x)) | (x > 1 + rounding(x))


def normalised_dims(x: Tensor, within: float | None = None) -> list[int]:
    """The dimensions along which probabilities sum to 1; the last first, then from 1 on.

    `within` is how far from 1 a sum may be, by default what rounding allows.
    """
    most = rounding(x) if within is None else within
    order = [x.ndim - 1, *range(1, x.ndim - 1), 0] if x.ndim > 1 else [0] * x.ndim
    return [d for d in order if ((sums_of(x, d) - 1).abs() <= most).all()]
