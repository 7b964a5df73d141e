"""What sets the points of a sweep apart, in few words, and what all of them share."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd

from initlab.catalog import FIELDS
from initlab.formatting import short
from initlab.spec.model import Grid

Row = pd.Series
Label = Callable[[Row], str]

UNSAID = ("draws", "record")  # of a point: they do not change what its network is
#: fields that are shared, or left at what they are by default, in nearly all sweeps
MINOR = ("bias", "loss", "reduction", "batch", "input", "dtype", "draws", "record")


def fields_of(runs: pd.DataFrame) -> list[str]:
    """The columns of runs.csv that describe a network, the seed apart."""
    names = list(runs.columns)
    return names[names.index("run") + 1 : names.index("seed")]


def axes_of(runs: pd.DataFrame) -> list[str]:
    """Those in which runs differ."""
    return [name for name in fields_of(runs) if runs[name].nunique(dropna=False) > 1]


def labels_of(runs: pd.DataFrame) -> dict[str, Label]:
    """What names a point: a column for every axis.

    Parameters stand beside the name of what has them, as in "normal(std=0.1)", where runs of that
    name differ in them and they are not its defaults. `shared` tells the others.
    """
    axes, labels = axes_of(runs), dict[str, Label]()
    for axis in axes:
        field, _, parameter = axis.partition(".")
        if not parameter:
            labels[field] = partial(_named, field, _differing(runs, field))
        elif field not in axes:
            labels[parameter if parameter not in labels else axis] = partial(_value, axis)
    return labels


def _differing(runs: pd.DataFrame, field: str) -> dict[str, list[str]]:
    """The parameters in which runs that share a name differ, by that name."""
    nested = [name for name in fields_of(runs) if name.startswith(f"{field}.")]
    return {
        str(name): [axis for axis in nested if part[axis].nunique(dropna=False) > 1]
        for name, part in runs.groupby(field, dropna=False, sort=False)
    }


def _named(field: str, parameters: dict[str, list[str]], row: Row) -> str:
    """A record's name, with those of its parameters that are not the defaults."""
    name = str(row[field])
    table = FIELDS.get(field)
    defaults: dict[str, Any] = table[name].defaults if table and name in table else {}
    given = {axis.partition(".")[2]: row[axis] for axis in parameters.get(name, ())}
    shown = [
        f"{parameter}={cell(value)}"
        for parameter, value in given.items()
        if not missing(value) and cell(value) != cell(defaults.get(parameter))
    ]
    return cell(row[field]) + (f"({', '.join(shown)})" if shown else "")


def _value(axis: str, row: Row) -> str:
    return cell(row[axis])


def described(labels: dict[str, Label], row: Row) -> str:
    """A point in one cell, "tanh depth=5": what is left at its default is not said."""
    parts = []
    for name, label in labels.items():
        text = label(row)
        if text in ("-", _default(name)) or name in UNSAID:
            continue
        parts.append(text if name in FIELDS or name in MINOR else f"{name}={text}")
    return " ".join(parts)


def _default(field: str) -> str:
    known = Grid.model_fields.get(field)
    value = known.default if known is not None and field in MINOR else None
    return str(value[0]) if isinstance(value, list) else ""


def shared(runs: pd.DataFrame, seeds: str = "") -> str:
    """What all runs have in common, "100 x 256, relu, kaiming_normal, mse, 5 seeds".

    Parameters of names that only some have come last: wherever the name stands, they are meant.

    Args:
        runs: runs.csv.
        seeds: how many there are, where the points differ in it.
    """
    axes, fields = axes_of(runs), fields_of(runs)
    row = runs.iloc[0]
    parts, options = [_size(row, axes)], list[str]()
    for field in (name for name in ("activation", "init", *MINOR) if name in fields):
        nested = [name for name in fields if name.startswith(f"{field}.")]
        if field not in axes:
            text = _named(field, {str(row[field]): [n for n in nested if n not in axes]}, row)
            known = text in ("-", _default(field)) and field != "loss"
            parts.append("" if known else _worded(field, text))
            continue
        apart = _differing(runs, field)
        for name, part in runs.groupby(field, sort=False):
            kept = [n for n in nested if n not in apart[str(name)]]
            text = _named(field, {str(name): kept}, part.iloc[0])
            options += [text] if "(" in text else []
    count = runs["seed"].nunique()
    parts.append(seeds or (f"{count} seeds" if count > 1 else f"seed {row['seed']}"))
    said = ", ".join(part for part in parts if part)
    return f"{said}; options: {', '.join(options)}" if options else said


def _size(row: Row, axes: Sequence[str]) -> str:
    """How deep and how wide, as far as that is the same for all."""
    if "shape" not in axes and not missing(row.get("shape")):
        return f"shape {row['shape']}"
    known = {
        n: cell(row[n]) for n in ("depth", "width") if n not in axes and not missing(row.get(n))
    }
    if len(known) == 2:
        return f"{known['depth']} x {known['width']}"
    return ", ".join(f"{name} {value}" for name, value in known.items())


def _worded(field: str, text: str) -> str:
    """A field whose value does not say what it is of."""
    return f"{field} {text}" if field in ("batch", "bias", "draws", "input", "record") else text


def missing(value: object) -> bool:
    """Whether a cell of a table is empty."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def cell(value: object) -> str:
    """A number, or text that holds one, in short; "-" where there is none."""
    if missing(value):
        return "-"
    try:
        number = float(str(value))
    except ValueError:
        return str(value)
    return f"{number:.6g}" if abs(number) < 1e6 else short(number, 6)
