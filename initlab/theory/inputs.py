"""What theory needs to know of samples that a file holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initlab.catalog.inputs import InputMoments

MOST_ROWS, MOST_CLASSES = 1000, 32  # rows of a file that are paired, classes of such pairs


def moments_of_file(parameters: Mapping[str, Any], batch: int) -> InputMoments:
    """E x^2 of the first rows of a file, and the cosines of their pairs, each with its share."""
    x = parameters["samples"].rows[:batch]
    return float((x * x).mean()), _pairs(x) if batch > 1 else ((0.0, 1.0),)


def _pairs(x: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Of rows, evenly taken; their lengths count as equal, as theory has them."""
    x = x[:: -(-len(x) // MOST_ROWS)]
    lengths = np.sqrt((x * x).sum(1))
    units = x / np.where(lengths > 0, lengths, 1)[:, None]
    pairs = np.sort((units @ units.T)[np.triu_indices(len(x), 1)])
    parts = np.array_split(pairs, min(MOST_CLASSES, max(len(pairs), 1)))
    return tuple((float(p.mean()), len(p) / len(pairs)) for p in parts if len(p))
