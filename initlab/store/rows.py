"""Outcomes as lines of CSV: runs.csv and layers.csv. Writes nothing."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from initlab.catalog.columns import columns
from initlab.formatting import csv_line
from initlab.spec.plan import Plan
from initlab.store.asked import Asked
from initlab.store.files import LAYERS_CSV, RUNS_CSV
from initlab.store.floats import row_texts
from initlab.store.outcome import RESULTS, STD, Outcome, result_cells
from initlab.theory.expectation import Expectation
from initlab.theory.quadrature import Array

KEY, FORWARD = columns("layers", "key"), columns("layers", "forward")
BACKWARD, PREDICTED = columns("layers", "backward"), columns("layers", "predicted")
UNMEASURED, UNKNOWN = "," * len(BACKWARD), "," * (len(PREDICTED) - 1)


def lines(plan: Plan, outcomes: Iterable[Outcome]) -> Iterator[tuple[str, str]]:
    """Both files from their headers on, as (file, some whole lines of it); one run at a time.

    runs.csv has a line for every run, failed ones too; layers.csv one for every layer reached.
    """
    asked, usual = Asked(plan), [*KEY, *FORWARD, *BACKWARD, *PREDICTED]
    yield RUNS_CSV, csv_line(["run", *plan.fields, "seed", *RESULTS, *asked.runs])
    yield LAYERS_CSV, csv_line(["run", "seed", *plan.axes, *usual, *asked.layers])
    expected = _PredictedText()
    for index, outcome in enumerate(outcomes):
        yield RUNS_CSV, _run_line(plan, index, outcome, asked)
        yield LAYERS_CSV, _layer_lines(plan, index, outcome, expected, asked)


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
            self.shared = row_texts(table[:, :-1], nan="")  # there is no prediction
        if np.isnan(table[:, -1]).all():
            return (f"{text}," for text in self.shared[: len(std)])
        surprises = row_texts(table[:, -1:], nan="")
        return map(",".join, zip(self.shared, surprises, strict=False))


def _run_line(plan: Plan, index: int, outcome: Outcome, asked: Asked) -> str:
    fields, run = plan.cells[index].values(), plan.runs[index]
    results = result_cells(outcome, plan.head.thresholds, run.stream_start)
    cells = [plan.numbers[index], *fields, run.seed, *(results[name] for name in RESULTS)]
    return csv_line([*cells, *asked.run_cells(run, outcome)])


def _layer_lines(
    plan: Plan, index: int, outcome: Outcome, expected: _PredictedText, asked: Asked
) -> str:
    """The lines of every layer that was reached."""
    m, run = outcome.measurement, plan.runs[index]
    if m is None:
        return ""
    axes: list[Any] = [plan.cells[index][axis] for axis in plan.axes]
    prefix = csv_line([plan.numbers[index], run.seed, *axes])[:-1]
    numbers, empty = m.forward, UNMEASURED
    if m.backward is not None:
        biased = [layer.bias is not None for layer in run.layers]
        # without biases, their gradient, which is the last column, is not measured
        numbers = np.hstack([m.forward, m.backward if any(biased) else m.backward[:, :-1]])
        empty = "" if any(biased) else ","
    keys, texts = _keys(run.shape)[: len(numbers)], row_texts(numbers)
    if m.backward is not None and len(set(biased)) > 1:
        texts = [
            t if has else t.rpartition(",")[0] + "," for t, has in zip(texts, biased, strict=True)
        ]
    theory, more = expected.texts(outcome, m.forward[:, STD]), asked.layer_texts(run, outcome)
    parts = zip(keys, texts, theory, more, strict=True)
    return "".join([f"{prefix},{key},{text}{empty},{t}{end}\n" for key, text, t, end in parts])


@lru_cache(64)
def _keys(shape: tuple[int, ...]) -> list[str]:
    """Number, inputs and outputs of every layer."""
    return [f"{layer},{fans[0]},{fans[1]}" for layer, fans in enumerate(pairwise(shape))]
