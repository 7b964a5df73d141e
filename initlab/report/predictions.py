"""A plan before it is run: what theory says of each of its points, as rows."""

from typing import Any

from initlab.formatting import none_if_nan
from initlab.spec.plan import Plan
from initlab.spec.run import Run
from initlab.theory.diagnosis import diagnose
from initlab.theory.predicted import Prediction
from initlab.theory.prediction import predict

#: columns beside a point's fields, in their order
COLUMNS = (
    "q", "chi_1", "xi_q", "xi_c", "converged", "predicted_std_first", "predicted_std",
    "predicted_grad_std", "predicted_nan_onset", "zero_onset", "grad_overflow", "grad_underflow",
    "forward_verdict", "backward_verdict", "why",
)  # fmt: skip


def prediction_rows(plan: Plan) -> list[dict[str, Any]]:
    """A row for every point of a plan; `runs` says how many seeds share it, `run` names the first.

    Rows have the fields of the spec and COLUMNS; None, or no entry, where theory is silent.
    """
    points: dict[object, list[int]] = {}
    for index, run in enumerate(plan.runs):
        points.setdefault(run.point, []).append(index)
    predictions = predict([plan.runs[at[0]] for at in points.values()], cosines=False)
    rows = []
    for (first, *others), prediction in zip(points.values(), predictions, strict=True):
        seen = diagnose(plan.runs[first], prediction, plan.head.thresholds)
        rows.append(
            {
                "spec": plan.head.name,
                "run": first,
                **plan.cells[first],
                "runs": 1 + len(others),
                **_numbers(run, prediction),
                "forward_verdict": seen.forward,
                "backward_verdict": seen.backward,
                "why": seen.why,
            }
        )
    return rows


def _numbers(run: Run, prediction: Prediction) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if (fixed := prediction.fixed) is not None:
        for name in ("q", "chi_1", "xi_q", "xi_c"):
            row[name] = none_if_nan(float(getattr(fixed, name)[0]))
        row["converged"] = bool(fixed.converged[0])
    if (layers := prediction.layers) is not None:
        row["predicted_std_first"] = none_if_nan(float(layers.std[run.stream_start]))
        row["predicted_std"] = none_if_nan(float(layers.std[-1]))
        if prediction.gradient_known:
            row["predicted_grad_std"] = none_if_nan(float(layers.grad_std[run.stream_start]))
    limits = prediction.limits
    return row | {
        "predicted_nan_onset": limits.nan_onset,
        "zero_onset": limits.zero_onset,
        "grad_overflow": limits.grad_overflow,
        "grad_underflow": limits.grad_underflow,
    }
