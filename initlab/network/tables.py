"""From the sums of every layer to the columns of layers.csv, for all layers at once.

Shapes: L layers, R runs.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import TypeVar

import numpy as np

from initlab.network.measurement import BACKWARD, FORWARD
from initlab.network.rows import Rows
from initlab.network.sums import Array, Backward, Forward, Sums
from initlab.spec.run import Run

ByRun = dict[int, Array]  # (L, columns) by a run's number

T = TypeVar("T", Forward, Backward)


def _stacked(sums: Sequence[Sums]) -> Sums:
    return Sums(*(np.stack(column) for column in zip(*sums, strict=True)))


def std(sums: Sums, count: int) -> Array:
    """Standard deviation of `count` values, centred and unbiased (n - 1) as `torch.std`.

    A single value has std nan, as in torch. One non-finite value makes it nan.
    """
    if count == 1:
        return np.full_like(sums.total, np.nan)
    values: Array = np.sqrt(sums.centred.clip(min=0) / (count - 1)) * sums.unit
    return values


def forward(layers: Sequence[Forward], batch: int, width: int) -> Array:
    """Columns FORWARD of layers of one width, shape (L, R, columns)."""
    count = batch * width
    sums = _stacked([layer.sums for layer in layers])
    largest, zeros, saturated, finite, direction, samples = (
        np.stack(column) for column in zip(*(layer[1:] for layer in layers), strict=True)
    )
    with np.errstate(invalid="ignore", over="ignore"):  # in a run that has just burst
        means, stds = sums.total / count * sums.unit, std(sums, count)
        rms = np.sqrt(sums.squares[:, 1] / count) * sums.unit[:, 1]
        # |sum of directions|^2 = k + sum over ordered pairs of different samples of their cosine
        pairs, of_pairs = np.square(direction) - samples, samples * (samples - 1)
        columns = {
            "pre_mean": means[:, 0],
            "pre_std": stds[:, 0],
            "mean": means[:, 1],
            "std": stds[:, 1],
            "rms": np.where(np.isfinite(largest), rms, largest),
            "abs_max": largest,
            "zero_fraction": zeros / count,
            "saturated_fraction": saturated / count,
            "finite_fraction": finite,
            "cosine": np.where(of_pairs > 0, pairs / of_pairs.clip(1), np.nan).clip(-1, 1),
        }
    return np.stack([columns[name] for name in FORWARD], axis=-1)


def backward(layers: Sequence[Backward], batch: int, fan_in: int, fan_out: int) -> Array:
    """Columns BACKWARD of layers of one shape, shape (L, R, columns); nan without biases."""
    with np.errstate(invalid="ignore", over="ignore"):
        gradient = std(_stacked([layer.gradient for layer in layers]), batch * fan_out)
        biases = [layer.biases for layer in layers if layer.biases is not None]
        columns = {
            "grad_std": gradient,
            "weight_grad_std": std(_stacked([y.weights for y in layers]), fan_in * fan_out),
            "bias_grad_std": (
                std(_stacked(biases), fan_out) if biases else np.full_like(gradient, np.nan)
            ),
        }
    return np.stack([columns[name] for name in BACKWARD], axis=-1)


def of_runs(
    first: Run,
    forward_sums: Sequence[tuple[Rows, Forward]],
    backward_sums: Sequence[tuple[Rows, Backward]],
) -> tuple[ByRun, ByRun]:
    """Columns of every run by its number: forward from layer 0 on, and backward likewise.

    Args:
        first: a run that speaks for all where they agree.
        forward_sums: rows and sums of layer 0, 1, ...
        backward_sums: rows and sums of the last layer and those before it.
    """
    fans = list(pairwise(first.shape))

    def forward_table(layers: list[Forward], shape: tuple[int, int]) -> Array:
        return forward(layers, first.batch, shape[1])

    def backward_table(layers: list[Backward], shape: tuple[int, int]) -> Array:
        return backward(layers, first.batch, *shape)

    return (
        _by_run(forward_sums, fans, forward_table),
        {n: table[::-1] for n, table in _by_run(backward_sums, fans[::-1], backward_table).items()},
    )


def _by_run(
    layers: Sequence[tuple[Rows, T]],
    fans: Sequence[tuple[int, int]],
    table: Callable[[list[T], tuple[int, int]], Array],
) -> ByRun:
    """Tables of stretches of layers that have one shape and equal rows, put together by run."""
    parts: dict[int, list[Array]] = defaultdict(list)
    pairs = zip(layers, fans, strict=False)  # the last layers are not reached where all turn nan

    def alike(pair: tuple[tuple[Rows, T], tuple[int, int]]) -> tuple[Rows, tuple[int, int], bool]:
        (rows, sums), shape = pair
        return rows, shape, isinstance(sums, Backward) and sums.biases is None

    for (rows, shape, _), group in groupby(pairs, key=alike):
        table_LRC = table([sums for (_, sums), _ in group], shape)
        for number, own_LC in zip(rows.numbers, np.moveaxis(table_LRC, 1, 0), strict=True):
            parts[number].append(own_LC)
    return {number: np.concatenate(tables) for number, tables in parts.items()}
