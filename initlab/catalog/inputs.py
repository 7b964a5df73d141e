"""What a network is fed. To add an input, add its record, and its draw in `network/inputs.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from initlab.catalog.table import Parameter, Record, Table, load

if TYPE_CHECKING:
    from torch import Generator, Tensor

Parameters = Mapping[str, Any]
#: E x^2, and the pairs of samples: (cosine E x x' / E x^2, share of the pairs)
InputMoments = tuple[float, tuple[tuple[float, float], ...]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Input(Record):
    """A batch of samples, shape (batch, fan_in of the first layer).

    `draw` names a function of (x, parameters, generator) that fills x, of shape (..., batch,
    features), with samples of any number of networks; it is called through `fill`. Where a
    parameter is a file's path, the parameters also hold `samples`: what was read there.
    `check(parameters, batch)` returns what is wrong with values that are each in range.
    `moments(parameters, batch)` is E x^2 of a feature, and what two different samples are to each
    other: cosines E x x' / E x^2, each with its share of the pairs. Without it theory is silent.
    `mean(parameters, batch)` is E x, which sums and norms see.
    """

    draw: str
    check: Callable[[Parameters, int], str | None] = lambda *_: None
    moments: Callable[[Parameters, int], InputMoments] | None = None
    mean: Callable[[Parameters, int], float] = lambda *_: 0.0

    def fill(self, x: "Tensor", parameters: Parameters, generator: "Generator") -> "Tensor":
        """Fill x, shape (..., batch, features), with samples of every network, and return it."""
        load(self.draw)(x, parameters, generator)
        return x


def _ordered(p: Parameters, _: int) -> str | None:
    return None if p["low"] < p["high"] else f"needs low < high, got {p['low']} and {p['high']}"


def _paired(_: Parameters, batch: int) -> str | None:
    return f"comes in pairs; batch: {batch} is odd" if batch % 2 else None


def _independent(mean: float, second: float) -> InputMoments:
    """Features of one mean: all pairs have the cosine mean^2 / E x^2."""
    return second, ((mean * mean / second if second else 0.0, 1.0),)


def _normal(p: Parameters, _: int) -> InputMoments:
    return _independent(p["mean"], p["mean"] ** 2 + p["std"] ** 2)


def _uniform(p: Parameters, _: int) -> InputMoments:
    low, high = p["low"], p["high"]
    return _independent((low + high) / 2, (low * low + low * high + high * high) / 3)


def _mean_of_uniform(p: Parameters, _: int) -> float:
    return float(p["low"] + p["high"]) / 2


def _pairs(p: Parameters, batch: int) -> InputMoments:
    partners = 1 / (batch - 1)
    return 1.0, ((p["correlation"], partners), (0.0, 1 - partners))


def _of_file(p: Parameters, batch: int) -> InputMoments:
    known: InputMoments = load("initlab.theory.inputs:moments_of_file")(p, batch)
    return known


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
        draw="initlab.network.inputs:normal",
        moments=_normal,
        mean=lambda p, _: float(p["mean"]),
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
        draw="initlab.network.inputs:uniform",
        about="independent uniform features, as pixels scaled to 0..1",
        check=_ordered,
        moments=_uniform,
        mean=_mean_of_uniform,
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
        draw="initlab.network.inputs:correlated",
        check=_paired,
        moments=_pairs,
        about="pairs of samples: does the network tell them apart, or make them equal?",
        source="Poole et al. 2016, sec. 3",
    ),
    Input(
        name="file",
        parameters=(
            Parameter("path", "a .csv or .npy file, one sample a row", kind="text"),
            Parameter(
                "target",
                "a file of targets, a row for each of these; short for target:",
                "",
                "text",
                later=True,
            ),
        ),
        formula="x = rows of the file",
        draw="initlab.network.inputs:from_file",
        moments=_of_file,
        mean=lambda p, batch: float(p["samples"].rows[:batch].mean()),
        about="your own data; a relative path is read from the spec's folder",
        source="numpy.load, numpy.loadtxt",
    ),
)
