"""`initlab show`: the tables of earlier results."""

from typing import Annotated

import typer

from initlab.cli import output, pictures

Layers = Annotated[bool, typer.Option("--layers", help="Print a row for every layer, not run.")]


def show(
    folders: output.Folders,
    format_: output.FormatOption = None,
    layers: Layers = False,
    plot: pictures.Plot = False,
) -> None:
    """Print the results of an earlier sweep, as sweep itself does.

    Examples:
    initlab show results/xavier_tanh

    initlab show results/xavier_tanh --layers | mlr --icsv --opprint head -n 5 -g run

    initlab show results/xavier_tanh --plot

    initlab show results/*/ --format md >> notes.md
    """
    from initlab.store.folder import open_published

    pictures.check_below(format_, plot)
    opened = [open_published(folder) for folder in folders]
    named = [(folder.path.resolve().name, folder.about(), folder.path) for folder in opened]
    output.results(named, format_, layers=layers)
    pictures.show_below(folders, plot)
