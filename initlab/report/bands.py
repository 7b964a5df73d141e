"""What theory says of runs: the band of networks of their width, else infinite width."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from initlab.catalog.dtypes import DTYPES
from initlab.report.statistics import Array, counted

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 1e-5  # of float32, over a layer: a norm's output has a std of 1 but for it
BANDED = ("std", "grad_std", "cosine")  # columns of which networks are simulated


def band_columns(name: str) -> tuple[str, str, str]:
    """Where the quantiles at 10, 50 and 90 % stand of simulated networks."""
    low, median, high = (f"predicted_{name}_p{share}" for share in (10, 50, 90))
    return low, median, high


P10, P50, P90 = band_columns("std")


def first_known(values: Array) -> Array:
    """Over runs the first that is no nan: what theory says of a point; failed ones lack it."""
    found = np.full(np.shape(values)[1:], np.nan)
    for row in values:
        found = np.where(np.isnan(found), row, found)
    return found


def band(runs: "pd.DataFrame") -> tuple[Array, Array]:
    """The band of every run's last std, in which 80 % of networks of its width lie.

    An end is infinite where so many of them overflow, or their numbers exceed the run's dtype; nan
    where there is no band.
    """
    low, high = (runs[name].to_numpy(float) for name in (P10, P90))
    return band_by_layer(_within_dtype(low, runs), _within_dtype(high, runs))


def inside_band(runs: "pd.DataFrame") -> tuple[Array, Array]:
    """Which runs end within their band, and of which it is known; nan lies beyond any number."""
    low, high = band(runs)
    measured = counted(runs, "std_last")
    return within(low, measured, high), ~np.isnan(low) & ~np.isnan(measured)


def within(low: ArrayLike, measured: ArrayLike, high: ArrayLike) -> NDArray[np.bool_]:
    """Whether numbers lie between; what rounding leaves of a norm's 1 counts as 1.

    Args:
        low: lower ends, a number or an array of them.
        measured: what is compared.
        high: upper ends.
    """
    least, most = np.multiply(low, 1 - ROUNDING), np.multiply(high, 1 + ROUNDING)
    inside: NDArray[np.bool_] = (least <= measured) & (measured <= most)
    return inside


def predicted_std(runs: "pd.DataFrame") -> Array:
    """Every run's last std in theory, infinite where it turns nan.

    The median of networks of its width where a band is known, else that of infinite width.
    """
    low, median = runs[P10].to_numpy(float), _within_dtype(runs[P50].to_numpy(float), runs)
    infinite = runs["predicted_std"].to_numpy(float)
    infinite = np.where(runs["predicted_nan_onset"].notna(), np.inf, infinite)
    found = np.where(np.isnan(median), infinite, median)
    return np.where(np.isnan(median) & ~np.isnan(low), np.inf, found)


def ratio_band(runs: "pd.DataFrame") -> tuple[Array, Array]:
    """The band of every run's gradient at layer 0 over that at the last; nan where there is none.

    What is measured beside it is `gradient_ratio`.
    """
    low, _, high = _ratio_quantiles(runs)
    return band_by_layer(low, high)


def predicted_gradient_ratio(runs: "pd.DataFrame") -> Array:
    """That ratio in theory: of the median network where a band is known, else of infinite width."""
    _, median, _ = _ratio_quantiles(runs)
    return np.where(np.isnan(median), runs["predicted_grad_std"].to_numpy(float), median)


def _ratio_quantiles(runs: "pd.DataFrame") -> list[Array]:
    none = np.full(len(runs), np.nan)
    names = band_columns("grad_std")  # which are there where a spec asks for them
    return [runs[name].to_numpy(float) if name in runs else none for name in names]


def expected_by_layer(median: Array, infinite: Array) -> Array:
    """The std that theory expects of a point, layer by layer."""
    return infinite if np.isnan(median).all() else median


def band_by_layer(low: Array, high: Array) -> tuple[Array, Array]:
    """The band of a point's std at every layer; its upper end is infinite where it overflows."""
    return low, np.where(np.isnan(high) & ~np.isnan(low), np.inf, high)


def _within_dtype(values: Array, runs: "pd.DataFrame") -> Array:
    if "dtype" not in runs:
        return values
    largest = {name: dtype.largest for name, dtype in DTYPES.items()}
    # not by Series.map: a table asks this of every point, and has few runs of each
    return np.where(values > [largest.get(name, np.inf) for name in runs["dtype"]], np.inf, values)
