"""The figures that `initlab plot` knows: one function for each kind, from what was typed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from initlab.errors import InputError
from initlab.formatting import on_one_line

if TYPE_CHECKING:
    from initlab.report.figure import Figure


def depth(folders: Sequence[Path], y: str, color: str | None, facet: str | None) -> "Figure":
    """A column of layers.csv over the layers; `color` and `facet` are fields of the spec."""
    from initlab.report.figures.curves import Sweep, columns_needed
    from initlab.report.figures.depth import check_column, depth_figure
    from initlab.store.folder import open_published
    from initlab.store.read import read_table

    check_column(y)
    opened = [open_published(folder) for folder in folders]
    names = [on_one_line(folder.path.resolve().name) for folder in opened]
    if len(set(names)) < len(names):
        names = [on_one_line(str(folder.path)) for folder in opened]
    sweeps = [
        Sweep(name, read_table(f.runs_csv), read_table(f.layers_csv, columns_needed(y)))
        for name, f in zip(names, opened, strict=True)
    ]
    return depth_figure(sweeps, y, color, facet)


def heat(folders: Sequence[Path], axes: str, value: str) -> "Figure":
    """A result over two axes of a sweep; `axes` is "X,Y"."""
    raise InputError("--heat is not there yet")


def losses(names: str) -> "Figure":
    """Losses and their gradients; `names` is "l1,mse"."""
    raise InputError("--loss is not there yet")


def entropy() -> "Figure":
    """The entropy of two outcomes."""
    raise InputError("--entropy is not there yet")


def phase(name: str) -> "Figure":
    """The phases of an activation."""
    raise InputError("--phase is not there yet")


def activations(names: str) -> "Figure":
    """Activations and their slopes; `names` is "gelu,silu"."""
    raise InputError("--activation is not there yet")
