"""`initlab export`: files published from the journal."""

from enum import StrEnum
from typing import Annotated

import typer

from initlab.cli import output


class Kind(StrEnum):
    """What `--format` takes."""

    csv = "csv"
    parquet = "parquet"


FormatOption = Annotated[
    Kind,
    typer.Option("--format", help="parquet needs the package pyarrow."),
]


def export(folders: output.Folders, format_: FormatOption = Kind.csv) -> None:
    """Publish runs.csv and layers.csv from the journal, as a sweep does when it ends.

    For a sweep that was killed, or files that were changed; spec.yaml and provenance.json, too.
    With --format parquet, runs.parquet and layers.parquet are written beside them; a later sweep
    that publishes anew removes those.

    Examples:
    initlab export results/xavier_tanh

    initlab export results/xavier_tanh --format parquet
    """
    from initlab.store.files import LAYERS_CSV, RUNS_CSV
    from initlab.store.opening import open_existing
    from initlab.store.publish import publish

    for path in folders:
        folder = open_existing(path)
        try:
            publish(path, folder.writer)
            names = [RUNS_CSV, LAYERS_CSV]
            if format_ is Kind.parquet:
                from initlab.store.parquet import to_parquet

                names = to_parquet(path, folder.writer.plan())
        finally:
            folder.close()
        output.note(f"wrote {', '.join(str(path / name) for name in names)}")
