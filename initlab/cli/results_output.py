"""Results for a shell: as data, as a table of points, or as a table of layers."""

import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from initlab.catalog.columns import STREAM_RMS, always
from initlab.cli.completion import column_names
from initlab.cli.output import Format, chosen, shown_summary, text_height, unicode_stdout
from initlab.errors import InitlabError, InputError
from initlab.report.selection import (
    LayerChoice,
    columns_in,
    only_columns,
    only_layers,
    unknown_column,
)
from initlab.store.files import LAYERS_CSV, RUNS_CSV

if TYPE_CHECKING:
    from initlab.report.sweeps import Sweep
    from initlab.report.tables.columns import Summary
    from initlab.spec.plan import Plan

MOST_ROWS = 20_000  # of layers as a table, which is drawn in memory
AROUND = 8  # lines of a terminal that a table of layers leaves to its title, legend and the prompt
LEAST_LINES = 20  # of layers, on however low a terminal

Layers = Annotated[bool, typer.Option("--layers", help="A row for every layer, not run.")]
Layer = Annotated[
    str,
    typer.Option(
        "--layer",
        metavar="LAYERS",
        help="Only these layers: 0,9,99 or, as Python slices, ::10 (every tenth), 90: and -1.",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="A,B,C",
        autocompletion=column_names,
        help="Only these columns, in this order: those of the CSV, in a table its own as well.",
    ),
]
Wide = Annotated[
    bool, typer.Option("--wide", help="Every column of a table, with ranges, however wide.")
]


@dataclass(frozen=True)
class Shown:
    """What of the results is shown: the options of `sweep` and `show`."""

    wanted: Format | None = None
    layers: bool = False
    layer: str = ""
    columns: str | None = None
    wide: bool = False

    @cached_property
    def choice(self) -> LayerChoice | None:
        """The layers of `--layer`.

        Raises:
            InputError: they are none.
        """
        return LayerChoice.of(self.layer) if self.layer else None

    @cached_property
    def names(self) -> list[str]:
        """The columns of `--columns`; none where it is not given.

        Raises:
            InputError: it is given, and names none.
        """
        names = columns_in(self.columns or "")
        if self.columns is not None and not names:
            message = f"--columns {self.columns!r}: names no column"
            raise InputError(message, "--columns seed,std_last")
        return names

    @property
    def by_layer(self) -> bool:
        """Whether rows are layers."""
        return self.layers or self.choice is not None


def check_shown(shown: Shown, plans: "Sequence[Plan]") -> None:
    """Refuse columns and layers that the results of plans will not have, before they are run.

    Raises:
        InputError: no network has such a layer.
        UnknownName: no such column.
    """
    from initlab.report.tables.measures import NAMES
    from initlab.store.asked import Asked

    if shown.choice is not None:
        shown.choice.check(max(run.depth for plan in plans for run in plan.runs))
    fields = [name for p in plans for name in (p.axes if shown.by_layer else p.fields)]
    asked = [n for p in plans for n in (Asked(p).layers if shown.by_layer else Asked(p).runs)]
    known = ["run", *fields, "seed", *always("layers" if shown.by_layer else "runs"), *asked]
    if chosen(shown.wanted) not in (Format.table, Format.md):
        known = [*(["spec"] if len(plans) > 1 else []), *known]
    elif not shown.by_layer:
        known = [*NAMES, *known]
    for name in shown.names:
        if name not in known:
            raise unknown_column(name, list(dict.fromkeys(known)))


def results(folders: Sequence[tuple[str, str, Path]], shown: Shown) -> None:
    """Print results as data (csv, json, jsonl) or as a summary (table, md).

    Args:
        folders: name, one line about it, and the results folder of every sweep.
        shown: what of them.
    """
    if shown.choice is not None:
        shown.choice.check(max(max(_depths(path).values(), default=0) for _, _, path in folders))
    if chosen(shown.wanted) in (Format.table, Format.md):
        summary = (_layers if shown.by_layer else _points)(folders, shown)
        shown_summary(summary, shown.wanted, wide=shown.wide)
    else:
        _data([(name, path) for name, _, path in folders], shown)


def _data(folders: list[tuple[str, Path]], shown: Shown) -> None:
    from contextlib import ExitStack

    from initlab.report import formats

    format_ = chosen(shown.wanted)
    with ExitStack() as stack:
        tables: list[tuple[str, Iterable[str]]] = []
        for name, path in folders:
            file = path / (LAYERS_CSV if shown.by_layer else RUNS_CSV)
            lines: Iterable[str] = stack.enter_context(file.open(newline="", encoding="utf-8"))
            if shown.choice is not None:
                lines = only_layers(lines, shown.choice, _depths(path))
            tables.append((name, lines))
        lines = tables[0][1] if len(tables) == 1 else formats.joined(tables)
        if shown.names:
            lines = only_columns(lines, shown.names)
        if format_ is not Format.csv:
            lines = formats.json_lines(lines)
        sys.stdout.writelines(formats.json_array(lines) if format_ is Format.json else lines)


def _depths(path: Path) -> dict[str, int]:
    """How many layers each run's network has."""
    with (path / RUNS_CSV).open(newline="", encoding="utf-8") as file:
        return {row["run"]: int(row["depth"]) for row in csv.DictReader(file)}


def _points(folders: Sequence[tuple[str, str, Path]], shown: Shown) -> "Summary":
    from initlab.report.tables.summary import summarise

    sweeps = [_read(folder, ["run", "layer", "std", "grad_std", STREAM_RMS]) for folder in folders]
    return summarise(sweeps, unicode=unicode_stdout(), columns=shown.names)


def _layers(folders: Sequence[tuple[str, str, Path]], shown: Shown) -> "Summary":
    from initlab.report.tables.layers import BARRED, NEEDED, layer_summary

    lines = None
    if sys.stdout.isatty():
        lines = max(LEAST_LINES, (text_height() or 0) - AROUND)
    elif shown.choice is None:
        _check_rows([path / LAYERS_CSV for _, _, path in folders])
    needed = [*NEEDED, *BARRED]
    sweeps = [_read(folder, None if shown.names else needed) for folder in folders]
    return layer_summary(
        sweeps, unicode=unicode_stdout(), columns=shown.names, choice=shown.choice, lines=lines
    )


def _read(folder: tuple[str, str, Path], only: list[str] | None) -> "Sweep":
    from initlab.report.sweeps import Sweep
    from initlab.store.read import read_runs, read_table

    name, about, path = folder
    runs = read_runs(path / RUNS_CSV)
    return Sweep(name, runs, read_table(path / LAYERS_CSV, only), about, _silences(path))


def _silences(path: Path) -> tuple[str, ...]:
    """Why theory is silent on some points; nothing where the journal is not at hand to tell."""
    from initlab.report.silences import silences
    from initlab.store.folder import Folder

    try:
        with Folder(path).journal() as journal:
            return silences(*journal.points())
    except InitlabError:
        return ()


def _check_rows(files: Sequence[Path]) -> None:
    """Refuse a table of layers that nobody reads and memory may not hold."""
    for path in files:
        with path.open("rb") as opened:
            rows = sum(1 for _ in opened) - 1
        if rows > MOST_ROWS:
            raise InputError(
                f"{path}: {rows:,} rows are too many for a table ({MOST_ROWS:,} at most)",
                "--format csv, json or jsonl",
            )
