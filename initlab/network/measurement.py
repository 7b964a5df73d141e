"""What is measured of one run. Torch-free."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from initlab.catalog.columns import COLUMNS, MORE, OF_BACKWARD, columns

FORWARD, BACKWARD = columns("layers", "forward"), columns("layers", "backward")


@dataclass
class Measurement:
    """What was measured of every layer, and of the whole run.

    `forward` has a row for every layer reached, columns FORWARD; `backward` one for every layer,
    columns BACKWARD, or is None when there was no backward pass. `more` has a row for every layer
    reached, columns MORE, nan in those that were not measured; None where the run records no more.
    """

    forward: NDArray[np.float64]
    backward: NDArray[np.float64] | None = None
    nan_onset: int | None = None
    loss_value: float | None = None
    reason: str = ""
    more: NDArray[np.float64] | None = None


def recorded(extras: Collection[str], m: Measurement) -> list[str]:
    """Columns MORE that were measured: of the groups that a run records, if it came so far."""
    groups = {group for group in extras if group not in OF_BACKWARD or m.backward is not None}
    return [name for name in MORE if m.more is not None and COLUMNS[name].group in groups]
