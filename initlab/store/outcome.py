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


def result_cells(outcome: Outcome, thresholds: Thresholds, start: int = 0) -> dict[str, Any]:
    """Result and predicted columns of runs.csv; None where nothing was measured or predicted.

    Args:
        outcome: what became of a run.
        thresholds: where a verdict begins.
        start: the layer at which its signal begins: the first whose output is on the stream.
    """
    cells: dict[str, Any] = dict.fromkeys(RESULTS)
    cells |= {"status": outcome.status, "reason": outcome.reason, "seconds": outcome.seconds}
    if outcome.expectation is not None:
        cells |= outcome.expectation.cells(outcome.std, start)
    m = outcome.measurement
    if m is None:
        return cells
    start = min(start, len(m.forward) - 1)
    first, last = float(m.forward[start, STD]), float(m.forward[-1, STD])
    cells |= {
        "reason": m.reason or outcome.reason,
        "nan_onset": m.nan_onset,
        "forward_verdict": "nan" if m.nan_onset is not None else verdict(first, last, thresholds),
        "std_first": first,
        "std_last": last,
        "loss_value": m.loss_value,
    }
    if m.backward is not None:
        # the gradient begins at the last layer and ends where the signal begins
        end, begin = float(m.backward[start, GRAD_STD]), float(m.backward[-1, GRAD_STD])
        cells |= {
            "backward_verdict": verdict(begin, end, thresholds),
            "grad_std_first": end,
            "grad_std_last": begin,
        }
    return cells
