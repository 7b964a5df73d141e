"""`initlab critical`: the edge of chaos of an activation."""

from typing import Annotated

import typer

from initlab.cli import output
from initlab.cli.arguments import ActivationName, Param, activations, sigma

HEADER = (
    "activation", "sigma_b", "sigma_w", "q", "chi_1", "xi_q", "xi_c", "stable", "converged",
    "iterations",
)  # fmt: skip

SHOWN = ("activation", "sigma_b", "sigma_w", "q", "xi_q", "xi_c", "stable")

SigmaB = Annotated[
    str, typer.Option("--sigma-b", metavar="STD", help="Standard deviation of the biases.")
]


def critical(
    activation: ActivationName,
    sigma_b: SigmaB = "0",
    param: Param = None,
    format_: output.FormatOption = None,
) -> None:
    """The sigma_w on the edge of chaos, where chi_1 is 1: gradients neither grow nor shrink.

    Weights are N(0, sigma_w^2 / fan_in), biases N(0, sigma_b^2). q is the variance of the
    pre-activations there. stable says whether signals run into it; where they do not, it serves
    shallow networks only. Empty cells where there is no such point.

    Examples:
    initlab critical tanh

    initlab critical gelu --sigma-b 0.5

    initlab critical leaky_relu --param negative_slope=0.2 --format json
    """
    from initlab.theory.critical import edges_of_chaos
    from initlab.theory.curves import curves_of

    (choice,) = activations([activation], param or ())
    std = sigma(sigma_b, "--sigma-b")
    edges = edges_of_chaos(curves_of(choice), std)
    rows: list[tuple[object, ...]] = [
        (choice.name, std, *(getattr(e, name) for name in HEADER[2:])) for e in edges
    ]
    none = (choice.name, std, *[None] * 5, None, False, None)
    output.records(HEADER, rows or [none], format_, shown=SHOWN)
    if not edges:
        output.note(
            f"none: no sigma_w gives {choice.name} chi_1 = 1 at a finite fixed point with sigma_b ="
            f" {std:g}; initlab phase {choice.name} shows the plane"
        )
        return
    if not edges[0].stable:
        output.note(
            f"not stable: lengths leave q = {edges[0].q:.4g} as networks get deeper, so take this"
            f" for shallow ones only; initlab recommend --activation {choice.name} finds a point"
            " that holds"
        )
    output.note(_snippet(edges[0].sigma_w, std))


def _snippet(sigma_w: float, sigma_b: float) -> str:
    """How torch draws these weights and biases."""
    bias = f"\n  nn.init.normal_(layer.bias, std={sigma_b:.10g})" if sigma_b else ""
    zero = "" if sigma_b else "\n  nn.init.zeros_(layer.bias)"
    return (
        "in torch, for every nn.Linear:\n"
        f"  nn.init.normal_(layer.weight, std={sigma_w:.10g} / layer.in_features**0.5){bias}{zero}"
    )
