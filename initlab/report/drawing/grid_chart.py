"""A grid as an Altair chart: a heat map with marks, contours and words over it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from initlab.report.drawing.drawable import named
from initlab.report.drawing.grid_names import names
from initlab.report.drawing.panel_chart import INK, axis, data, domain
from initlab.report.drawing.scales import TICK, Scale, scale, tick_label
from initlab.report.drawing.shades import ENDS, MISSING, Shades
from initlab.report.extra import extra
from initlab.report.figure import Array, Axis, Grid, Line

LEGEND_TICKS = 8
OVERLAP = 0.7  # pixels
MOST_MARKS = 60  # of a grid, beyond which colours and a note tell of 0 and inf


def grid_chart(grid: Grid, size: tuple[int, int], shades: Shades) -> Any:
    """A drawable grid, `size` pixels within its axes; cells without a value are grey."""
    alt = extra("altair")
    (x_edges, x_scale), (y_edges, y_scale) = _edges(grid.xs, grid.x), _edges(grid.ys, grid.y)
    x = alt.X(
        "x:Q",
        title=grid.x.title,
        scale=domain(x_scale),
        axis=_axis(grid.xs, x_scale, size[0] // 60),
    )
    y = alt.Y(
        "y:Q",
        title=grid.y.title,
        scale=domain(y_scale),
        axis=_axis(grid.ys, y_scale, size[1] // 40),
    )
    at = {"x": x, "y": y}
    layers = [
        *_cells(grid, shades, (x_edges, y_edges), at, size[1]),
        *_contours(grid.contours, at),
        *_texts([vars(name) for name in names(grid, (x_scale, y_scale), size)], at),
    ]
    return alt.layer(*layers).properties(width=size[0], height=size[1])


def _cells(
    grid: Grid, shades: Shades, edges: tuple[Array, Array], at: dict[str, Any], height: int
) -> list[Any]:
    """Cells with a value, cells without one, and the marks of those."""
    alt = extra("altair")
    across, up = (
        np.stack([e[:-1], e[1:], _middles(e, a)])
        for e, a in zip(edges, (grid.x, grid.y), strict=True)
    )
    fractions = shades.of(grid)
    cells = [
        {
            "x": across[0, i], "x2": across[1, i], "y": up[0, j], "y2": up[1, j],
            "value": float(grid.values[j, i]), "shade": float(fractions[j, i]),
            "column": str(grid.xs[i]), "row": str(grid.ys[j]),
        }
        for j, i in np.ndindex(grid.values.shape)
    ]  # fmt: skip
    known = [cell for cell in cells if np.isfinite(cell["shade"])]
    lacking = [{k: c[k] for k in ("x", "x2", "y", "y2")} for c in cells if np.isnan(c["shade"])]
    for cell in known:
        if np.isnan(cell["value"]):  # 0 or infinite on a log scale: it has a mark
            del cell["value"]
    corners = {**at, "x2": "x2:Q", "y2": "y2:Q"}
    layers = []
    if lacking:
        grey = alt.Chart(data(lacking)).mark_rect(color=MISSING, stroke=MISSING)
        layers.append(grey.encode(**corners))
    if known:
        # they overlap a little: else the background shines through between them
        heat = alt.Chart(data(known)).mark_rect(clip=True, x2Offset=OVERLAP, y2Offset=-OVERLAP)
        layers.append(heat.encode(**corners, color=_color(shades, grid.value, height)))
    marks = [
        {"x": across[2, i], "y": up[2, j], "text": grid.marks[j, i]}
        for j, i in np.ndindex(grid.values.shape)
        if grid.marks is not None and grid.marks[j, i]
    ]
    if len(marks) > MOST_MARKS:
        marks = [mark for mark in marks if mark["text"] not in ENDS]
    return [*layers, *_texts(marks, at)]


def _color(shades: Shades, value: Axis, height: int) -> Any:
    """Colours of fractions; the legend says of which values they are."""
    alt = extra("altair")
    names = {f"{shades.fraction(v):.4f}": tick_label(v) for v in shades.ticks(LEGEND_TICKS)}
    legend = alt.Legend(
        title=value.title,
        values=[*map(float, names)],
        labelExpr=f"{names}[format(datum.value, '.4f')]",
        gradientLength=height - 20,
    )
    stops = np.linspace(0, 1, len(shades.colors)).tolist()
    scale = alt.Scale(type="linear", domain=stops, range=[*shades.colors])
    return alt.Color("shade:Q", scale=scale, legend=legend)


def _contours(contours: Sequence[Line], at: dict[str, Any]) -> list[Any]:
    """Contours in ink on white, so that they stand out on every colour."""
    alt = extra("altair")
    layers = []
    for dashed in (False, True):
        rows = [
            {"x": x, "y": y, "line": number, "step": step}
            for number, line in enumerate(contours)
            if line.dashed == dashed
            for step, (x, y) in enumerate(zip(line.x.tolist(), line.y.tolist(), strict=True))
        ]
        single = [r for r in rows if len(contours[r["line"]].x) == 1]
        if single:
            point = alt.Chart(data(single)).mark_point(color=INK, fill=INK, size=60, opacity=1)
            layers.append(point.encode(**at))
        if len(rows) > len(single):
            drawn = alt.Chart(data([r for r in rows if r not in single]))
            order = {"order": "step:Q", "detail": "line:N"}
            wide = {"color": "white", "strokeWidth": 3.5, "opacity": 0.7}
            dash = {"strokeDash": [5, 3] if dashed else [1, 0]}
            ink = {"color": INK, "strokeWidth": 1.3 if dashed else 2.2, **dash}
            layers += [
                drawn.mark_line(clip=True, **look).encode(**at, **order) for look in (wide, ink)
            ]
    return layers


def _texts(rows: list[dict[str, Any]], at: dict[str, Any]) -> list[Any]:
    """Words in ink with a white edge, which can be read on every colour."""
    if not rows:
        return []
    text = extra("altair").Chart(data(rows)).encode(**at, text="text:N")
    font = {"fontSize": 11, "fontWeight": "bold"}
    edge = {"stroke": "white", "strokeWidth": 4, "strokeJoin": "round", "opacity": 0.8}
    return [text.mark_text(**font, **edge), text.mark_text(color=INK, **font)]


def _axis(places: Array, scale: Scale, ticks: int) -> Any:
    """The numbers beside an axis, those of all cells if they are few; or its names."""
    alt = extra("altair")
    if not named(places) and len(places) > ticks:
        return axis(scale, ticks)
    if not named(places):
        return alt.Axis(values=places.tolist(), labelExpr=TICK, grid=False)
    names = [str(name) for name in places]
    return alt.Axis(
        values=[*range(len(names))], labelExpr=f"{names}[datum.value]", grid=False, labelLimit=160
    )


def _edges(places: Array, axis: Axis) -> tuple[Array, Scale]:
    """Where cells begin and end, half-way between the places, and the scale that shows them all.

    Names stand at 0, 1, 2, ...
    """
    at = np.arange(len(places)) if named(places) else np.asarray(places, float)
    at = np.log10(at) if axis.log else at.astype(float)
    middle = (at[1:] + at[:-1]) / 2
    first, last = (
        (at[0] - 0.5, at[-1] + 0.5)
        if len(at) < 2
        else (2 * at[0] - middle[0], 2 * at[-1] - middle[-1])
    )
    edges = np.array([first, *middle, last])
    edges = 10**edges if axis.log else edges
    return edges, scale([edges], axis, exact=True)


def _middles(edges: Array, axis: Axis) -> Array:
    """The middles of cells as the axis shows them."""
    moved = np.log10(edges) if axis.log else edges
    middles: Array = (moved[1:] + moved[:-1]) / 2
    return 10**middles if axis.log else middles
