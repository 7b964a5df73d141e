"""runs.csv and layers.csv as Parquet: typed, and with nan and "not measured" told apart."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from initlab.catalog.columns import COLUMNS, WORDS
from initlab.errors import DiskError, InputError
from initlab.spec.plan import Plan
from initlab.store.disk import sync_folder
from initlab.store.files import PARQUET

WHOLE = ("index", "layer index", "integer", "neurons")  # units that count
BLOCK = 8 << 20  # bytes of CSV in memory


def to_parquet(path: Path, plan: Plan) -> list[str]:
    """Convert the published CSV files of a folder; the names of the files written.

    Raises:
        InputError: pyarrow is not installed.
        DiskError: the disk is full or broken.
    """
    try:
        import pyarrow as pa
        from pyarrow import csv, parquet
    except ImportError:
        raise InputError(
            "--format parquet needs the package pyarrow", "pip install pyarrow"
        ) from None
    types = {name: getattr(pa, kind)() for name, kind in _types(plan).items()}
    names = []
    for source, name in PARQUET.items():
        temporary, final = path / f".{name}.tmp", path / name
        reader = csv.open_csv(
            path / source,
            read_options=csv.ReadOptions(block_size=BLOCK),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True
            ),
        )
        try:
            with parquet.ParquetWriter(temporary, reader.schema) as writer:
                for batch in reader:
                    writer.write_batch(batch)
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(final)
        except OSError as error:
            raise DiskError(f"{final}: cannot be written: {error}", "make room") from None
        finally:
            with suppress(OSError):  # whoever writes here next removes it
                temporary.unlink(missing_ok=True)
        names.append(name)
    sync_folder(path)
    return names


def _types(plan: Plan) -> Mapping[str, str]:
    """The type of every column of both files."""
    types = {
        c.name: "string" if c.name in WORDS else "int64" if c.unit in WHOLE else "float64"
        for c in COLUMNS.values()
    }
    for name in plan.fields:
        kinds = {type(row[name]) for row in plan.cells if row[name] is not None}
        types[name] = _type(kinds)
    return types


def _type(kinds: set[Any]) -> str:
    if kinds == {bool}:
        return "bool_"
    if kinds and kinds <= {int}:
        return "int64"
    return "float64" if kinds and kinds <= {int, float} else "string"
