"""Rows of CSV as CSV, JSON and JSON lines."""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from initlab.catalog.columns import WORDS

TEXT = (
    "spec",
    "input.path",
    "target.path",
    "target.shares",
    *WORDS,
)  # columns whose text may look like a number


def cell_value(column: str, cell: str) -> Any:
    """A cell of our CSV as JSON has it: empty is null; nan and inf stay words, names are text."""
    if cell == "":
        return None
    if column in TEXT:
        return cell
    try:
        number = float(cell)
    except ValueError:
        return cell
    if not math.isfinite(number):
        return cell
    return int(cell) if cell.lstrip("-").isdigit() else number


def json_lines(table: Iterable[str]) -> Iterator[str]:
    """A JSON object for every row of a CSV file given line by line."""
    for row in csv.DictReader(table):
        yield json.dumps({key: cell_value(key, cell) for key, cell in row.items()}) + "\n"


def json_array(objects: Iterable[str]) -> Iterator[str]:
    """One JSON array of objects given line by line."""
    yield "["
    separator = "\n"
    for line in objects:
        yield separator + line.rstrip("\n")
        separator = ",\n"
    yield "\n]\n"


def joined(tables: list[tuple[str, Iterable[str]]]) -> Iterator[str]:
    """Several CSV files as one, with the column `spec` first; cells a file lacks are empty."""
    readers = [(name, csv.DictReader(iter(table))) for name, table in tables]
    fields = list(dict.fromkeys(chain.from_iterable(r.fieldnames or [] for _, r in readers)))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["spec", *fields], lineterminator="\n", restval="")
    writer.writeheader()
    for name, reader in readers:
        for row in reader:
            yield _emptied(buffer)
            writer.writerow({"spec": name, **row})
    yield _emptied(buffer)


def _emptied(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
