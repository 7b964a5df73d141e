"""`initlab predict`: what theory says of the networks of a spec; none is built."""

import math
from typing import TYPE_CHECKING

from initlab.cli import output
from initlab.cli.gain import FormatOption
from initlab.cli.sweep import MaxRuns, Set, Specs

if TYPE_CHECKING:
    from initlab.plan import Plan

NUMBERS = (
    "q", "chi_1", "xi_q", "xi_c", "converged", "predicted_std_first", "predicted_std",
    "predicted_grad_std", "predicted_nan_onset", "zero_onset", "grad_overflow", "grad_underflow",
    "forward_verdict", "backward_verdict", "why",
)  # fmt: skip
SHOWN = ("q", "chi_1", "xi_c", "forward_verdict", "backward_verdict", "why")


def predict(
    specs: Specs,
    set_: Set = None,
    max_runs: MaxRuns = 10_000,
    format_: FormatOption = None,
) -> None:
    """What theory says of a spec's networks, and why: verdicts before the run. None is built.

    A row for every point of the spec; seeds share it. q is the fixed point of the pre-activations'
    variance, chi_1 the growth of the gradient's, xi the layers over which signals reach.
    predicted_grad_std is the gradient's std at layer 0 relative to the last layer's; empty for
    losses whose first gradient theory does not know (all but mse, cross_entropy, nll).

    Examples:
    initlab predict configs/xavier_tanh.yaml

    initlab predict spec.yaml --set 'init.gain=[1, 1.3, 1.7]' --format csv

    cat spec.yaml | initlab predict - --format jsonl | jq -r .why
    """
    from initlab.expand import make
    from initlab.reader import read

    plans = [make(read(source, set_ or ()), max_runs=max_runs) for source in specs]
    axes = list(dict.fromkeys(axis for plan in plans for axis in _axes(plan)))
    several = ["spec"] if len(plans) > 1 else []
    header = (*several, "run", *axes, "runs", *NUMBERS)
    rows = [tuple(row.get(name) for name in header) for plan in plans for row in _rows(plan)]
    output.records(header, rows, format_, shown=(*several, *axes, *SHOWN))


def _axes(plan: "Plan") -> list[str]:
    """Columns in which the points differ; at least the activation and the initialiser."""
    return list(dict.fromkeys(["activation", "init", *plan.axes]))


def _rows(plan: "Plan") -> list[dict[str, object]]:
    """A row for every point of the plan, by column."""
    from initlab.outlook import outlook
    from initlab.theory.prediction import predict, seedless

    points: dict[object, list[int]] = {}
    for index, run in enumerate(plan.runs):
        points.setdefault(seedless(run), []).append(index)
    firsts = [at[0] for at in points.values()]
    predictions = predict([plan.runs[i] for i in firsts], cosines=False)
    rows: list[dict[str, object]] = []
    for (first, *others), prediction in zip(points.values(), predictions, strict=True):
        row: dict[str, object] = {"spec": plan.spec.head.name, "run": first}
        row |= {**plan.cells[first], "runs": 1 + len(others)}
        if prediction.fixed is not None:
            f = prediction.fixed
            numbers = {"q": f.q, "chi_1": f.chi_1, "xi_q": f.xi_q, "xi_c": f.xi_c}
            row |= {name: _known(float(value[0])) for name, value in numbers.items()}
            row["converged"] = bool(f.converged[0])
        if prediction.layers is not None:
            row["predicted_std_first"] = _known(float(prediction.layers.std[0]))
            row["predicted_std"] = _known(float(prediction.layers.std[-1]))
            if prediction.sure_start:
                row["predicted_grad_std"] = _known(float(prediction.layers.grad_std[0]))
        limits = prediction.limits
        row |= {
            "predicted_nan_onset": limits.nan_onset,
            "zero_onset": limits.zero_onset,
            "grad_overflow": limits.grad_overflow,
            "grad_underflow": limits.grad_underflow,
        }
        seen = outlook(plan.runs[first], prediction, plan.spec.head.thresholds)
        row |= {
            "forward_verdict": seen.forward,
            "backward_verdict": seen.backward,
            "why": seen.why,
        }
        rows.append(row)
    return rows


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
