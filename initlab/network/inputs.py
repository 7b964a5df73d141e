"""What a network is fed: a batch of samples, drawn or read."""

import torch
from torch import Generator, Tensor

from initlab.spec.run import Run
from initlab.spec.samples import read_samples


def draw_input(run: Run, generator: Generator) -> Tensor:
    """The batch a network is fed: shape (batch, fan_in of its first layer), in the draws' dtype.

    Raises:
        ValueError: no such input, or a file whose shape does not fit.
    """
    shape, dtype = (run.batch, run.shape[0]), getattr(torch, run.draw_dtype)
    p = run.input.parameters
    match run.input.name:
        case "normal":
            return torch.empty(shape, dtype=dtype).normal_(p["mean"], p["std"], generator=generator)
        case "uniform":
            return torch.empty(shape, dtype=dtype).uniform_(
                p["low"], p["high"], generator=generator
            )
        case "correlated":
            return _pairs(
                torch.empty(shape, dtype=dtype).normal_(generator=generator), p["correlation"]
            )
        case "file":
            return torch.from_numpy(read_samples(p["path"]))[: run.batch].to(dtype)
    raise ValueError(f"unknown input {run.input.name!r}; known are those of catalog/inputs.py")


def _pairs(x: Tensor, correlation: float) -> Tensor:
    # x_2k+1 = c x_2k + sqrt(1 - c^2) e
    x[1::2] = correlation * x[::2] + (1 - correlation**2) ** 0.5 * x[1::2]
    return x
