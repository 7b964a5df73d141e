"""Statistics of tensors for the probe, in float64, and never nan for a finite tensor.

Shapes: B samples in the first dimension, n numbers in all.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from initlab.probe.recording.torch_interface import transformed

#: centred square over raw square below which rounding of the sums would show
CANCELLED = 1e-8
#: numbers that are brought to float64 at a time
AT_ONCE = 1 << 24


class Statistics(NamedTuple):
    """Of one tensor; `signal` is None where its first dimension is not the batch's.

    Of a tensor with nan or inf, rms, mean, std and signal are nan; `masked` says whether it has no
    others than -inf.
    """

    shape: tuple[int, ...]
    dtype: str
    size: int
    rms: float
    mean: float
    std: float
    absmax: float
    finite: float = 1.0
    nan: int = 0
    inf: int = 0
    masked: bool = False
    signal: float | None = None


def readable(x: Tensor) -> bool:
    """Whether a tensor's numbers can be read: it is dense, plain, not empty, and not under vmap."""
    return (
        type(x) in (Tensor, torch.nn.Parameter)
        and x.layout == torch.strided
        and not x.is_nested
        and x.numel() > 0
        and (x.is_floating_point() or x.is_complex())
        and x.dtype.itemsize > 1  # torch does not reduce float8
        and x.device.type != "meta"
        and not transformed()
    )


def statistics(x: Tensor, batch: int | None = None) -> Statistics | None:
    """Statistics of a tensor, or None if it cannot be read.

    rms^2 = sum x^2 / n, uncentred; std is about the mean, with 1/n. signal^2 is the mean over
    features of the variance over the batch, with 1/(B - 1): sum (x - mean over B)^2 / n B/(B - 1).

    Args:
        x: of any shape; complex numbers count as two.
        batch: B, at least 2 for a signal.
    """
    if not readable(x):
        return None
    x = x.detach()
    shape, dtype = tuple(x.shape), str(x.dtype).removeprefix("torch.")
    if x.is_complex():
        x = torch.view_as_real(x.resolve_conj())
    low, high = (v.item() for v in torch.aminmax(x))
    absmax = max(abs(low), abs(high)) if low == low and high == high else math.nan
    count = x.numel()
    if not math.isfinite(absmax):
        return _nonfinite(x, shape, dtype, absmax)
    has_batch = batch is not None and batch > 1 and len(shape) > 0 and shape[0] == batch
    # squares of float64 may overflow or vanish: they are of x / scale
    scale = absmax if absmax > 0 and not 1e-100 < absmax < 1e100 else 1.0
    square, mean, between = _moments(x, batch if has_batch and batch else 1, scale)
    rms, mean = math.sqrt(square) * scale, mean * scale
    variance = square - (mean / scale) ** 2
    if square > 0 and variance < CANCELLED * square:
        variance = _centred(x, None, scale)
    signal = None
    if has_batch and batch:
        within = square - between
        if square > 0 and within < CANCELLED * square:
            within = _centred(x, 0, scale)
        signal = math.sqrt(max(within, 0.0) * batch / (batch - 1)) * scale
    std = math.sqrt(max(variance, 0.0)) * scale
    return Statistics(shape, dtype, count, rms, mean, std, absmax, signal=signal)


def _moments(x: Tensor, rows: int, scale: float) -> tuple[float, float, float]:
    """Means of (x/scale)^2, of x/scale, and of the square of its mean over several rows."""
    flat = x.reshape(rows, -1)
    columns = flat.shape[1]
    square = total = between = 0.0
    step = max(AT_ONCE // rows, 1)
    for start in range(0, columns, step):
        part = flat[:, start : start + step].double()
        if scale != 1.0:
            part = part / scale
        sums = part.sum(0) if rows > 1 else part[0]
        part = part.reshape(-1)
        square += torch.dot(part, part).item()
        total += sums.sum().item()
        between += torch.dot(sums, sums).item() if rows > 1 else 0.0
    count = rows * columns
    return square / count, total / count, between / (rows * count)


def _centred(x: Tensor, dim: int | None, scale: float) -> float:
    """The mean of (x - mean)^2 / scale^2, summed about the mean, over one dimension or all."""
    x = x.double() / scale
    mean = x.mean() if dim is None else x.mean(dim, keepdim=True)
    rest = (x - mean).reshape(-1)
    # what is left of the mean's own rounding is taken out again
    rest = rest - rest.mean() if dim is None else rest
    return torch.dot(rest, rest).item() / rest.numel()


def _nonfinite(x: Tensor, shape: tuple[int, ...], dtype: str, absmax: float) -> Statistics:
    finite, nan, minus = torch.isfinite(x), torch.isnan(x), torch.isneginf(x)
    count, left = x.numel(), int(finite.sum())
    return Statistics(
        shape,
        dtype,
        count,
        math.nan,
        math.nan,
        math.nan,
        absmax,
        finite=left / count,
        nan=int(nan.sum()),
        inf=count - left - int(nan.sum()),
        masked=bool((finite | minus).all()),
        signal=None,
    )


def norm(x: Tensor) -> float:
    """||x||_2 in float64; nan where x has nan or inf, or cannot be read."""
    if not readable(x):
        return math.nan
    x = x.detach()
    if x.is_complex():
        x = torch.view_as_real(x.resolve_conj())
    flat = x.reshape(-1)
    total = 0.0
    for start in range(0, len(flat), AT_ONCE):
        part = flat[start : start + AT_ONCE].double()
        total += torch.dot(part, part).item()
    if math.isfinite(total) and (total > 1e-200 or (total == 0 and not bool((flat != 0).any()))):
        return math.sqrt(total)
    if not bool(torch.isfinite(flat).all()):
        return math.nan
    scale = flat.abs().max().double().item()
    scaled = flat.double() / scale
    return math.sqrt(torch.dot(scaled, scaled).item()) * scale
