"""What a network is fed. To add a random input, add a record and its draw in `network/heads.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from initlab.catalog.table import Parameter, Record, Table

Parameters = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Input(Record):
    """A batch of samples, shape (batch, fan_in of the first layer).

    `check(parameters, batch)` returns what is wrong with values that are each in range.
    """

    check: Callable[[Parameters, int], str | None] = lambda *_: None


def _ordered(p: Parameters, _: int) -> str | None:
    return None if p["low"] < p["high"] else f"needs low < high, got {p['low']} and {p['high']}"


def _paired(_: Parameters, batch: int) -> str | None:
    return f"comes in pairs; batch: {batch} is odd" if batch % 2 else None


INPUTS = Table(
    "input",
    "inputs",
    Input(
        name="normal",
        parameters=(
            Parameter("mean", "mean of every feature", 0.0),
            Parameter("std", "standard deviation of every feature", 1.0, minimum=0),
        ),
        formula="x ~ N(mean, std^2)",
        about="independent normal features",
        source="Glorot & Bengio 2010",
        aliases=("gaussian",),
    ),
    Input(
        name="uniform",
        parameters=(
            Parameter("low", "lower bound", 0.0),
            Parameter("high", "upper bound", 1.0),
        ),
        formula="x ~ U(low, high)",
        about="independent uniform features, as pixels scaled to 0..1",
        check=_ordered,
        source="PyTorch, torch.Tensor.uniform_",
    ),
    Input(
        name="correlated",
        parameters=(
            Parameter(
                "correlation", "between the two samples of a pair", 0.5, minimum=-1, maximum=1
            ),
        ),
        formula="x_2k ~ N(0, 1), x_2k+1 = c x_2k + sqrt(1 - c^2) e, e ~ N(0, 1)",
        check=_paired,
        about="pairs of samples: does the network tell them apart, or make them equal?",
        source="Poole et al. 2016, sec. 3",
    ),
    Input(
        name="file",
        parameters=(Parameter("path", "a .csv or .npy file, one sample a row", kind="text"),),
        formula="x = rows of the file",
        about="your own data; a relative path is read from the spec's folder",
        source="numpy.load, numpy.loadtxt",
    ),
)
