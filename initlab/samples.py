"""Reads a table of samples from a .csv or .npy file. Numpy only."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=4)
def read_samples(path: str) -> NDArray[np.float64]:
    """Rows of a .npy or .csv file, shape (samples, features).

    Raises:
        OSError: the file cannot be read.
        ValueError: it does not hold a table of finite numbers.
    """
    if Path(path).suffix == ".npy":
        rows = np.load(path, allow_pickle=False)
    else:
        rows = np.loadtxt(path, delimiter=",", ndmin=2)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"needs a table of samples x features, has shape {rows.shape}")
    table: NDArray[np.float64] = np.array(rows, dtype=np.float64)
    if not np.isfinite(table).all():
        raise ValueError(f"{(~np.isfinite(table)).sum()} of {table.size} values are not finite")
    return table


def shape_of(path: str) -> tuple[int, int]:
    """(samples, features) of a file. Raises as `read_samples` does."""
    samples, features = read_samples(path).shape
    return samples, features
