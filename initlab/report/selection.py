"""Which columns and layers of results are wanted: of a table, and of CSV line by line."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from initlab.catalog.columns import COLUMNS, columns, how_to_record
from initlab.catalog.values import to_int
from initlab.errors import InputError, UnknownName

EXAMPLE = "--layer 0,9,49,99 or --layer ::10"


@dataclass(frozen=True)
class LayerChoice:
    """Some layers of a network, as Python's indices and slices: "0,9,-1", "::10", "90:"."""

    parts: tuple[int | slice, ...]

    @classmethod
    def of(cls, text: str) -> "LayerChoice":
        """The choice that a text is.

        Raises:
            InputError: it is none.
        """
        try:
            return cls(tuple(map(_part, text.split(","))))
        except (ValueError, OverflowError):
            message = f"--layer {text}: needs numbers or slices, with commas"
            raise InputError(message, EXAMPLE) from None

    def layers(self, depth: int) -> list[int]:
        """Those of them that a network of this depth has, in their order."""
        found: set[int] = set()
        for part in self.parts:
            found |= set(range(depth)[part]) if isinstance(part, slice) else {_at(part, depth)}
        return sorted(found & set(range(depth)))

    def check(self, depth: int) -> None:
        """Refuse what not even the deepest network has.

        Raises:
            InputError: a layer beyond its last, or nothing at all.
        """
        beyond = [p for p in self.parts if isinstance(p, int) and not 0 <= _at(p, depth) < depth]
        if beyond or not self.layers(depth):
            what = f"no network has a layer {beyond[0]}" if beyond else "no layer is meant"
            raise InputError(f"--layer: {what}; there are 0 to {depth - 1}", "--layer -1, the last")


def _at(part: int, depth: int) -> int:
    return part + depth if part < 0 else part


def _part(text: str) -> int | slice:
    if ":" not in text:
        return to_int(text)
    ends = [to_int(end) if end.strip() else None for end in text.split(":")]
    if len(ends) > 3 or (len(ends) == 3 and ends[2] is not None and ends[2] < 1):
        raise ValueError(text)
    return slice(*ends)


def columns_in(text: str) -> list[str]:
    """The names of "a,b,c", each once; none of nothing.

    Raises:
        InputError: there is something, but no name.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if text and not names:
        raise InputError(f"--columns {text!r}: names no column", "--columns seed,std_last")
    return names


def not_recorded(name: str) -> InputError | None:
    """What is wrong with a column that specs must ask for, where none did; None of any other."""
    how = how_to_record(name)
    if how is None:
        return None
    verb = "simulates" if how.startswith("band") else "measures"
    return InputError(f"column {name!r}: no run here has it", f"{how} {verb} it")


def unknown_column(name: str, known: Sequence[str]) -> InputError:
    """What is wrong with a column that is none of `known`, and how to see it if it is of others."""
    from initlab.report.tables.measures import NAMES

    by_layer = "layer" in known
    everywhere = name in COLUMNS and COLUMNS[name].where == "both"
    if everywhere and (problem := not_recorded(name)) is not None:
        return problem
    if by_layer and name in (*NAMES, *columns("runs")):
        fix = f"--columns {name}, without --layers and --layer"
        return UnknownName("column of layers", name, known, fix)
    if not by_layer and name in columns("layers"):
        return UnknownName("column of runs", name, known, f"--layers --columns {name}")
    if (problem := not_recorded(name)) is not None:
        return problem
    if not by_layer and name in NAMES:
        return UnknownName("column of runs.csv", name, known, "--format table")
    return UnknownName("column", name, known, f"--columns with any of {', '.join(known)}")


def only_columns(table: Iterable[str], names: Sequence[str]) -> Iterator[str]:
    """Some columns of a CSV file that is given line by line, in the order of their names.

    Raises:
        UnknownName: it has no such column.
    """
    rows = csv.reader(table)
    header = next(rows, [])
    for name in names:
        if name not in header:
            raise unknown_column(name, header)
    at = [header.index(name) for name in names]
    yield _line(names)
    for row in rows:
        yield _line([row[i] for i in at])


def only_layers(
    table: Iterable[str], choice: LayerChoice, depths: Mapping[str, int]
) -> Iterator[str]:
    """Some layers of layers.csv line by line.

    Args:
        table: layers.csv.
        choice: the layers that are wanted.
        depths: of the networks, by the text of the column `run`.
    """
    rows = csv.reader(table)
    header = next(rows, [])
    yield _line(header)
    run, layer = header.index("run"), header.index("layer")
    wanted = {depth: frozenset(choice.layers(depth)) for depth in set(depths.values())}
    for row in rows:
        if int(row[layer]) in wanted[depths[row[run]]]:
            yield _line(row)


def _line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
