"""What theory needs to know of a batch of inputs."""

import numpy as np

from initlab.catalog import INPUTS
from initlab.plan import Choice
from initlab.samples import read_samples

MOST_CLASSES = 32  # of pairs of samples that a file's are sorted into

#: E x^2, and the pairs of samples: (cosine, share of the pairs)
Moments = tuple[float, tuple[tuple[float, float], ...]]


def input_moments(input_: Choice, batch: int, features: int) -> Moments:
    """E x^2 of an input's features, and its pairs of samples: (cosine, share of the pairs)."""
    known = INPUTS[input_.name].moments
    if batch == 1 or known is not None:
        return known(input_.parameters, batch) if known else (_file(input_, batch, features)[0], ())
    return _file(input_, batch, features)


def _file(input_: Choice, batch: int, features: int) -> Moments:
    """Of the rows of a file; their lengths count as equal, as theory has them."""
    x = read_samples(input_.parameters["path"])[:batch]
    lengths = np.sqrt((x * x).sum(1))
    units = x / np.where(lengths > 0, lengths, 1)[:, None]
    pairs = np.sort((units @ units.T)[np.triu_indices(len(x), 1)])
    parts = np.array_split(pairs, min(MOST_CLASSES, max(len(pairs), 1)))
    classes = tuple((float(p.mean()), len(p) / len(pairs)) for p in parts if len(p))
    return float((x * x).mean()), classes
