"""Reads a table of samples from a .csv or .npy file. Numpy only."""

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_samples(path: str) -> NDArray[np.float64]:
    """Rows of a .npy or .csv file, shape (samples, features); read again only if it has changed.

    Raises:
        OSError: the file cannot be read.
        ValueError: it does not hold a table of finite numbers.
    """
    changed = Path(path).stat()
    return _read(path, changed.st_mtime_ns, changed.st_size)


@lru_cache(maxsize=4)
def _read(path: str, *_: int) -> NDArray[np.float64]:
    try:
        rows = _load(path)
    except OSError:
        raise
    except Exception as error:  # numpy raises many kinds for what is no table
        raise ValueError(
            f"is not a table of numbers, one sample a row, without a header: {error}"
        ) from None
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"needs a table of samples x features, has shape {rows.shape}")
    table: NDArray[np.float64] = np.array(rows, dtype=np.float64)
    if not np.isfinite(table).all():
        raise ValueError(f"{(~np.isfinite(table)).sum()} of {table.size} values are not finite")
    return table


def _load(path: str) -> NDArray[np.float64]:
    if Path(path).suffix != ".npy":
        with warnings.catch_warnings(action="ignore"):  # an empty file is told by its shape
            return np.loadtxt(path, delimiter=",", ndmin=2)
    rows = np.load(path, allow_pickle=False)
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "iuf":
        raise ValueError("holds no real numbers")
    return rows


def shape_of(path: str) -> tuple[int, int]:
    """(samples, features) of a file. Raises as `read_samples` does."""
    samples, features = read_samples(path).shape
    return samples, features
