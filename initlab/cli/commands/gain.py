"""`initlab gain`: the four gains of an activation."""

from typing import Annotated

import typer

from initlab.catalog import ACTIVATIONS
from initlab.cli import output
from initlab.cli.arguments import Param, activations
from initlab.cli.completion import activation_names

HEADER = ("activation", "table", "second_moment", "variance", "critical")
MEANING = (
    "table: torch's calculate_gain, a convention; empty where torch has none",
    "second_moment: 1/sqrt(E phi(z)^2), keeps pre-activations at variance 1 (He); gain: auto",
    "variance: 1/sqrt(Var phi(z)), keeps activations at variance 1, if inputs have mean 0",
    "critical: the sigma_w that neither grows nor shrinks gradients, without bias; empty where"
    " there is none that signals stay on (initlab critical has biases)",
)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        help="Activations: tanh, gelu. All without a name.",
        autocompletion=activation_names,
        show_default=False,
    ),
]


def gain(names: Names = None, param: Param = None, format_: output.FormatOption = None) -> None:
    """The four gains of an activation, which answer four different questions.

    A gain multiplies the std of the weights: Var W = gain^2 / fan_in.

    Examples:
    initlab gain tanh gelu silu

    initlab gain leaky_relu --param negative_slope=0.2

    initlab gain tanh --format json | jq '.[0].critical'
    """
    from initlab.theory.gain_table import four_gains

    chosen = activations(names or list(ACTIVATIONS), param or ())
    rows = [(choice.name, *four_gains(choice)) for choice in chosen]
    output.records(HEADER, rows, format_)
    if output.chosen(format_) is output.Format.table:
        output.note("\n".join(MEANING))
