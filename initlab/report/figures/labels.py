"""What tells runs apart, in few words: "relu", "normal std=0.1", "width 64"."""

from collections.abc import Sequence

import pandas as pd

from initlab.formatting import short


def fields_of(runs: pd.DataFrame) -> list[str]:
    """The columns that say what a run is, but for its seed; `spec` first, if there is one."""
    names = [str(name) for name in runs.columns]
    fields = names[names.index("run") + 1 : names.index("seed")]
    return ["spec", *fields] if "spec" in names else fields


def axes_of(runs: pd.DataFrame) -> list[str]:
    """The fields that vary, in order; a parameter counts where its field does not vary itself."""
    varying = [name for name in fields_of(runs) if runs[name].nunique(dropna=False) > 1]
    return [name for name in varying if name.partition(".")[0] not in varying or "." not in name]


def labels(runs: pd.DataFrame, axes: Sequence[str]) -> pd.Series:
    """A label for every run, from its values on some axes."""
    found = pd.Series("", index=runs.index)
    for position, axis in enumerate(axes):
        found = found + (", " if position else "") + _of_axis(runs, axis)
    return found


def _of_axis(runs: pd.DataFrame, axis: str) -> pd.Series:
    """The values of a field; beside a name those parameters that tell its runs apart."""
    texts = _texts(runs[axis])
    if "." in axis or pd.api.types.is_numeric_dtype(runs[axis]):
        return axis.rpartition(".")[2] + " " + texts
    name = texts
    for parameter in [str(n) for n in runs.columns if str(n).startswith(f"{axis}.")]:
        values = _texts(runs[parameter])
        telling = values.groupby(name).transform("nunique") > 1
        texts = texts.where(~telling, texts + " " + parameter.partition(".")[2] + "=" + values)
    return texts


def _texts(values: pd.Series) -> pd.Series:
    """Values in few words; numbers in as many digits as tell them apart."""
    for digits in (3, 6):
        texts = values.map(lambda value, digits=digits: _text(value, digits))
        if texts.nunique() == values.nunique(dropna=False):
            return texts
    return values.map(lambda value: _text(value, 17))


def _text(value: object, digits: int) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "none"
    if isinstance(value, float):
        whole = value == round(value, 0) and abs(value) < 1e6
        return f"{value:.0f}" if whole else short(value, digits)
    return str(value)
