"""What a network is fed: a batch of samples, drawn or read.

A draw fills x of shape (..., B, N): a batch of B samples for every network, whose leading
dimensions it need not know. Records in `catalog/inputs.py` name them.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from initlab.catalog import INPUTS
from initlab.spec.run import Run

Parameters = Mapping[str, Any]


def draw_input(run: Run, generator: Generator) -> Tensor:
    """The batch a network is fed: shape (batch, fan_in of its first layer), in the draws' dtype.

    Raises:
        ValueError: samples of a file whose shape does not fit.
    """
    x_BN = torch.empty((run.batch, run.shape[0]), dtype=getattr(torch, run.draw_dtype))
    return INPUTS[run.input.name].fill(x_BN, run.input.arguments, generator)


def normal(x: Tensor, parameters: Parameters, generator: Generator) -> None:
    """Independent features, x ~ N(mean, std^2)."""
    x.normal_(parameters["mean"], parameters["std"], generator=generator)


def uniform(x: Tensor, parameters: Parameters, generator: Generator) -> None:
    """Independent features, x ~ U(low, high)."""
    x.uniform_(parameters["low"], parameters["high"], generator=generator)


def correlated(x: Tensor, parameters: Parameters, generator: Generator) -> None:
    """Samples in pairs of correlation c (Poole et al. 2016, sec. 3)."""
    x.normal_(generator=generator)
    c = parameters["correlation"]
    # x_2k+1 = c x_2k + sqrt(1 - c^2) e
    x[..., 1::2, :] = c * x[..., ::2, :] + (1 - c**2) ** 0.5 * x[..., 1::2, :]


def from_file(x: Tensor, parameters: Parameters, _: Generator) -> None:
    """The first B rows of a file, the same for every network.

    Raises:
        ValueError: its shape does not fit.
    """
    samples = parameters["samples"]
    rows = samples.rows[: x.shape[-2]]
    if rows.shape != x.shape[-2:]:  # a single row or column would be repeated
        raise ValueError(f"{samples.path} holds {rows.shape}, needed are {x.shape[-2:]}")
    x[:] = torch.from_numpy(rows)
