"""Outcomes as lines of CSV: runs.csv and layers.csv. Writes nothing."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from initlab.catalog.columns import columns
from initlab.formatting import csv_line
from initlab.spec.plan import Plan
from initlab.store.files import LAYERS_CSV, RUNS_CSV
from initlab.store.outcome import RESULTS, STD, Outcome, result_cells
from initlab.theory.expectation import Expectation
from initlab.theory.quadrature import Array

KEY, FORWARD = columns("layers", "key"), columns("layers", "forward")
BACKWARD, PREDICTED = columns("layers", "backward"), columns("layers", "predicted")
UNMEASURED, UNKNOWN = "," * (len(BACKWARD) - 1), "," * (len(PREDICTED) - 1)


def lines(plan: Plan, outcomes: Iterable[Outcome]) -> Iterator[tuple[str, str]]:
    """Both files from their headers on, as (file, some whole lines of it); one run at a time.

    runs.csv has a line for every run, failed ones too; layers.csv one for every layer reached.
    """
    yield RUNS_CSV, csv_line(["run", *plan.fields, "seed", *RESULTS])
    yield LAYERS_CSV, csv_line(["run", "seed", *plan.axes, *KEY, *FORWARD, *BACKWARD, *PREDICTED])
    expected = _PredictedText()
    for index, outcome in enumerate(outcomes):
        yield RUNS_CSV, _run_line(plan, index, outcome)
        yield LAYERS_CSV, "".join(_layer_lines(plan, index, outcome, expected))


class _PredictedText:
    """What is expected of layers, as text. Runs that differ in their seeds share all but surprise,
    and follow each other.
    """

    def __init__(self) -> None:
        self.expectation: Expectation | None = None
        self.shared: list[str] = []

    def texts(self, outcome: Outcome, std: Array) -> Iterable[str]:
        """The predicted columns of every layer that was reached."""
        table = None if outcome.expectation is None else outcome.expectation.layers(std)
        if table is None:
            return [UNKNOWN] * len(std)
        if outcome.expectation is not self.expectation or len(self.shared) < len(std):
            self.expectation = outcome.expectation
            self.shared = [_known(row) for row in table[:, :-1].tolist()]
        surprises = table[:, -1].tolist()
        return (f"{text},{_known([s])}" for text, s in zip(self.shared, surprises, strict=False))


def _run_line(plan: Plan, index: int, outcome: Outcome) -> str:
    fields, seed = plan.cells[index].values(), plan.runs[index].seed
    results = result_cells(outcome, plan.head.thresholds)
    cells = [plan.numbers[index], *fields, seed, *(results[name] for name in RESULTS)]
    return csv_line(cells)


def _layer_lines(
    plan: Plan, index: int, outcome: Outcome, expected: _PredictedText
) -> Iterator[str]:
    m, run = outcome.measurement, plan.runs[index]
    if m is None:
        return
    axes: list[Any] = [plan.cells[index][axis] for axis in plan.axes]
    prefix = csv_line([plan.numbers[index], run.seed, *axes])[:-1]
    gradients = [UNMEASURED] * len(m.forward)
    if m.backward is not None:
        gradients = [_numbers(row, biased=run.bias is not None) for row in m.backward.tolist()]
    texts = expected.texts(outcome, m.forward[:, STD])
    for layer, (row, *others) in enumerate(zip(m.forward.tolist(), gradients, texts, strict=True)):
        fans = f"{run.shape[layer]},{run.shape[layer + 1]}"
        yield f"{prefix},{layer},{fans},{_numbers(row)},{','.join(others)}\n"


def _known(row: Sequence[float]) -> str:
    # nan says that there is no prediction; none of ours is one
    return ",".join("" if math.isnan(number) else repr(number) for number in row)


def _numbers(row: Sequence[float], *, biased: bool = True) -> str:
    # repr is the shortest text that reads back as the same float; it writes nan and inf as such
    text = map(repr, row if biased else row[:-1])
    return ",".join(text) if biased else ",".join(text) + ","
