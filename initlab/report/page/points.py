"""The points of a sweep: runs that differ in their seeds alone, and what became of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from initlab.formatting import brief, on_one_line, times
from initlab.report.bands import first_known
from initlab.report.labels import axes_of, labels, varying
from initlab.report.statistics import (
    by_point,
    counted,
    forward_ratio,
    gradient_ratio,
    is_ok,
    quantiles,
)

UNFINISHED = "unfinished"
FALLBACK = ("activation", "init")  # what names the point of a sweep that has only one


@dataclass(frozen=True)
class Points:
    """The points of a sweep, in the spec's order.

    Args:
        runs: runs.csv, with a column `point`: 0, 1, 2, ...
        axes: the fields in which points differ.
        names: what each point is called: "tanh, depth 50".
    """

    runs: pd.DataFrame
    axes: tuple[str, ...]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.firsts)

    @cached_property
    def firsts(self) -> pd.DataFrame:
        """The first run of each point, which has the fields that its seeds share."""
        return self.runs.drop_duplicates("point")

    @cached_property
    def forward(self) -> list[str]:
        """What became of the signal of each point; "2 steady, 1 nan" where its runs differ."""
        return self._verdicts("forward_verdict")

    @cached_property
    def backward(self) -> list[str]:
        """What became of the gradient of each point; "" where it was not measured."""
        words = self._verdicts("backward_verdict")
        return words if self.has_gradient.any() else [""] * len(self)

    @cached_property
    def has_gradient(self) -> np.ndarray:
        """Of which points some run has a gradient."""
        measured = (self.runs["backward_verdict"].fillna("") != "") & is_ok(self.runs)
        return measured.groupby(self.runs["point"]).any().to_numpy()

    def _verdicts(self, column: str) -> list[str]:
        measured = self.runs["status"] == "ok"
        words = self.runs[column].where(measured, self.runs["status"])
        groups = words.where(words != "interrupted").groupby(self.runs["point"])
        found = groups.first().fillna(UNFINISHED).astype(str)
        texts: list[str] = found.tolist()
        for point in np.flatnonzero(groups.nunique() > 1).tolist():
            counts = groups.get_group(point).value_counts()
            texts[point] = ", ".join(f"{n} {word or 'unmeasured'}" for word, n in counts.items())
        return texts

    def quantiles(self, values: np.ndarray) -> np.ndarray:
        """The 10, 50 and 90 % quantiles over the runs of each point, (3, points, ...); nan of none.

        Values are those of runs as they count: `counted` of statistics.py.
        """
        return quantiles(self.by_seed(values))

    def theory(self, values: np.ndarray) -> np.ndarray:
        """What theory says of each point, (points, ...), from values of runs."""
        return first_known(self.by_seed(values))

    def by_seed(self, values: np.ndarray) -> np.ndarray:
        """Values of runs as (seeds, points, ...)."""
        return by_point(values, self.runs["point"].to_numpy(), len(self))

    def reasons(self) -> list[str]:
        """What was measured of each point, in words."""
        return [_reason(found) for found in self._findings()]

    def _findings(self) -> Iterator["_Findings"]:
        runs, point = self.runs, self.runs["point"]
        failed = runs["status"] == "failed"
        onset = runs["nan_onset"].astype(float).groupby(point)
        measured = (runs["status"] == "ok").groupby(point).sum()
        columns = (
            self.firsts["depth"],
            measured,
            failed.groupby(point).sum(),
            runs["reason"].where(failed).groupby(point).first(),
            onset.count(), onset.min(), onset.max(),
            self.quantiles(counted(runs, "std_last"))[1],
            self.quantiles(forward_ratio(runs))[1],
            self.quantiles(gradient_ratio(runs))[1],
            self.has_gradient,
        )  # fmt: skip
        return map(_Findings._make, zip(*columns, strict=True))


class _Findings(NamedTuple):
    """What was measured of one point; medians over its runs."""

    depth: int
    measured: int
    failed: int
    failure: str
    onsets: int
    first_onset: float
    last_onset: float
    last: float
    grown: float
    gradient: float
    has_gradient: bool


def points_of(runs: pd.DataFrame, names: Sequence[str] | None = None) -> Points:
    """The points of runs.csv, by the names that tell them apart, or others.

    Of several sweeps, a column `spec` stands before `run`.
    """
    apart = varying(runs)
    point = np.zeros(len(runs), int)
    if apart:
        point = runs.groupby(apart, sort=False, dropna=False).ngroup().to_numpy()
    runs, axes = runs.assign(point=point), tuple(axes_of(runs)) or FALLBACK
    own = labels(runs.drop_duplicates("point"), axes)
    return Points(runs, axes, [on_one_line(name) for name in names or own])


def _reason(found: _Findings) -> str:
    texts = []
    if found.failed:
        many = f"{found.failed} failed" if found.failed > 1 else "failed"
        texts.append(f"{many}: {found.failure}")
    if found.onsets:
        low, high = int(found.first_onset), int(found.last_onset)
        where = f"layer {low}" if low == high else f"layers {low} to {high}"
        some = "" if found.onsets == found.measured else f" in {found.onsets} of {found.measured}"
        texts.append(f"not finite from {where} on{some}")
    elif found.measured:
        depth = f"{found.depth} layer{'s' if found.depth > 1 else ''}"
        if found.last == 0:
            texts.append(f"std 0 after {depth}")
        elif np.isfinite(found.grown):
            texts.append(f"std {times(found.grown)} over {depth}")
        else:  # from 0, by its biases
            texts.append(f"std {brief(found.last)} after {depth}")
    if found.has_gradient and np.isinf(found.gradient):
        texts.append("gradient not finite at layer 0")
    elif np.isfinite(found.gradient):
        gradient = f"gradient {times(found.gradient)} down to layer 0"
        texts.append(gradient if found.gradient else "gradient 0 at layer 0")
    return "; ".join(texts) or "not run yet"
