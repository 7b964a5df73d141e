"""What a page holds: results as they were read, and what is made of them to be shown."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from initlab.report.page.agreement import Agreement, agreements
from initlab.report.page.coloring import Coloring, coloring_of
from initlab.report.page.curves import MOST_CURVES, Curves, chosen_points, curves_of
from initlab.report.page.points import Points, points_of
from initlab.report.page.sentence import verdict
from initlab.report.predictions import prediction_rows
from initlab.report.remarks import SURPRISING, misleading, shortened, surprises

if TYPE_CHECKING:
    from initlab.spec.plan import Plan


@dataclass(frozen=True)
class Source:
    """The results of one sweep, as its folder has them.

    Args:
        path: of the folder, as its user named it.
        about: what the spec says about itself.
        spec: spec.yaml.
        runs: runs.csv.
        layers: layers.csv, of its columns those in curves.COLUMNS.
        provenance: provenance.json.
        plan: the runs, from the journal; None where there is none, and theory gives no reasons.
        writer: who writes there now, or "".
    """

    path: Path
    name: str
    about: str
    spec: str
    runs: pd.DataFrame
    layers: pd.DataFrame
    provenance: Mapping[str, Any]
    plan: "Plan | None" = None
    writer: str = ""


@dataclass(frozen=True)
class Section:
    """A sweep on the page.

    Args:
        verdict: in a few sentences.
        expected: theory's reason for what should become of each point; "" where it is silent.
        drawn: the points that have a curve.
        surprises: the runs that are not what was specified, or that there are none.
        misleading: the runs within their band that infinite width would call wrong.
    """

    source: Source
    points: Points
    coloring: Coloring
    verdict: str
    expected: list[str]
    drawn: list[int]
    curves: list[Curves]
    agreements: list[Agreement]
    surprises: list[str]
    misleading: list[str]

    @property
    def thinning(self) -> str:
        """What the charts leave out of a large sweep."""
        if len(self.drawn) == len(self.points):
            return ""
        return (
            f"Of {len(self.points):,} points {len(self.drawn)} have a curve, those that surprise"
            " before others at equal distances; grey is the median of all and what lies between"
            f" 10 % and 90 %. The table has all. (At most {MOST_CURVES} curves are drawn.)"
        )

    @property
    def command(self) -> str:
        """What repeats the sweep."""
        spec = self.source.path / "spec.yaml"
        return shlex.join(["initlab", "sweep", str(spec), "--out", "again"])

    @property
    def commanded(self) -> str:
        """The command by which it was swept last, as far as it is known."""
        command = self.source.provenance.get("command")
        if not isinstance(command, list) or not command:
            return ""
        return shlex.join(["initlab", *map(str, command[1:])])


def section_of(
    source: Source, names: Sequence[str] | None = None, expected: list[str] | None = None
) -> Section:
    """What is shown of a sweep; names of its points and theory's reasons, if others know better."""
    points = points_of(source.runs, names)
    drawn = chosen_points(points)
    of_run = {
        run: points.names[point]
        for run, point in zip(points.runs["run"], points.runs["point"], strict=True)
    }

    def named(run: "pd.Series[Any]") -> str:
        return str(of_run[run["run"]])

    return Section(
        source,
        points,
        coloring_of(points),
        verdict(points),
        _expected(source.plan, points) if expected is None else expected,
        drawn,
        curves_of(points, source.layers, drawn),
        agreements(points),
        shortened(surprises(source.runs, named)) or [_calm(points)],
        shortened(misleading(source.runs, points.axes, named)),
    )


def _expected(plan: "Plan | None", points: Points) -> list[str]:
    if plan is None:
        return [""] * len(points)
    why = {plan.numbers[row["run"]]: row["why"] for row in prediction_rows(plan)}
    return [why.get(run, "") for run in points.firsts["run"]]


def _calm(points: Points) -> str:
    known = int(points.runs["surprise"].notna().sum())
    if not known:
        return "No run could be compared with a simulated band of networks of its width."
    return f"None of {known:,}: each lies within {SURPRISING:.0f} standard deviations of its band."
