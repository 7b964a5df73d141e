"""What all runs of a table have in common, and a point of it in one cell."""

from collections.abc import Iterator, Mapping

import pandas as pd

from initlab.report.labels import (
    ABSENT,
    NONE,
    PLAIN,
    fields_of,
    owner,
    text_of,
    texts_of,
    varying,
)
from initlab.spec.model import Grid

UNSAID = ("draws", "record")  # of a point: they do not change what its network is
#: fields that are shared, or left at what they are by default, in nearly all sweeps
MINOR = ("bias", "residual", "norm", "dropout", "loss", "target", "reduction", "batch", "input",
         "dtype", "draws", "record", "saturation")  # fmt: skip
SAID = ("activation", "init", *MINOR)


def described(cells: Mapping[str, str]) -> str:
    """A point in one cell, "tanh depth=5", from its cells by their headings.

    What is left at its default is not said.
    """
    parts = []
    for name, text in cells.items():
        if text not in (ABSENT, _default(name)) and name not in UNSAID:
            parts.append(text if name in PLAIN else f"{name}={text}")
    return " ".join(parts)


def shared(runs: pd.DataFrame, seeds: str = "") -> str:
    """What all runs have in common, "100 x 256, relu, kaiming_normal, mse, 5 seeds".

    Parameters of names that only some have come last: wherever the name stands, they are meant.

    Args:
        runs: runs.csv.
        seeds: how many there are, where sweeps differ in it.
    """
    count = runs["seed"].nunique()
    seeds = seeds or (f"{count} seeds" if count > 1 else f"seed {runs['seed'].iloc[0]}")
    said = ", ".join([*_size(runs), *_fields(runs), seeds])
    options = ", ".join(_options(runs))
    return f"{said}; options: {options}" if options else said


def _size(runs: pd.DataFrame) -> Iterator[str]:
    """How deep and how wide, as far as that is the same for all."""
    axes, row = varying(runs), runs.iloc[0].dropna()
    known = {n: text_of(row[n]) for n in ("depth", "width") if n in row and n not in axes}
    if "shape" in row and "shape" not in axes:
        yield f"shape {row['shape']}"
    elif len(known) == 2:
        yield f"{known['depth']} x {known['width']}"
    else:
        yield from (f"{name} {text}" for name, text in known.items())


def _fields(runs: pd.DataFrame) -> Iterator[str]:
    """The fields of one value, with the parameters that all runs share."""
    axes = varying(runs)
    for field in (name for name in _said(runs) if name not in axes):
        text = texts_of(runs, field, apart=False).iloc[0]
        if text not in (ABSENT, _default(field)) or field == "loss":
            yield text if field in PLAIN else f"{field} {text}"


def _options(runs: pd.DataFrame) -> Iterator[str]:
    """Of fields that vary, the names whose parameters all runs of that name share."""
    for field in (name for name in _said(runs) if name in varying(runs)):
        texts = texts_of(runs, field, apart=False).unique()
        yield from (text for text in texts if "(" in text)


def _said(runs: pd.DataFrame) -> list[str]:
    """Fields that a heading mentions, those of some layers after those of all."""
    own = [name for name in fields_of(runs) if "." in name and owner(name) == name]
    after = SAID.index("bias") + 1
    return [name for name in (*SAID[:after], *own, *SAID[after:]) if name in runs]


def _default(field: str) -> str:
    """What a spec has that does not say it."""
    if field not in MINOR:
        return ""
    value = Grid.model_fields[field].default
    return NONE if value is None else str(value[0])
