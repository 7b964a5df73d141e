"""The figures that `initlab plot` knows: one function for each kind, from what was typed."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from initlab.catalog import ACTIVATIONS, LOSSES
from initlab.catalog.columns import Group, columns
from initlab.cli.choices import choices
from initlab.errors import InputError, UnknownName
from initlab.formatting import on_one_line

if TYPE_CHECKING:
    from initlab.report.figure import Figure


def depth(folders: Sequence[Path], y: str, color: str | None, facet: str | None) -> "Figure":
    """A column of layers.csv over the layers; `color` and `facet` are fields of the spec.

    As for `--heat`, the last part of a field's name will do where it is the only one.
    """
    _refuse_ends(y)
    from initlab.report.figures.curves import columns_needed
    from initlab.report.figures.depth import check_column, depth_figure
    from initlab.report.sweeps import Sweep
    from initlab.store.folder import open_published
    from initlab.store.read import read_runs, read_table

    check_column(y)
    opened = [open_published(folder) for folder in folders]
    names = [on_one_line(folder.path.resolve().name) for folder in opened]
    if len(set(names)) < len(names):
        names = [on_one_line(str(folder.path)) for folder in opened]
    sweeps = [
        Sweep(name, read_runs(f.runs_csv), read_table(f.layers_csv, columns_needed(y)))
        for name, f in zip(names, opened, strict=True)
    ]
    known = dict.fromkeys(str(name) for sweep in sweeps for name in sweep.runs)
    return depth_figure(sweeps, y, _in_full(color, known), _in_full(facet, known))


def _refuse_ends(y: str) -> None:
    """Refuse columns of runs.csv, which have no value at every layer, with what is meant."""
    by_layer = columns("layers")
    groups: tuple[Group, ...] = ("result", "predicted", "extra", "gradient_band")
    numbers = [*columns("runs", *groups), "forward_ratio", "backward_ratio"]
    if y in numbers and y not in by_layer:
        close = sorted((n for n in by_layer if y.startswith(f"{n}_")), key=len)[-1:]
        fix = f"--y {close[0]}" if close else f"--heat sigma_w,depth --value {y}"
        raise UnknownName("column of layers.csv", y, fix=fix, close=close)


def _in_full(field: str | None, known: Collection[str]) -> str | None:
    """`init.gain` of `gain`."""
    meant = [name for name in known if name.rpartition(".")[2] == field]
    return meant[0] if field not in known and len(meant) == 1 else field


def heat(folders: Sequence[Path], axes: str, value: str) -> "Figure":
    """A result over two axes of a sweep; `axes` is "X,Y"."""
    from initlab.report.figures.heat import heat as heat_figure
    from initlab.store.folder import open_published
    from initlab.store.read import read_runs

    across, comma, up = (part.strip() for part in axes.partition(","))
    if not (across and comma and up) or "," in up:
        raise InputError(f"--heat {axes}: needs two fields, X,Y", "--heat sigma_w,depth")
    if len(folders) != 1:
        raise InputError(
            f"--heat draws one results folder, got {len(folders)}",
            f"initlab plot {folders[0]} --heat {axes} --value {value}",
        )
    return heat_figure(read_runs(open_published(folders[0]).runs_csv), across, up, value)


def losses(names: str) -> "Figure":
    """Losses and their gradients; `names` is "l1,huber(delta=2)"."""
    chosen = choices(names, "--loss", LOSSES)
    from initlab.report.figures.losses import losses as losses_figure

    return losses_figure(chosen)


def entropy() -> "Figure":
    """The entropy of two outcomes."""
    from initlab.report.figures.entropy import entropy_curve

    return entropy_curve()


def phase(name: str) -> "Figure":
    """The phases of an activation; `name` may have options: "leaky_relu(negative_slope=0.2)"."""
    chosen = choices(name, "--phase", ACTIVATIONS)
    if len(chosen) > 1:
        raise InputError(f"--phase {name}: draws one activation", f"--phase {chosen[0].name}")
    from initlab.report.figures.phase import phase as phase_figure
    from initlab.report.figures.phase import plane
    from initlab.theory.moments import choice_of

    choice = choice_of(chosen[0].name, **chosen[0].parameters)
    return phase_figure(choice, *plane(choice))


def activations(names: str) -> "Figure":
    """Activations and their slopes; `names` is "gelu,silu"."""
    chosen = choices(names, "--activation", ACTIVATIONS)
    from initlab.report.figures.activations import activations as activations_figure

    return activations_figure(chosen)
