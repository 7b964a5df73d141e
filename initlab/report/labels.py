"""What tells runs apart, in few words: "relu", "normal(std=0.1)", "width 64"."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from initlab.catalog import FIELDS
from initlab.formatting import short

PLAIN = ("spec", "activation", "init", "loss", "dtype")  # their values say what they are of
ABSENT = "-"
NONE = "none"  # as one writes it in a spec
OPTIONAL = ("bias", "residual", "norm")  # fields of which a network may have none
PARTS = {"first": 2, "last": 2, "layers": 3}  # of the name of a field of some layers: last.init
DIGITS = (6, 17)  # of numbers: more where these do not tell them apart


def fields_of(runs: pd.DataFrame) -> list[str]:
    """The columns that say what a run is, but for its seed; `spec` first, if there is one."""
    names = [str(name) for name in runs.columns]
    fields = names[names.index("run") + 1 : names.index("seed")]
    return ["spec", *fields] if "spec" in names else fields


def owner(name: str) -> str:
    """The field that a column is of: "init" of init.gain, "last.init" of last.init.gain."""
    parts = name.split(".")
    return ".".join(parts[: PARTS.get(parts[0], 1)])


def varying(runs: pd.DataFrame) -> list[str]:
    """Those in which runs differ."""
    return [name for name in fields_of(runs) if runs[name].nunique(dropna=False) > 1]


def axes_of(runs: pd.DataFrame) -> list[str]:
    """Those that name a run: a parameter only where its field does not vary itself."""
    names = varying(runs)
    return [name for name in names if owner(name) == name or owner(name) not in names]


def heading(runs: pd.DataFrame, axis: str) -> str:
    """A field in short, "std" of init.std; in full where several fields of that name vary.

    What only some layers have is always in full: it is not what the others have.
    """
    if "." in owner(axis):
        return axis
    last = axis.rpartition(".")[2]
    alike = {name for name in varying(runs) if name.rpartition(".")[2] == last}
    return axis if len(alike | {axis}) > 1 else last


def labels(runs: pd.DataFrame, axes: Sequence[str]) -> pd.Series:
    """A label for every run, from its values on some axes: "relu, width 64".

    Of what a run does not have, as the width of one with a shape, nothing is said.
    """
    found = pd.Series("", index=runs.index)
    for axis in axes:
        texts = texts_of(runs, axis)
        said = texts if axis in PLAIN else heading(runs, axis) + " " + texts
        found = found.where(texts == ABSENT, _with(found, said))
    return found


def texts_of(runs: pd.DataFrame, axis: str, *, apart: bool = True) -> pd.Series:
    """The value of a field for every run, "normal(std=0.1)" where it has parameters.

    Args:
        runs: as in runs.csv.
        axis: the field.
        apart: with those parameters in which runs of one value differ; else with the others.
            None that is left at its default.
    """
    names = _texts(runs[axis])
    names = names.replace(ABSENT, NONE) if axis in OPTIONAL else names
    given = pd.Series("", index=runs.index)
    for column in (n for n in fields_of(runs) if owner(n) == axis != n):
        values, parameter = _texts(runs[column]), column.removeprefix(f"{axis}.")
        differ = values.groupby(names).transform("nunique") > 1
        defaults = {name: _default(axis, name, parameter) for name in names.unique()}
        said = (differ == apart) & (values != ABSENT) & (values != names.map(defaults))
        given = given.where(~said, _with(given, f"{parameter}=" + values))
    return names.where(given == "", names + "(" + given + ")")


def text_of(value: object, digits: int = DIGITS[0]) -> str:
    """A number, or text that holds one, in short."""
    try:
        number = float(str(value))
    except ValueError:
        return str(value)
    whole = number.is_integer() and abs(number) < 1e6
    return f"{number:.0f}" if whole else short(number, digits)


def _texts(values: pd.Series) -> pd.Series:
    """Values in few words, ABSENT where there is none."""
    codes, once = pd.factorize(values)  # -1 for none, which is the last of the texts
    for digits in DIGITS:
        texts = [text_of(value, digits) for value in once]
        if len(set(texts)) == len(texts):
            break
    return pd.Series(np.array([*texts, ABSENT], dtype=object)[codes], index=values.index)


def _with(texts: pd.Series, more: pd.Series) -> pd.Series:
    """Texts and some more, with a comma where there is something before it."""
    return texts.where(texts == "", texts + ", ") + more


def _default(axis: str, name: str, parameter: str) -> str:
    """What a parameter of a name is where nobody sets it."""
    table = FIELDS.get(axis.rpartition(".")[2])
    known = table is not None and name in table
    defaults = table[name].every_default if table is not None and known else {}
    return text_of(defaults.get(parameter)) if known else ""
