"""A panel as an Altair chart: bands under lines under rules, and names at the lines' ends."""

from collections.abc import Mapping, Sequence
from typing import Any

from initlab.formatting import on_one_line
from initlab.report.drawing.end_labels import GAP, LINE_HEIGHT, EndLabel
from initlab.report.drawing.rule_labels import rule_labels
from initlab.report.drawing.scales import TICK, Scale
from initlab.report.extra import extra
from initlab.report.figure import Band, Line, Panel, Rule

INK = "#333333"
TITLE_GAP = 9  # pixels between a panel and its title
EDGE = {"stroke": "white", "strokeWidth": 3}  # under a name: it may cross a line or a rule
DASH, DOTS, SOLID = [6, 3], [2, 2], [1, 0]


def panel_chart(
    panel: Panel,
    scales: tuple[Scale, Scale],
    colors: Mapping[str, str],
    size: tuple[int, int],
    labels: Sequence[EndLabel] | None,
) -> Any:
    """A drawable panel; where `labels` is None, a legend names the lines.

    Args:
        panel: without gaps.
        scales: of x and y.
        colors: of every label of the figure.
        size: width and height of the panel within its axes, in pixels.
        labels: where the lines' names stand.
    """
    alt = extra("altair")
    x = alt.X(
        "x:Q", title=panel.x.title, scale=domain(scales[0]), axis=axis(scales[0], size[0] // 60)
    )
    y = alt.Y(
        "y:Q", title=panel.y.title, scale=domain(scales[1]), axis=axis(scales[1], size[1] // 40)
    )
    legend = (
        alt.Legend(title=None, symbolType="stroke", symbolOpacity=1) if labels is None else None
    )
    color = alt.Color(
        "label:N", scale=alt.Scale(domain=[*colors], range=[*colors.values()]), legend=legend
    )
    layers = [
        *_bands(panel.bands, x, y, color),
        *_rules(panel.rules, x, y),
        *_lines(panel.lines, x, y, color),
        *_rule_names(panel, x, y, scales, size, labels or ()),
        *_labels(labels or (), x, y, color),
    ]
    if not layers:
        nothing = alt.Chart(data([{"x": scales[0].value(0.5), "y": scales[1].value(0.5)}]))
        layers = [nothing.mark_text(text="nothing to draw", color=INK).encode(x=x, y=y)]
    return alt.layer(*layers).properties(width=size[0], height=size[1])


def titled(drawn: Any, title: str) -> Any:
    """A panel with a title, if there is one, at one height in all panels.

    Vega's own titles stand above all that sticks out of a panel, such as the name of a line.
    """
    if not title:
        return drawn
    alt = extra("altair")
    look = {"align": "left", "baseline": "bottom", "fontSize": 12, "fontWeight": "bold"}
    text = alt.Chart(data([{"title": on_one_line(title)}])).mark_text(color="black", **look)
    at = {"x": alt.value(0), "y": alt.value(-TITLE_GAP)}
    return drawn + text.encode(text="title:N", **at)


def domain(scale: Scale) -> Any:
    """A scale for Altair."""
    alt = extra("altair")
    kind = "log" if scale.log else "linear"
    return alt.Scale(type=kind, domain=[scale.low, scale.high], nice=False, zero=False)


def axis(scale: Scale, most: int) -> Any:
    """An axis for Altair, with so many ticks at most."""
    alt = extra("altair")
    return alt.Axis(values=scale.ticks(max(most, 3)), labelExpr=TICK, labelFlush=False)


def data(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows for Altair, which takes them as they are: it checks no row and counts none."""
    return {"values": rows}


def _lines(lines: Sequence[Line], x: Any, y: Any, color: Any) -> list[Any]:
    """A layer for each look: measured, predicted, faint; pieces of one point are points."""
    alt = extra("altair")
    layers = []
    for faint in (True, False):
        for dashed in (True, False):
            alike = [a for a in lines if a.faint == faint and a.dashed == dashed]
            look = {
                "strokeDash": DASH if dashed else SOLID,
                "strokeWidth": 1 if faint else 1.4 if dashed else 2,
                "opacity": 0.45 if faint else 1.0,
            }
            rows = [row for n, line in enumerate(alike) for row in _points(n, line)]
            several = [row for row in rows if len(alike[row["line"]].x) > 1]
            single = [row for row in rows if len(alike[row["line"]].x) == 1]
            if several:
                drawn = alt.Chart(data(several)).mark_line(clip=True, **look)
                layers.append(drawn.encode(x=x, y=y, color=color, detail="line:N"))
            if single:
                shape = {"filled": not dashed, "size": 40, "opacity": look["opacity"]}
                layers.append(
                    alt.Chart(data(single)).mark_point(**shape).encode(x=x, y=y, color=color)
                )
    return layers


def _points(number: int, line: Line) -> list[dict[str, Any]]:
    pairs = zip(line.x.tolist(), line.y.tolist(), strict=True)
    return [{"x": x, "y": y, "label": line.label, "line": number} for x, y in pairs]


def _bands(bands: Sequence[Band], x: Any, y: Any, color: Any) -> list[Any]:
    alt = extra("altair")
    layers = []
    for predicted in (True, False):
        rows = [
            {"x": at, "y": low, "y2": high, "label": band.label, "band": number}
            for number, band in enumerate(bands)
            if band.predicted == predicted
            for at, low, high in zip(
                *(v.tolist() for v in (band.x, band.low, band.high)), strict=True
            )
        ]
        if rows:
            area = alt.Chart(data(rows)).mark_area(
                clip=True, opacity=0.13 if predicted else 0.28, line=False
            )
            unnamed = color.copy()
            unnamed["legend"] = None
            layers.append(area.encode(x=x, y=y, y2="y2:Q", color=color, detail="band:N"))
    return layers


def _rules(rules: Sequence[Rule], x: Any, y: Any) -> list[Any]:
    alt = extra("altair")
    look = {"color": INK, "strokeDash": DOTS}
    level = [rule.y for rule in rules if rule.y is not None]
    upright = sorted(rule.x for rule in rules if rule.x is not None)
    return [
        *(alt.Chart(data([{"y": at}])).mark_rule(**look).encode(y=y) for at in level),
        *(alt.Chart(data([{"x": at}])).mark_rule(**look).encode(x=x) for at in upright),
    ]


def _rule_names(
    panel: Panel,
    x: Any,
    y: Any,
    scales: tuple[Scale, Scale],
    size: tuple[int, int],
    labels: Sequence[EndLabel],
) -> list[Any]:
    """The names of rules: of level ones at the left, of upright ones at the bottom.

    What turns nan has left the panel at its top: there is room below.
    """
    alt = extra("altair")
    texts = []
    for rule in panel.rules:
        if rule.y is not None:
            level = alt.Chart(data([{"y": rule.y}])).encode(y=y, x=alt.value(0))
            texts.append((level, {"text": rule.label, "align": "left", "dx": 4, "dy": -2}))
    for at in rule_labels(panel, scales, size, labels):
        height = alt.value(size[1] - 3 - at.row * LINE_HEIGHT)
        upright = alt.Chart(data([{"x": at.x}])).encode(x=x, y=height)
        side = {"align": "right", "dx": -4} if at.leftward else {"align": "left", "dx": 4}
        texts.append((upright, {"text": at.label, **side}))
    look = {"fontSize": 11, "baseline": "bottom"}
    return [
        chart.mark_text(**text, **look, **ink)
        for chart, text in texts
        for ink in (EDGE, {"color": INK})
    ]


def _labels(labels: Sequence[EndLabel], x: Any, y: Any, color: Any) -> list[Any]:
    if not labels:
        return []
    alt = extra("altair")
    rows = [{"x": at.x, "y": at.y, "label": at.label} for at in labels]
    names = alt.Chart(data(rows)).encode(x=x, y=y, text="label:N")
    look = {"align": "left", "dx": GAP, "fontSize": 11}
    return [names.mark_text(**look, **EDGE), names.mark_text(**look).encode(color=color)]
