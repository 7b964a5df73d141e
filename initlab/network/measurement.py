"""What is measured of one run. Torch-free."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class Measurement:
    """Columns "forward" and "backward" of layers.csv, and what holds for the whole run.

    `forward` has a row for every layer reached; `backward` one for every layer, or is None when
    there was no backward pass.
    """

    forward: NDArray[np.float64]
    backward: NDArray[np.float64] | None = None
    nan_onset: int | None = None
    loss_value: float | None = None
    reason: str = ""
