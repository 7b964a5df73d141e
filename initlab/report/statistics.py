"""The seeds of a point as one number, in tables, charts and page alike.

A run that turned nan counts as infinite from there on: else a median would sink where the largest
leave it. Runs that failed, or that have yet to run, do not count.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from initlab.catalog.columns import COLUMNS, RECORDED

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray

SHARES = (0.1, 0.5, 0.9)
#: columns of runs.csv that are not finite where a run turned nan; and where its gradient did
OF_SIGNAL = ("std_first", "std_last", "loss_value")
OF_GRADIENT = ("grad_std_first", "grad_std_last")


def quantiles(values: Array, shares: Sequence[float] = SHARES) -> Array:
    """Quantiles over the first axis, shape (shares, ...), of what is not nan; nan of nothing.

    Between two finite values they are interpolated. Nothing lies between one and infinity: there it
    is the nearer of the two, of two as near the finite one.
    """
    values = np.asarray(values, float)
    if not len(values):
        return np.full((len(shares), *values.shape[1:]), np.nan)
    ranked = np.sort(values, axis=0)  # nan last
    last = np.maximum(np.count_nonzero(~np.isnan(values), axis=0) - 1, 0)
    found = []
    for share in shares:
        place = share * last
        below = np.floor(place).astype(int)
        low, high = (
            np.take_along_axis(ranked, np.asarray(at)[None], axis=0)[0]
            for at in (below, np.minimum(below + 1, last))
        )
        part = place - below
        with np.errstate(invalid="ignore", over="ignore"):
            between = low + (high - low) * part
        nearer = np.where(part > 0.5, high, low)
        found.append(np.where(np.isfinite(low) & np.isfinite(high), between, nearer))
    return np.array(found)


def nan_beyond(values: Array) -> Array:
    """Quantiles as they are drawn: nan where so many runs turned nan."""
    return np.where(np.isposinf(values), np.nan, values)


def by_point(values: Array, point: Array, count: int) -> Array:
    """Values of runs (runs, ...) as (seeds, count, ...), for `quantiles`; nan where one has fewer.

    `point` is that of every run, from 0 to count - 1.
    """
    import pandas as pd

    seed = pd.Series(point).groupby(point).cumcount().to_numpy()
    table = np.full((int(seed.max(initial=-1)) + 1, count, *np.shape(values)[1:]), np.nan)
    table[seed, point] = values
    return table


def is_ok(runs: "pd.DataFrame") -> Array:
    """Which runs were measured; one that turned nan was."""
    return np.asarray(runs["status"].to_numpy(object) == "ok")


def turned_nan(runs: "pd.DataFrame") -> Array:
    """Which runs were measured and have turned nan."""
    return is_ok(runs) & runs["nan_onset"].notna().to_numpy(bool)


def gradient_turned_nan(runs: "pd.DataFrame") -> Array:
    """Of which runs a gradient was measured that is not finite."""
    nan = np.asarray(runs["backward_verdict"].to_numpy(object) == "nan")
    return np.asarray(is_ok(runs) & nan)


def counted(runs: "pd.DataFrame", column: str) -> Array:
    """A number of runs.csv as it counts among seeds: infinite or nan where there is none."""
    values = runs[column].to_numpy(float)
    if column in OF_SIGNAL:
        values = np.where(np.isnan(values) & turned_nan(runs), np.inf, values)
    elif column in OF_GRADIENT:
        values = np.where(np.isnan(values) & gradient_turned_nan(runs), np.inf, values)
    else:
        return values
    return np.where(is_ok(runs), values, np.nan)


def forward_ratio(runs: "pd.DataFrame") -> Array:
    """How many times larger the std is at the last layer than at layer 0, as it counts."""
    return _ratio(runs, "std_last", "std_first", turned_nan(runs))


def gradient_ratio(runs: "pd.DataFrame") -> Array:
    """How many times larger the gradient is at layer 0 than at the last layer, as it counts."""
    return _ratio(runs, *OF_GRADIENT, gradient_turned_nan(runs))


def _ratio(runs: "pd.DataFrame", above: str, below: str, infinite: Array) -> Array:
    with np.errstate(all="ignore"):
        ratio = runs[above].to_numpy(float) / runs[below].to_numpy(float)
    ratio = np.where(np.isnan(ratio) & infinite, np.inf, ratio)
    return np.where(is_ok(runs), ratio, np.nan)


def by_layer(layers: "pd.DataFrame", runs: "pd.DataFrame", column: str, *, least: int = 0) -> Array:
    """A column of layers.csv as (runs, layers); nan where a run has no row, or no number.

    As many layers as some run reached, and `least` at least. A column that is not there, as
    nobody asked for it, is nan.
    """
    import pandas as pd

    at = pd.Index(runs["run"]).get_indexer(pd.Index(layers["run"]))
    kept = at >= 0
    layer = layers["layer"].to_numpy()[kept].astype(int)  # an empty table has no dtype
    found = np.full((len(runs), int(layer.max(initial=least - 1)) + 1), np.nan)
    if column in layers:
        found[at[kept], layer] = layers[column].to_numpy()[kept].astype(float)
    return found


def on_stream(stream: Array | None, count: int) -> NDArray[np.int_] | None:
    """Of a network with residual sums the layers that end a block, and all after the last.

    The others are inside of branches: a line from one to the next would be a zigzag. None of a
    network without sums.

    Args:
        stream: STREAM_RMS by layer, nan inside of branches; None or nan everywhere without sums.
        count: of layers.
    """
    sums = np.array([], int) if stream is None else np.flatnonzero(~np.isnan(stream))
    return np.r_[sums, np.arange(sums[-1] + 1, count)] if len(sums) else None


def counted_by_layer(values: Array, runs: "pd.DataFrame", column: str) -> Array:
    """`by_layer` as it counts among seeds.

    Of the signal, what is no number is infinite from the layer on where a run turned nan; of the
    gradient, wherever it was measured and is no number. Theory's columns stay as they are, and so
    do those of runs that did not record them.
    """
    group = COLUMNS[column].group if column in COLUMNS else "key"
    if group in RECORDED:
        asked = records(runs, group)
        part = "backward" if group == "gradients" else "forward"
        counts = _counted(values, runs, part)
        return np.where(asked[:, None], counts, values)
    return _counted(values, runs, group)


def records(runs: "pd.DataFrame", group: str) -> Array:
    """Which runs record a group of columns."""
    return np.asarray(runs["record"].astype(str).str.split("+").map(lambda x: group in x), bool)


def _counted(values: Array, runs: "pd.DataFrame", group: str) -> Array:
    if group == "forward":
        start = np.where(turned_nan(runs), runs["nan_onset"].to_numpy(float), np.inf)
    elif group == "backward" and not np.isnan(values).all():
        start = np.where(gradient_turned_nan(runs), 0, np.inf)
    else:
        return values
    layer, depth = np.arange(values.shape[1]), runs["depth"].to_numpy(float)
    ended = (layer >= start[:, None]) & (layer < depth[:, None])
    return np.where(np.isnan(values) & ended, np.inf, values)


def seed_count(counts: Iterable[int]) -> str:
    """How many seeds points have: "5 seeds", "3 to 5 seeds"; "" if none has more than one."""
    some = {int(count) for count in counts} - {0}
    if max(some, default=0) < 2:
        return ""
    least, most = min(some), max(some)
    return f"{most} seeds" if least == most else f"{least} to {most} seeds"
