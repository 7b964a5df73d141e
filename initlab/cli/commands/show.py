"""`initlab show`: the tables of earlier results."""

from initlab.cli import output, pictures
from initlab.cli.results_output import Columns, Layer, Layers, Shown, Wide, results


def show(
    folders: output.Folders,
    format_: output.FormatOption = None,
    layers: Layers = False,
    layer: Layer = "",
    columns: Columns = None,
    wide: Wide = False,
    plot: pictures.Plot = False,
) -> None:
    """Print the results of an earlier sweep, as sweep itself does. Several are compared in a table.

    Examples:
    initlab show results/xavier_tanh

    initlab show results/xavier_tanh --layer 0,9,49,99

    initlab show results/xavier_tanh --columns seed,std_last,loss_value

    initlab show results/xavier_tanh --plot

    initlab show results/*/ --format md >> notes.md

    initlab show results/xavier_tanh --layers | mlr --icsv --opprint head -n 5 -g run
    """
    from initlab.store.folder import open_published

    pictures.check_below(format_, plot)
    opened = [open_published(folder) for folder in folders]
    named = [(folder.path.resolve().name, folder.about(), folder.path) for folder in opened]
    results(named, Shown(format_, layers, layer, columns, wide))
    pictures.show_below(folders, plot)
