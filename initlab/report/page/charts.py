"""The page's charts as Vega-Lite, made with Altair: they know neither a sweep nor its numbers.

A chart reads its rows from a data set that page.js fills, and its colours from the page's style
sheet, so that one specification serves every sweep, in the light and in the dark. Its parameters:
`chosen` are the points whose curves light up, `few` is whether there are so few that each can show
what was expected of it, `low` and `high` are the ends of the y axis (of dots, of both),
`first` and `last` those of the layers, `ticks` what is labelled on a log axis.
"""

from functools import cache
from typing import Any

from initlab.report.drawing.scales import TICK
from initlab.report.extra import extra

DATA = "rows"
ACTIVE = "chosen.length ? indexof(chosen, datum.point) >= 0 : few"
CHOSEN = "indexof(chosen, datum.point) >= 0"
DARK = f"chosen.length && !({CHOSEN})"  # while others are chosen
FADED, MANY, ALL = 0.5, 0.55, 0.95  # opacity of curves: not chosen, among many, among few
PARAMETERS = {"chosen": [], "few": False, "low": 0.1, "high": 10, "first": 0, "last": 1,
              "ticks": [1]}  # fmt: skip


@cache
def charts() -> dict[str, Any]:
    """Every chart of the page by its kind: curves on a log axis, on a linear one, and dots."""
    return {"log": _curves(log=True), "linear": _curves(log=False), "dots": _dots()}


def _curves(*, log: bool) -> dict[str, Any]:
    """A line for every point over depth, what theory expects of it, and its spread."""
    alt = extra("altair")
    base = alt.Chart(alt.NamedData(DATA)).encode(
        x=alt.X("layer:Q", title="layer", scale=_scale("first", "last"),
                axis=alt.Axis(tickMinStep=1, grid=False)),
        detail="point:N",
    )  # fmt: skip
    y = alt.Y("value:Q", title=None, scale=_scale(log=log), axis=_axis(log=log))
    color = {"fill": _color("fill"), "stroke": _color("stroke")}
    of_points, active = base.transform_filter("datum.point >= 0"), f"datum.point >= 0 && ({ACTIVE})"
    bright = base.transform_filter(active)
    faded = alt.when(DARK).then(alt.value(FADED))
    layers = [
        base.transform_filter("datum.point < 0").mark_area(opacity=0.5, fill="var(--faint)")
        .encode(y=alt.Y("low:Q"), y2="high:Q"),
        bright.mark_area(opacity=0.14).encode(y=alt.Y("from:Q"), y2="to:Q", fill=color["fill"]),
        bright.mark_area(opacity=0.22).encode(y=alt.Y("low:Q"), y2="high:Q", fill=color["fill"]),
        base.transform_filter("datum.point < 0").mark_line(stroke="var(--muted)", strokeWidth=2)
        .encode(y=y),
        of_points.mark_line(strokeWidth=1.3).encode(
            y=y, stroke=alt.when(DARK).then(alt.value("var(--faint)")).otherwise(color["stroke"]),
            opacity=faded.when("few").then(alt.value(ALL)).otherwise(alt.value(MANY)),
        ),
        bright.mark_line(strokeDash=[5, 4], strokeWidth=1.3).encode(
            y=alt.Y("expected:Q"), stroke=color["stroke"]
        ),
        of_points.transform_filter(CHOSEN).mark_line(strokeWidth=2.6).encode(
            y=y, stroke=color["stroke"]
        ),
        of_points.transform_filter("datum.stops").mark_point(
            shape="cross", angle=45, size=70, filled=True, strokeWidth=0
        ).encode(y=y, fill=color["fill"], opacity=faded.otherwise(alt.value(ALL))),
    ]  # fmt: skip
    return _finished(alt.layer(*layers).properties(height=280))


def _dots() -> dict[str, Any]:
    """Measured over predicted on log axes, with the diagonal and each run's band."""
    alt = extra("altair")
    base = alt.Chart(alt.NamedData(DATA))
    x = alt.X("predicted:Q", title="predicted", scale=_scale(log=True), axis=_axis(log=True))
    y = alt.Y("measured:Q", title="measured", scale=_scale(log=True), axis=_axis(log=True))
    dark = alt.when(DARK)
    diagonal = alt.Chart(alt.NamedData("diagonal")).mark_line(
        stroke="var(--muted)", strokeDash=[5, 4], strokeWidth=1.2
    )
    layers = [
        diagonal.encode(x=alt.X("end:Q", scale=_scale(log=True)),
                        y=alt.Y("end:Q", scale=_scale(log=True))),
        base.mark_rule(strokeWidth=4, strokeCap="round").encode(
            x=alt.X("from:Q", scale=_scale(log=True)), x2="to:Q", y=y, stroke=_color("stroke"),
            opacity=dark.then(alt.value(0.05)).otherwise(alt.value(0.25)),
        ),
        base.mark_circle(size=50, stroke="var(--paper)", strokeWidth=0.7).encode(
            x=x, y=y, opacity=dark.then(alt.value(FADED)).otherwise(alt.value(ALL)),
            fill=dark.then(alt.value("var(--faint)")).otherwise(_color("fill")),
        ),
        base.transform_filter(CHOSEN).mark_circle(size=70, stroke="var(--paper)", strokeWidth=0.7)
        .encode(x=x, y=y, fill=_color("fill"), opacity=alt.value(1)),
    ]  # fmt: skip
    return _finished(alt.layer(*layers).properties(height=300))


def _scale(low: str = "low", high: str = "high", *, log: bool = False) -> Any:
    alt = extra("altair")
    ends = [alt.expr(low), alt.expr(high)]
    return alt.Scale(type="log" if log else "linear", domain=ends, nice=False)


def _axis(*, log: bool) -> Any:
    alt = extra("altair")
    ticks = {"values": alt.expr("ticks")} if log else {"tickCount": 6}
    return alt.Axis(labelExpr=TICK, labelOverlap="greedy", **ticks)


def _color(channel: str) -> Any:
    alt = extra("altair")
    kind = alt.Fill if channel == "fill" else alt.Stroke
    return kind("color:N", scale=None, legend=None)


def _finished(chart: Any) -> dict[str, Any]:
    """A specification that is as wide as its place, in the colours of the page."""
    text = {"labelColor": "var(--muted)", "titleColor": "var(--muted)"}
    lines = {"domainColor": "var(--line)", "tickColor": "var(--line)", "gridColor": "var(--line)"}
    font = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
    chart = chart.properties(width="container").configure(
        background="transparent",
        font="system-ui, sans-serif",
        axis={**text, **lines, **font, "gridOpacity": 0.6, "labelPadding": 6},
        view={"stroke": None},
        mark={"invalid": "break-paths-filter-domains"},
    )
    specification: dict[str, Any] = chart.to_dict()
    parameters = [{"name": name, "value": value} for name, value in PARAMETERS.items()]
    return specification | {"params": parameters}
