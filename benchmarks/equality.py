"""The same statistics, before anything is timed: a fast answer to another question is no answer."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np

import initlab
from benchmarks.references import REFERENCES, Statistics
from benchmarks.workloads import Network, Sweep

TOLERANCE = 1e-5  # relative; all networks are float32, and so are some references' statistics
#: a chaotic network multiplies rounding from layer to layer, and any two programs round otherwise:
#: to scale the weights or the activations makes 6e-7 in 10 layers of the grid, and 2e-3 in 40
DEPTH = 10
#: share of entries that may round to 0 in one program and not in the other: GELU's left tail does
FLIPPED = 1e-3


class Unequal(SystemExit):
    """Two programs do not measure the same."""


def shallow(sweep: Sweep) -> Sweep:
    """What is compared of a sweep: every activation, scale and width, of one seed."""
    return replace(sweep, seeds=1, depth=min(sweep.depth, DEPTH))


def measured(sweep: Sweep) -> dict[Network, Statistics]:
    """What initlab says of the networks, with the random numbers of a plain script."""
    results = initlab.run_plan(sweep.plan(gradients=True, draws="script"))
    layers = dict(iter(results.layers.groupby("run")))
    return {
        network: {str(n): c.tolist() for n, c in layers[run].select_dtypes("number").items()}
        for run, network in enumerate(sweep.networks)
    }


def difference(ours: Statistics, theirs: Statistics) -> float:
    """The largest relative difference of the statistics that a reference has.

    Two nan are equal; a nan and a number, or another count of layers, are infinitely far apart. A
    mean is compared on the scale of its rms: near 0 it has no digits of its own.
    """
    largest = 0.0
    for name, column in theirs.items():
        a, b = np.array(ours[name], float), np.array(column, float)
        if a.shape != b.shape:
            return np.inf
        scale = ours["rms"] if name == "mean" else np.maximum(np.abs(a), np.abs(b))
        if name == "zero_fraction":
            scale = np.full_like(a, FLIPPED / TOLERANCE)
        with np.errstate(invalid="ignore", divide="ignore"):
            off = np.nan_to_num(np.abs(a - b) / scale, nan=np.inf)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        largest = max(largest, float(np.max(off, where=~same, initial=0)))
    return largest


def compare(what: str, ours: Mapping[Network, Statistics], theirs: Iterable[Statistics]) -> float:
    """The largest difference over networks, in the order of `ours`.

    Raises:
        Unequal: beyond TOLERANCE.
    """
    largest = 0.0
    for (network, mine), other in zip(ours.items(), theirs, strict=True):
        off = difference(mine, other)
        if not off <= TOLERANCE:
            raise Unequal(f"{what} and initlab differ by {off:.1e}: nothing is timed. {network}")
        largest = max(largest, off)
    return largest


@cache
def check(sweep: Sweep) -> dict[str, float]:
    """Hold initlab to every reference on a shallow copy; the largest differences.

    Raises:
        Unequal: beyond TOLERANCE.
    """
    ours = measured(shallow(sweep))
    return {
        name: compare(name, ours, (reference(network, True) for network in ours))
        for name, reference in REFERENCES.items()
    }
