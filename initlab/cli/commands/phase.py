"""`initlab phase`: fixed points over the plane of weight and bias scales."""

from typing import Annotated

import typer

from initlab.cli import output
from initlab.cli.arguments import MOST_POINTS, ActivationName, Param, activations, sigmas
from initlab.errors import InputError

SigmaW = Annotated[
    str,
    typer.Option("--sigma-w", metavar="FROM:TO:N", help="Weight scales; a single number will do."),
]
SigmaB = Annotated[
    str,
    typer.Option("--sigma-b", metavar="FROM:TO:N", help="Bias scales; a single number will do."),
]


def phase(
    activation: ActivationName,
    sigma_w: SigmaW = "0.5:4:36",
    sigma_b: SigmaB = "0:0.5:11",
    param: Param = None,
    format_: output.FormatOption = None,
) -> None:
    """Fixed points and depth scales over the plane (sigma_w, sigma_b), a row a point.

    Weights are N(0, sigma_w^2 / fan_in), biases N(0, sigma_b^2). The phase is ordered where
    gradients shrink (chi_1 < 1), chaotic where they grow, critical between. q may be 0 or inf.

    Examples:
    initlab phase tanh --sigma-w 0.5:4:36 --sigma-b 0:0.5:11 > phase.csv

    initlab phase tanh --sigma-w 1.5 --sigma-b 0.1

    initlab phase relu6 --format jsonl | jq -c 'select(.phase == "chaotic")'
    """
    from initlab.theory.phase_map import COLUMNS, phase_map

    (choice,) = activations([activation], param or ())
    across, up = sigmas(sigma_w, "--sigma-w", zero=False), sigmas(sigma_b, "--sigma-b")
    if len(across) * len(up) > MOST_POINTS:
        raise InputError(
            f"{len(across):,} x {len(up):,} points; {MOST_POINTS:,} are the most",
            "--sigma-w 0.5:4:36 --sigma-b 0:0.5:11",
        )
    rows = list(phase_map(choice, across, up).rows())
    output.records(COLUMNS, rows, format_, shown=COLUMNS[:-2])
    lost = sum(not row[COLUMNS.index("converged")] for row in rows)
    if lost:
        output.note(f"{lost} of {len(rows)} points did not converge; their cells are empty")
