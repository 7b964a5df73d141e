"""One line a run, or a point with several seeds: what `sweep` and `show` print."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from initlab.catalog import FIELDS
from initlab.formatting import brief, short
from initlab.report.remarks import remarks
from initlab.report.tables import Summary

Row = pd.Series

RESULTS = ("std last", "predicted", "forward", "grad ratio", "pred. ratio", "backward")

BARS, ASCII_BARS = "▁▂▃▄▅▆▇█", "_.,-~=^#"
SPARK_WIDTH = 12
LEAST_DECADES = 4.0  # a sparkline spans at least this much, so that a steady signal looks flat


def summarise(runs: pd.DataFrame, layers: pd.DataFrame, *, unicode: bool = True) -> Summary:
    """One row for every point of the spec, over its seeds.

    Args:
        runs: runs.csv.
        layers: layers.csv; `run` and `std` will do.
        unicode: draw sparklines with block characters, else with ASCII.
    """
    names = list(runs.columns)
    fields = names[names.index("run") + 1 : names.index("seed")]
    axes = [name for name in fields if runs[name].nunique(dropna=False) > 1]
    labels = _labels(runs, fields, axes)
    stds = {run: part["std"].to_numpy() for run, part in layers.groupby("run")}
    points, rows = list(labels.values()), []
    for _, part in runs.groupby(axes, sort=False, dropna=False) if axes else [((), runs)]:
        point = [label(part.iloc[0]) for label in points]
        spark = sparkline([stds[run] for run in part["run"] if run in stds], unicode=unicode)
        rows.append((*point, *_results(part), spark))
    header = (*labels, *RESULTS, "log10 std")
    caption = "\n".join([_caption(runs), *remarks(runs, axes, points)])
    return Summary(header, tuple(rows), caption, picture=True)


def _labels(
    runs: pd.DataFrame, fields: Sequence[str], axes: Sequence[str]
) -> dict[str, Callable[[Row], str]]:
    """A column for every axis. Parameters of a field that is an axis itself stand beside its name,
    as in "normal(std=0.1)", where they are not the record's defaults.
    """
    labels: dict[str, Callable[[Row], str]] = {}
    for axis in axes:
        field, _, parameter = axis.partition(".")
        if not parameter:
            nested = [f for f in fields if f.startswith(f"{field}.")]
            labels[field] = partial(_named, field, nested)
        elif field not in axes:
            short = parameter if parameter not in labels else axis
            labels[short] = partial(_value, axis)
    return labels


def _named(field: str, nested: Sequence[str], row: Row) -> str:
    defaults = _defaults(field, str(row[field]))
    given = {name.partition(".")[2]: row[name] for name in nested}
    shown = [
        f"{name}={_cell(value)}"
        for name, value in given.items()
        if not _missing(value) and _cell(value) != _cell(defaults.get(name))
    ]
    return _cell(row[field]) + (f"({', '.join(shown)})" if shown else "")


def _defaults(field: str, name: str) -> dict[str, Any]:
    table = FIELDS.get(field)
    return table[name].defaults if table and name in table else {}


def _value(axis: str, row: Row) -> str:
    return _cell(row[axis])


def _caption(runs: pd.DataFrame) -> str:
    seeds = runs.loc[runs["status"] == "ok", "seed"].nunique()
    parts = [f"Median [10 %, 90 %] over {seeds} seeds."] if seeds > 1 else []
    if runs["nan_onset"].notna().any():
        parts.append("nan at: the first layer with a non-finite activation.")
    parts.append("grad ratio: grad_std at layer 0 / at the last layer. log10 std: layer by layer.")
    if runs["predicted_std"].notna().any():
        band = runs["predicted_std_p10"].notna().any()
        networks = " [80 % of networks this wide]" if band else ""
        parts.append(f"predicted, pred. ratio: at infinite width{networks}.")
    return " ".join(parts)


def _results(part: pd.DataFrame) -> list[str]:
    ratio = part["grad_std_first"].astype(float) / part["grad_std_last"].astype(float)
    return [
        spread(part["std_last"]),
        _predicted(part.iloc[0]),
        _verdicts(part["forward_verdict"], part["status"], part["nan_onset"]),
        spread(ratio),
        _short_or_dash(part["predicted_grad_std"].iloc[0]),
        _verdicts(part["backward_verdict"], part["status"]),
    ]


def _short_or_dash(number: float) -> str:
    return "-" if pd.isna(number) else short(float(number), 3)


def _predicted(run: Row) -> str:
    """The last layer's std at infinite width, and the band at this one; or where it overflows."""
    if not pd.isna(run["predicted_nan_onset"]):
        return f"nan at {run['predicted_nan_onset']:.0f}"
    band = [run["predicted_std_p10"], run["predicted_std_p90"]]
    middle = _short_or_dash(run["predicted_std"])
    return middle if pd.isna(band).any() else f"{middle} [{', '.join(brief(x) for x in band)}]"


def spread(values: pd.Series) -> str:
    """Median and 10-90 % range of what was measured; "-" when nothing was."""
    numbers = values.astype(float).dropna().to_numpy()
    if not len(numbers):
        return "-"
    if len(numbers) == 1:
        return short(numbers[0], 4)
    with np.errstate(all="ignore"):  # between an infinity and a number lies no number
        low, middle, high = np.quantile(numbers, [0.1, 0.5, 0.9])
    return f"{short(middle, 3)} [{brief(low)}, {brief(high)}]"


def _verdicts(values: pd.Series, status: pd.Series, onset: pd.Series | None = None) -> str:
    """What became of all runs of a point; a verdict of nan with the layers at which it sets in."""
    words = values.where(status == "ok", status).where(lambda word: word != "", np.nan).dropna()
    counts = words.value_counts()
    shown = [(n, word if word != "nan" else f"nan{_at(onset)}") for word, n in counts.items()]
    if len(shown) < 2:
        return str(shown[0][1]) if shown else "-"
    return ", ".join(f"{n} {word}" for n, word in shown)


def _at(onset: pd.Series | None) -> str:
    layers = onset.dropna().astype(int) if onset is not None else pd.Series(dtype=int)
    if layers.empty:
        return ""
    low, high = layers.min(), layers.max()
    return f" at {low}" if low == high else f" at {low}-{high}"


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _cell(value: object) -> str:
    """A number, or text that holds one, in short; "-" where there is none."""
    if _missing(value):
        return "-"
    try:
        return f"{float(str(value)):.6g}"
    except ValueError:
        return str(value)


def sparkline(stds: Sequence[np.ndarray], *, unicode: bool = True) -> str:
    """log10 of the median std over depth, in SPARK_WIDTH characters; x where a run turned nan."""
    if not stds:
        return ""
    bars = BARS if unicode else ASCII_BARS
    depth = max(map(len, stds))
    padded = np.array([np.pad(s, (0, depth - len(s)), constant_values=np.nan) for s in stds])
    alive = ~np.isnan(padded).all(axis=0)
    with np.errstate(all="ignore"):
        line = np.log10(np.nanmedian(padded[:, alive], axis=0)) if alive.any() else np.array([])
    died = "" if alive.all() and len({len(s) for s in stds}) == 1 else "x"
    if not len(line):
        return died
    at = np.linspace(0, len(line) - 1, min(SPARK_WIDTH - len(died), len(line))).round().astype(int)
    finite = line[np.isfinite(line)]  # an all-zero layer lies below any scale: it gets no bar
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    middle, span = (low + high) / 2, max(high - low, LEAST_DECADES)
    levels = np.clip((line[at] - middle) / span + 0.5, 0, 1) * len(bars)
    drawn = zip(line[at], levels, strict=True)
    return (
        "".join(" " if v == -np.inf else bars[min(int(n), len(bars) - 1)] for v, n in drawn) + died
    )


def layer_table(layers: pd.DataFrame) -> Summary:
    """Every row of layers.csv, with numbers in short."""
    rows = tuple(tuple(_cell(value) for value in row) for row in layers.itertuples(index=False))
    return Summary(tuple(layers.columns), rows)
