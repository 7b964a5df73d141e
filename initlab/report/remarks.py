"""What a reader of a table should be told: where finite width misleads, and where it does not."""

from collections.abc import Callable, Sequence

import pandas as pd

from initlab.formatting import brief
from initlab.report.bands import band, inside_band

Row = pd.Series

MISLEADING = 0.3  # share of infinite width's std by which one may be off and not be remarked upon
SURPRISING = 5.0  # standard deviations; the law of ln std is not quite normal
MOST = 3


def remarks(runs: pd.DataFrame, axes: Sequence[str], named: Callable[[Row], str]) -> list[str]:
    """Runs off their band, then those within it that infinite width would call wrong.

    Args:
        runs: runs.csv.
        axes: the fields in which runs differ; of each point one run is remarked upon.
        named: what names the point of a run, if it has a name.
    """
    return surprises(runs, named) + misleading(runs, axes, named)


def shortened(lines: Sequence[str]) -> list[str]:
    """The first few."""
    more = len(lines) - MOST
    return [*lines[:MOST], *([f"... and {more} more such runs."] if more > 0 else [])]


def surprises(runs: pd.DataFrame, named: Callable[[Row], str]) -> list[str]:
    """Runs more than SURPRISING standard deviations off, or at 0, which has no logarithm."""
    at_0 = (runs["std_last"] == 0) & (runs["predicted_std_p10"] > 0)
    lines = [
        f"{_where(run, named)} lies below the band {_band(run)}: has every unit of a layer died, is"
        f" {run['dtype']} too narrow, or is this not the network you meant?"
        for _, run in runs[at_0].iterrows()
    ]
    return lines + [
        f"{_where(run, named)} lies {run['surprise']:+.1f} standard deviations off the band"
        f" {_band(run)}, more than {SURPRISING:.0f}: is this the network you meant?"
        for _, run in runs[runs["surprise"].abs() > SURPRISING].iterrows()
    ]


def misleading(runs: pd.DataFrame, axes: Sequence[str], named: Callable[[Row], str]) -> list[str]:
    """Of each steady point the run within its band that is furthest off infinite width."""
    off = (runs["std_last"] / runs["predicted_std"] - 1).abs()
    inside, _ = inside_band(runs)
    steady = runs["forward_verdict"] == "steady"  # else the init is wrong, though not by chance
    found = runs.assign(off=off)[steady & inside & (off > MISLEADING)].sort_values("off")
    one_each = found.groupby([*axes], dropna=False, sort=False).tail(1) if axes else found.tail(1)
    return [
        f"{_where(run, named)} is within the band {_band(run)}, though {run['off']:.0%} off"
        f" infinite width, more than {MISLEADING:.0%}: finite width, not a wrong init."
        for _, run in one_each.iterrows()
    ]


def _where(run: Row, named: Callable[[Row], str]) -> str:
    point = f"{named(run)} seed {run['seed']}".strip()
    return f"{point}: std {brief(run['std_last'])} at layer {run['depth'] - 1}"


def _band(run: Row) -> str:
    (low,), (high,) = band(run.to_frame().T)
    return f"{brief(low)}-{brief(high)}"
