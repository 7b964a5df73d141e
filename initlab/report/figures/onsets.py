"""Where runs turn nan, as labelled rules."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from initlab.report.figure import Array, Rule

MOST_RULES = 6  # of a panel
MOST_CURVES = 20  # of a panel that are told one by one


class HasRuns(Protocol):
    """A curve of some runs."""

    @property
    def label(self) -> str:
        """Its name in the panel."""

    @property
    def runs(self) -> tuple[int, ...]:
        """Its runs, by position."""


def onset_rules(curves: Sequence[HasRuns], onset: Array) -> tuple[list[Rule], list[str]]:
    """A rule for every layer at which curves begin to turn nan, and notes of those beyond a few.

    Args:
        curves: of one panel.
        onset: of every run, the first layer with a value that is not finite; nan where none has.
    """
    if len(curves) > MOST_CURVES:
        return _first([onset[list(curve.runs)] for curve in curves]), []
    spans: dict[tuple[int, int], list[str]] = {}
    for curve in curves:
        at = onset[list(curve.runs)]
        at = at[~np.isnan(at)]
        if len(at):
            span = int(at.min()), int(at.max())
            spans.setdefault(span, []).append(curve.label)
    alone = len({curve.label for curve in curves}) < 2
    rules = []
    for (first, last), names in sorted(spans.items())[:MOST_RULES]:
        where = f"nan at layer {first}" if first == last else f"nan at layers {first} to {last}"
        which = list(dict.fromkeys(names))
        of = which[0] if len(which) == 1 else f"{len(which)} lines"
        rules.append(Rule(where if alone else f"{where} ({of})", x=float(first)))
    others = sorted(spans.items())[MOST_RULES:]
    if not others:
        return rules, []
    count, first = sum(len(names) for _, names in others), others[0][0][0]
    return rules, [f"{count} more lines turn nan, from layer {first} on."]


def _first(onsets: Sequence[Array]) -> list[Rule]:
    """One rule, where the first of many curves turns nan."""
    firsts = [int(np.nanmin(at)) for at in onsets if not np.isnan(at).all()]
    if not firsts:
        return []
    return [
        Rule(f"{len(firsts)} of {len(onsets)} turn nan, from layer {min(firsts)} on", x=min(firsts))
    ]
