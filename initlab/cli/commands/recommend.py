"""`initlab recommend`: scales that keep a deep network alive."""

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from initlab.catalog import NORMS
from initlab.catalog.dtypes import DtypeName
from initlab.cli import output
from initlab.cli.arguments import Param, activations
from initlab.cli.block_recommendation import BlocksAsked, Size, show
from initlab.cli.completion import activation_names, norm_names
from initlab.cli.recommendation import lines, why_none
from initlab.errors import ChecksFailed, InputError

if TYPE_CHECKING:
    from initlab.spec.run import Choice, Run
    from initlab.theory.recommend import Candidate

HEADER = (
    "choice", "activation", "depth", "width", "dtype", "scheme", "gain", "bias_std", "q", "chi_1",
    "std_first", "std_last", "grad_ratio", "cosine_last", "std_p10", "std_p90", "grad_ratio_p10",
    "grad_ratio_p90", "forward_verdict", "backward_verdict", "why",
)  # fmt: skip
SHOWN = (
    "choice", "scheme", "gain", "bias_std", "std_first", "std_last", "grad_ratio", "cosine_last",
    "forward_verdict", "backward_verdict",
)  # fmt: skip
MEASURED = ("measured_std_last", "measured_grad_ratio", "measured_forward", "measured_backward")
DEEPEST, WIDEST = 10_000, 1_000_000

Activation = Annotated[
    str,
    typer.Option(help="An activation: gelu.", autocompletion=activation_names, show_default=False),
]
Depth = Annotated[int, typer.Option(min=1, max=DEEPEST, help="Layers.")]
Width = Annotated[int, typer.Option(min=1, max=WIDEST, help="Neurons of every layer.")]
Dtype = Annotated[DtypeName, typer.Option(help="Of the network.")]
Verify = Annotated[
    bool, typer.Option("--verify", help="Build and measure the recommended network.")
]
Residual = Annotated[
    int | None,
    typer.Option(min=1, max=1000, help="Layers in a residual branch.", show_default=False),
]
NormName = Annotated[
    str,
    typer.Option(
        "--norm",
        help=f"A norm: {', '.join(NORMS)}.",
        autocompletion=norm_names,
        show_default=False,
    ),
]
Dropout = Annotated[
    float,
    typer.Option(
        min=0, max=0.99, help="Share of each layer's inputs that is dropped.", show_default=False
    ),
]


def recommend(
    activation: Activation,
    depth: Depth = 100,
    width: Width = 256,
    dtype: Dtype = "float32",
    verify: Verify = False,
    residual: Residual = None,
    norm: NormName = "",
    dropout: Dropout = 0.0,
    param: Param = None,
    format_: output.FormatOption = None,
) -> None:
    """Scheme, gain and bias that put a deep network on the edge of chaos, and what that buys.

    Of all points on the edge, the one whose signal, gradient and difference between samples change
    least over the network, by theory; beside it what torch's default does. Where nothing helps, it
    says why. grad_ratio is the gradient's std at layer 0 relative to the last; p10 and p90 are, of
    one sample, between which values 80 % of networks of this width lie.

    With --residual, --norm or --dropout it ranks branch scales, places of the norm and gains, by
    the worst of the same three changes; there the end of the first block stands for layer 0.

    Examples:
    initlab recommend --activation gelu --depth 100 --width 256

    initlab recommend --activation tanh --depth 1000 --verify

    initlab recommend --activation silu --dtype float16 --format json

    initlab recommend --activation relu --residual 2 --norm layer --depth 200
    """
    from initlab.theory.variances import LEAST_WIDTH

    (choice,) = activations([activation], param or ())
    if width < LEAST_WIDTH:
        raise InputError(
            f"--width {width}: networks of fewer than {LEAST_WIDTH} neurons stray too far for any"
            " one scale to keep them",
            f"--width {LEAST_WIDTH}",
        )
    size, norm = Size(depth, width, dtype), "" if norm == "none" else norm
    if residual is not None or norm or dropout:
        show(choice, size, BlocksAsked(residual, norm, dropout), verify=verify, format_=format_)
    else:
        _show_plain(choice, size, verify=verify, format_=format_)


def _show_plain(
    choice: "Choice", size: Size, *, verify: bool, format_: output.Format | None
) -> None:
    from initlab.theory.recommend import default, recommend

    depth, width, dtype = size
    found = recommend(choice, depth=depth, width=width, dtype=dtype)
    best = found[0] if found and found[0].holds else None
    usual = _row("torch default", default(choice, depth=depth, width=width, dtype=dtype))
    if best is None:
        none = dict(zip(HEADER, ("none", choice.name, depth, width, dtype), strict=False))
        words = why_none(found)
        rows = [{**none, "why": words}, usual]
    else:
        rows, words = [_row("recommended", best, best.sigma_w), usual], lines(best)
    measured = (
        dict(zip(MEASURED, measure_once(best.run), strict=True))
        if verify and best is not None
        else {}
    )
    rows[0] |= measured
    header, shown = (*HEADER, *measured), (*SHOWN, *measured)
    cells = [tuple(row.get(name) for name in header) for row in rows]
    output.records(header, cells, format_, shown=shown)
    output.note(words)
    if measured and {measured[name] for name in MEASURED[2:]} != {"steady"}:
        raise ChecksFailed(
            f"measured, {choice.name} is {measured['measured_forward']} forward and"
            f" {measured['measured_backward']} backward"
        )


def _row(what: str, c: "Candidate", gain: float | None = None) -> dict[str, Any]:
    layers, fixed = c.prediction.layers, c.prediction.fixed
    row: dict[str, Any] = {
        "choice": what,
        "activation": c.run.activation.name,
        "depth": c.run.depth,
        "width": c.run.shape[0],
        "dtype": c.run.dtype,
        "scheme": c.run.init.name,
        "gain": gain,
        "bias_std": c.sigma_b,
        "forward_verdict": c.diagnosis.forward,
        "backward_verdict": c.diagnosis.backward,
        "why": c.diagnosis.why,
    }
    if fixed is not None:
        row |= {"q": float(fixed.q[0]), "chi_1": float(fixed.chi_1[0])}
    if layers is not None:
        row |= {
            "std_first": float(layers.std[0]),
            "std_last": float(layers.std[-1]),
            "grad_ratio": float(layers.grad_std[0]),
            "cosine_last": float(layers.cosine[-1]),
        }
    if c.std is not None and c.gradient is not None:
        row |= {"std_p10": c.std[0], "std_p90": c.std[2]}
        row |= {"grad_ratio_p10": c.gradient[0], "grad_ratio_p90": c.gradient[2]}
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}


def measure_once(run: "Run") -> tuple[float, float, str, str]:
    """(std of the last layer, gradient ratio, verdicts) of the run as built. Imports torch."""
    from initlab.network.propagate import measure
    from initlab.spec.shares import Share
    from initlab.store.outcome import Outcome, result_cells
    from initlab.theory.recommend import STEADY_THRESHOLDS

    (measurement,) = measure(Share(((0, run),))).values()
    cells = result_cells(Outcome("ok", measurement), STEADY_THRESHOLDS, run.stream_start)
    first, last = cells["grad_std_first"], cells["grad_std_last"]
    ratio = first / last if last else math.nan
    return cells["std_last"], ratio, cells["forward_verdict"], cells["backward_verdict"] or "nan"
