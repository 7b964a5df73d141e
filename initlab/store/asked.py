"""Columns that only some specs ask for: they come last, where at least one run has them.

In layers.csv these are the groups that a run's `record` names, then theory's columns of the group
"extra", which go with the gradients; in runs.csv the latter alone. A run that has none of a group
leaves its cells empty.
"""

from typing import Any

import numpy as np

from initlab.catalog.columns import EXTRA_WITH, MORE, RECORDED, Group, columns
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
        self._groups: list[Group] = [group for group in RECORDED if group in extras]
        measured = columns("layers", *self._groups) if self._groups else []
        self._predicted = columns("layers", "extra") if EXTRA_WITH in extras else []
        self.runs = columns("runs", "extra") if EXTRA_WITH in extras else []
        self.layers = [*measured, *self._predicted]

    def layer_texts(self, run: Run, outcome: Outcome) -> list[str]:
        """What stands at the end of the line of every layer that was reached, with its comma."""
        reached = 0 if outcome.measurement is None else len(outcome.measurement.forward)
        if not self.layers:
            return [""] * reached
        parts = [self._measured(run, outcome, group, reached) for group in self._groups]
        parts += [_predicted(run, outcome, name, reached) for name in self._predicted]
        return ["," + ",".join(cells) for cells in zip(*parts, strict=True)]

    def run_cells(self, run: Run, outcome: Outcome) -> list[Any]:
        """What stands at the end of a run's line, None where there is nothing."""
        if EXTRA_WITH not in run.extras or outcome.expectation is None:
            return [None] * len(self.runs)
        return [outcome.expectation.extra_run.get(name) for name in self.runs]

    def _measured(self, run: Run, outcome: Outcome, group: Group, reached: int) -> list[str]:
        m, names = outcome.measurement, columns("layers", group)
        if m is None or m.more is None or names[0] not in recorded(run.extras, m):
            return ["," * (len(names) - 1)] * reached
        return row_texts(m.more[:, [MORE.index(name) for name in names]])


def _predicted(run: Run, outcome: Outcome, name: str, reached: int) -> list[str]:
    """A column of the group "extra" as theory left it with the run's expectation."""
    expected = None if outcome.expectation is None else outcome.expectation.extra_layers.get(name)
    if expected is None or EXTRA_WITH not in run.extras:
        return [""] * reached
    return row_texts(np.asarray(expected)[:reached, None], nan="")  # theory is silent
