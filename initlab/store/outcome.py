"""What became of a run, and its result columns in runs.csv."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from initlab.catalog.columns import columns
from initlab.spec.thresholds import Thresholds, verdict

if TYPE_CHECKING:
    from initlab.network.measurement import Measurement
    from initlab.theory.expectation import Expectation

STD = columns("layers", "forward").index("std")
RESULTS = columns("runs", "result", "predicted")
GRAD_STD = columns("layers", "backward").index("grad_std")


@dataclass(frozen=True)
class Outcome:
    """What became of one run: measured, failed with a reason, or not reached before Ctrl-C.

    `expectation` is what theory expected of it, whatever became of it.
    """

    status: str  # ok, failed or interrupted
    measurement: "Measurement | None" = None
    reason: str = ""
    seconds: float | None = None
    expectation: "Expectation | None" = None

    @property
    def std(self) -> NDArray[np.float64] | None:
        """The std of every layer that was reached."""
        return None if self.measurement is None else self.measurement.forward[:, STD]


def result_cells(outcome: Outcome, thresholds: Thresholds) -> dict[str, Any]:
    """Result and predicted columns of runs.csv; None where nothing was measured or predicted."""
    cells: dict[str, Any] = dict.fromkeys(RESULTS)
    cells |= {"status": outcome.status, "reason": outcome.reason, "seconds": outcome.seconds}
    if outcome.expectation is not None:
        cells |= outcome.expectation.cells(outcome.std)
    m = outcome.measurement
    if m is None:
        return cells
    first, last = float(m.forward[0, STD]), float(m.forward[-1, STD])
    cells |= {
        "reason": m.reason or outcome.reason,
        "nan_onset": m.nan_onset,
        "forward_verdict": "nan" if m.nan_onset is not None else verdict(first, last, thresholds),
        "std_first": first,
        "std_last": last,
        "loss_value": m.loss_value,
    }
    if m.backward is not None:
        # the gradient starts at the last layer and ends at layer 0
        end, start = float(m.backward[0, GRAD_STD]), float(m.backward[-1, GRAD_STD])
        cells |= {
            "backward_verdict": verdict(start, end, thresholds),
            "grad_std_first": end,
            "grad_std_last": start,
        }
    return cells
