"""Tables of samples from .csv and .npy files, each read once. Numpy only."""

import hashlib
import io
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from initlab.errors import InputError
from initlab.userfiles import read_file

MOST_BYTES = 1 << 30  # of a file of samples


@dataclass(frozen=True)
class Samples:
    """A table of samples as a file held it when it was read: what is hashed is what networks get.

    Wherever a run goes, to a thread or to a worker, its samples go with it; nobody reads the file
    again. Those of one path and one content are equal.

    Args:
        path: of the file.
        digest: SHA-256 of its bytes.
        rows: shape (samples, features).
        stamp: time, size and inode, by which an untouched file is known.
    """

    path: str
    digest: str
    rows: NDArray[np.float64] = field(compare=False, repr=False)
    stamp: tuple[int, int, int] = field(compare=False, repr=False)

    def first(self, batch: int) -> "Samples":
        """The same file with the rows that a batch takes, and no others in memory."""
        return self if len(self.rows) <= batch else replace(self, rows=self.rows[:batch].copy())

    def changed(self) -> bool:
        """Whether the file holds something else by now, or is gone."""
        try:
            if _stamp(self.path) == self.stamp:
                return False
            raw = read_file(self.path, MOST_BYTES)
        except (OSError, InputError):
            return True
        return hashlib.sha256(raw).hexdigest() != self.digest


def read_samples(path: str, *, column: bool = False) -> Samples:
    """The rows of a .npy or .csv file.

    Args:
        path: of the file.
        column: a vector is taken as a table of one column.

    Raises:
        OSError: the file cannot be read.
        InputError: it is a device, or larger than MOST_BYTES.
        ValueError: it does not hold a table of finite numbers.
    """
    stamp = _stamp(path)
    raw = read_file(path, MOST_BYTES)
    try:
        rows = _load(raw, npy=Path(path).suffix == ".npy")
    except Exception as error:  # numpy raises many kinds for what is no table
        raise ValueError(
            f"is not a table of numbers, one sample a row, without a header: {error}"
        ) from None
    if column and rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"needs a table of samples x features, has shape {rows.shape}")
    table: NDArray[np.float64] = np.array(rows, dtype=np.float64)
    if not np.isfinite(table).all():
        raise ValueError(f"{(~np.isfinite(table)).sum()} of {table.size} values are not finite")
    return Samples(path, hashlib.sha256(raw).hexdigest(), table, stamp)


def _stamp(path: str) -> tuple[int, int, int]:
    found = Path(path).stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _load(raw: bytes, *, npy: bool) -> NDArray[np.float64]:
    if not npy:
        with warnings.catch_warnings(action="ignore"):  # an empty file is told by its shape
            return np.loadtxt(io.StringIO(raw.decode("utf-8-sig")), delimiter=",", ndmin=2)
    rows = np.load(io.BytesIO(raw), allow_pickle=False)
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "iuf":
        raise ValueError("holds no real numbers")
    return rows
