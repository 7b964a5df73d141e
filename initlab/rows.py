"""Outcomes as lines of CSV: runs.csv and layers.csv. Writes nothing."""

import math
from collections.abc import Iterator, Sequence

from initlab.catalog.columns import columns
from initlab.cells import csv_line
from initlab.plan import Plan
from initlab.verdicts import STD, Outcome, result_cells


def run_lines(plan: Plan, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """runs.csv, line by line: a row for every run, failed ones too."""
    results = columns("runs", "result", "predicted")
    yield csv_line(["run", *plan.fields, "seed", *results])
    for index, (run, outcome) in enumerate(zip(plan.runs, outcomes, strict=True)):
        cells = result_cells(outcome, plan.spec.head.thresholds)
        yield csv_line(
            [index, *plan.cells[index].values(), run.seed, *(cells[name] for name in results)]
        )


def layer_lines(plan: Plan, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """layers.csv, line by line: a row for every layer that was reached."""
    forward, backward = columns("layers", "forward"), columns("layers", "backward")
    key, predicted = columns("layers", "key"), columns("layers", "predicted")
    yield csv_line(["run", "seed", *plan.axes, *key, *forward, *backward, *predicted])
    unmeasured, unknown = "," * (len(backward) - 1), "," * (len(predicted) - 1)
    for index, (run, outcome) in enumerate(zip(plan.runs, outcomes, strict=True)):
        m = outcome.measurement
        if m is None:
            continue
        prefix = csv_line([index, run.seed, *(plan.cells[index][axis] for axis in plan.axes)])[:-1]
        gradients = [unmeasured] * len(m.forward)
        if m.backward is not None:
            gradients = [_numbers(row, biased=run.bias is not None) for row in m.backward.tolist()]
        expected = [unknown] * len(m.forward)
        if outcome.forecast is not None:
            table = outcome.forecast.layers(m.forward[:, STD])
            expected = expected if table is None else [_expected(row) for row in table.tolist()]
        for layer, (row, *others) in enumerate(
            zip(m.forward.tolist(), gradients, expected, strict=True)
        ):
            fans = f"{run.shape[layer]},{run.shape[layer + 1]}"
            yield f"{prefix},{layer},{fans},{_numbers(row)},{','.join(others)}\n"


def _expected(row: Sequence[float]) -> str:
    # nan says that there is no prediction; none of ours is one
    return ",".join("" if math.isnan(number) else repr(number) for number in row)


def _numbers(row: Sequence[float], *, biased: bool = True) -> str:
    # repr is the shortest text that reads back as the same float; it writes nan and inf as such
    text = map(repr, row if biased else row[:-1])
    return ",".join(text) if biased else ",".join(text) + ","
