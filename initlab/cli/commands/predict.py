"""`initlab predict`: what theory says of the networks of a spec; none is built."""

from typing import TYPE_CHECKING

from initlab.cli import output
from initlab.cli.arguments import MaxRuns, Set, Specs
from initlab.cli.specs import read_plans

if TYPE_CHECKING:
    from initlab.spec.plan import Plan

FEW = 6  # points whose reasons are worth lines of their own on a narrow terminal
SPARE = ("xi_c", "q", "chi_1")
SHOWN = ("q", "chi_1", "xi_c", "forward_verdict", "backward_verdict", "why")


def predict(
    specs: Specs,
    set_: Set = None,
    max_runs: MaxRuns = 10_000,
    format_: output.FormatOption = None,
) -> None:
    """What theory says of a spec's networks, and why: verdicts before the run. None is built.

    A row for every point of the spec; seeds share it. q is the fixed point of the pre-activations'
    variance, chi_1 the growth of the gradient's, xi the layers over which signals reach.
    predicted_grad_std is the gradient's std at layer 0 relative to the last layer's, empty where
    theory does not know how it starts; `describe predicted_grad_std` says when.

    Examples:
    initlab predict configs/xavier_tanh.yaml

    initlab predict spec.yaml --set 'init.gain=[1, 1.3, 1.7]' --format csv

    cat spec.yaml | initlab predict - --format jsonl | jq -r .why
    """
    from initlab.report.predictions import COLUMNS, prediction_rows

    plans = read_plans(specs, set_ or (), max_runs)
    axes = list(dict.fromkeys(axis for plan in plans for axis in _axes(plan)))
    nested = [axis for axis in reversed(axes) if "." in axis]
    several = ["spec"] if len(plans) > 1 else []
    header = (*several, "run", *axes, "runs", *COLUMNS)
    rows = [
        tuple(row.get(name) for name in header) for plan in plans for row in prediction_rows(plan)
    ]
    spare = (*(["why"] if len(rows) > FEW else []), *SPARE, *nested)
    output.records(header, rows, format_, shown=(*several, *axes, *SHOWN), spare=spare)


def _axes(plan: "Plan") -> list[str]:
    """Columns in which the points differ; at least the activation and the initialiser."""
    return list(dict.fromkeys(["activation", "init", *plan.axes]))
