"""`initlab show`: the tables of earlier results."""

from typing import Annotated

import typer

from initlab.cli import output

Layers = Annotated[bool, typer.Option("--layers", help="Print a row for every layer, not run.")]


def show(
    folders: output.Folders, format_: output.FormatOption = None, layers: Layers = False
) -> None:
    """Print the results of an earlier sweep, as sweep itself does.

    Examples:
    initlab show results/xavier_tanh

    initlab show results/xavier_tanh --layers | mlr --icsv --opprint head -n 5 -g run

    initlab show results/*/ --format md >> notes.md
    """
    from initlab.store.folder import open_published

    opened = [open_published(folder) for folder in folders]
    named = [(folder.path.resolve().name, folder.about(), folder.path) for folder in opened]
    output.results(named, format_, layers=layers)
