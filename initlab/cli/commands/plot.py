"""`initlab plot`: pictures of results and of theory, on the terminal or in a file."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from initlab.cli import figures, output
from initlab.cli.completion import (
    activation_list,
    activation_names,
    fields,
    layer_columns,
    loss_list,
)
from initlab.errors import InputError

if TYPE_CHECKING:
    from initlab.report.figure import Figure

Folders = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Results folders, as sweep made them.",
        show_default=False,
        callback=output.each_once,
    ),
]
Target = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="A .png, .svg, .pdf or .html file."),
]
Y = Annotated[
    str | None,
    typer.Option(
        "--y", metavar="COLUMN", autocompletion=layer_columns,
        help="Column of layers.csv: std (default), grad_std, weight_grad_std, cosine, ...",
    ),
]  # fmt: skip
Color = Annotated[
    str | None,
    typer.Option(metavar="FIELD", autocompletion=fields, help="Its values have colours."),
]
Facet = Annotated[
    str | None,
    typer.Option(metavar="FIELD", autocompletion=fields, help="Its values have panels."),
]
Heat = Annotated[
    str | None,
    typer.Option(metavar="X,Y", help="A heat map over two fields: sigma_w,depth; with --value."),
]
Value = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="What it shows: forward_ratio, backward_ratio, std_last, chi_1, ..."
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        autocompletion=loss_list,
        help="Losses and their gradients: 'l1,huber(delta=2)'.",
    ),
]
Entropy = Annotated[bool, typer.Option("--entropy", help="The entropy of two outcomes.")]
Phase = Annotated[
    str | None,
    typer.Option(
        metavar="ACTIVATION", autocompletion=activation_names, help="Its phases: order and chaos."
    ),
]
Activation = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        autocompletion=activation_list,
        help="Activations and their slopes: 'elu(alpha=2)'.",
    ),
]
Title = Annotated[str | None, typer.Option(help="Instead of the picture's own title.")]


def plot(
    folders: Folders = None,
    output_: Target = None,
    y: Y = None,
    color: Color = None,
    facet: Facet = None,
    heat: Heat = None,
    value: Value = None,
    loss: Loss = None,
    entropy: Entropy = False,
    phase: Phase = None,
    activation: Activation = None,
    title: Title = None,
) -> None:
    """Draw results, layer by layer, or theory: on the terminal, or into a file.

    Measured lines are solid, predicted ones dashed; values that an axis cannot show are counted
    below the picture. A file's ending says its kind; an .html file works offline.

    Examples:
    initlab plot results/xavier_tanh

    initlab plot results/xavier_tanh -o std.png --y grad_std --color activation

    initlab plot results/map --heat sigma_w,depth --value backward_ratio -o map.png

    initlab plot --loss smooth_l1,l1,mse,huber -o losses.svg

    initlab plot --phase tanh -o phase.pdf
    """
    from dataclasses import replace

    from initlab.cli import pictures

    kinds: dict[str, Callable[[], Figure] | None] = {
        "FOLDER": _of_results(folders or [], y, color, facet, heat, value),
        "--loss": partial(figures.losses, loss) if loss is not None else None,
        "--entropy": figures.entropy if entropy else None,
        "--phase": partial(figures.phase, phase) if phase is not None else None,
        "--activation": partial(figures.activations, activation)
        if activation is not None
        else None,
    }
    asked = {name: build for name, build in kinds.items() if build is not None}
    _check(asked, folders, {"--y": y, "--color": color, "--facet": facet, "--heat": heat})
    pictures.check_target(output_)
    (build,) = asked.values()
    figure = build()
    pictures.tell_writers(folders or ())
    pictures.show(replace(figure, title=title) if title is not None else figure, output_)


def _of_results(
    folders: list[Path], y: str | None, color: str | None, facet: str | None,
    heat: str | None, value: str | None,
) -> "Callable[[], Figure] | None":  # fmt: skip
    """What builds a figure of results; None without folders."""
    if (heat is None) != (value is None):
        lacking, example = ("--value", "backward_ratio") if heat else ("--heat", "sigma_w,depth")
        raise InputError(f"a heat map needs {lacking}, too", f"{lacking} {example}")
    if not folders:
        return None
    if heat is not None and value is not None:
        given = [
            n for n, v in (("--y", y), ("--color", color), ("--facet", facet)) if v is not None
        ]
        if given:
            raise InputError(f"{given[0]} is of curves, and --heat draws none", "leave one out")
        return partial(figures.heat, folders, heat, value)
    return partial(figures.depth, folders, y or "std", color, facet)


def _check(asked: Mapping[str, object], folders: object, of_results: Mapping[str, object]) -> None:
    """Refuse none or several kinds of picture, and options that the one asked for has not."""
    if len(asked) != 1:
        what = " and ".join(asked) if asked else "none was given"
        raise InputError(
            f"needs one of FOLDER, --loss, --entropy, --phase and --activation; {what}"
            + (" were given" if asked else ""),
            "initlab plot results/xavier_tanh",
        )
    given = [name for name, value in of_results.items() if value is not None]
    if given and not folders:
        raise InputError(f"{given[0]} needs a results folder", "initlab plot results/xavier_tanh")
