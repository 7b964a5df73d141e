"""Columns that only some specs ask for: they come last, where at least one run has them.

First theory's bands of gradient and cosine, which go with the spec's `band`; in layers.csv then the
groups that a run's `record` names; last theory's columns of the group "extra", which go with the
gradients. A run that has none of a group leaves its cells empty.
"""

from typing import Any

import numpy as np

from initlab.catalog.columns import EXTRA_WITH, MORE, RECORDED, STREAMS, Group, columns
from initlab.network.measurement import recorded
from initlab.spec.plan import Plan
from initlab.spec.run import Run
from initlab.store.floats import row_texts
from initlab.store.outcome import Outcome


class Asked:
    """The columns that the runs of a plan ask for.

    `layers` and `runs` are their names, in the order of layers.csv and of runs.csv.
    """

    def __init__(self, plan: Plan) -> None:
        extras = frozenset[str]().union(*(run.extras for run in plan.runs))
        self._groups: list[Group] = [group for group in (*RECORDED, *STREAMS) if group in extras]
        measured = columns("layers", *self._groups) if self._groups else []
        self._bands = columns("layers", "gradient_band") if plan.head.band.gradient else []
        self._extra = columns("layers", "extra") if EXTRA_WITH in extras else []
        self.layers = [*self._bands, *measured, *self._extra]
        of_runs = columns("runs", "extra") if EXTRA_WITH in extras else []
        self.runs = [*self._bands, *of_runs]

    def layer_texts(self, run: Run, outcome: Outcome) -> list[str]:
        """What stands at the end of the line of every layer that was reached, with its comma."""
        reached = 0 if outcome.measurement is None else len(outcome.measurement.forward)
        if not self.layers:
            return [""] * reached
        parts = [
            *([_predicted(outcome, self._bands, reached)] if self._bands else []),
            *(_measured(run, outcome, group, reached) for group in self._groups),
            *([_predicted(outcome, self._extra, reached)] if self._extra else []),
        ]
        return ["," + ",".join(cells) for cells in zip(*parts, strict=True)]

    def run_cells(self, run: Run, outcome: Outcome) -> list[Any]:
        """What stands at the end of a run's line, None where there is nothing."""
        known = (
            {} if outcome.expectation is None else outcome.expectation.asked_run(run.stream_start)
        )
        return [known.get(name) for name in self.runs]


def _measured(run: Run, outcome: Outcome, group: Group, reached: int) -> list[str]:
    m, names = outcome.measurement, columns("layers", group)
    if m is None or m.more is None or names[0] not in recorded(run.extras, m):
        return ["," * (len(names) - 1)] * reached
    texts = row_texts(m.more[:, [MORE.index(name) for name in names]])
    if group not in STREAMS:
        return texts
    empty = "," * (len(names) - 1)
    closes = (around.closes is not None for around in run.structure.layers)
    return [text if sums else empty for text, sums in zip(texts, closes, strict=False)]


def _predicted(outcome: Outcome, names: list[str], reached: int) -> list[str]:
    known = {} if outcome.expectation is None else outcome.expectation.asked_layers
    if names[0] not in known:
        return ["," * (len(names) - 1)] * reached
    table = np.stack([known[name][:reached] for name in names], axis=1)
    return row_texts(table, nan="")  # where theory is silent
