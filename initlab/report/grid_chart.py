"""A grid as an Altair chart: a heat map, with contours over it."""

from typing import Any

import numpy as np

from initlab.report.extra import extra
from initlab.report.figure import Array, Axis, Grid
from initlab.report.panel_chart import INK, TICK, axis, data, domain, titled
from initlab.report.scales import Scale, scale

MISSING = "#d9d9d9"


def grid_chart(grid: Grid, size: tuple[int, int]) -> Any:
    """A drawable grid, `size` pixels within its axes; cells without a value are grey."""
    alt = extra("altair")
    (x_edges, x_scale), (y_edges, y_scale) = _edges(grid.xs, grid.x), _edges(grid.ys, grid.y)
    cells = [
        {
            "x": float(x_edges[i]), "x2": float(x_edges[i + 1]),
            "y": float(y_edges[j]), "y2": float(y_edges[j + 1]),
            "value": float(grid.values[j, i]),
        }
        for j in range(len(grid.ys))
        for i in range(len(grid.xs))
        if np.isfinite(grid.values[j, i])
    ]  # fmt: skip
    x = alt.X("x:Q", title=grid.x.title, scale=domain(x_scale), axis=axis(x_scale, size[0] // 60))
    y = alt.Y("y:Q", title=grid.y.title, scale=domain(y_scale), axis=axis(y_scale, size[1] // 40))
    values = [c["value"] for c in cells]
    value = _value_scale(grid.value, values)
    legend = alt.Legend(title=grid.value.title, labelExpr=TICK, gradientLength=size[1] - 20)
    color = alt.Color("value:Q", scale=value, legend=legend)
    heat = alt.Chart(data(cells)).mark_rect(clip=True)
    layers = [heat.encode(x=x, y=y, x2="x2:Q", y2="y2:Q", color=color)]
    for number, line in enumerate(grid.contours):
        rows = [{"x": a, "y": b} for a, b in zip(line.x.tolist(), line.y.tolist(), strict=True)]
        dash = [4, 2] if line.dashed else [1, 0]
        drawn = alt.Chart(data(rows), name=f"contour_{number}")
        layers.append(
            drawn.mark_line(color="white", strokeWidth=2, strokeDash=dash, clip=True).encode(
                x=x, y=y, order="x:Q"
            )
        )
        layers.append(_contour_label(line.label, rows, x, y))
    drawn = titled(alt.layer(*layers), grid.title).properties(width=size[0], height=size[1])
    return drawn.properties(view=alt.ViewBackground(fill=MISSING))


def _contour_label(label: str, rows: list[dict[str, float]], x: Any, y: Any) -> Any:
    alt = extra("altair")
    text = alt.Chart(data([rows[len(rows) // 2]])).mark_text(
        text=label, color=INK, fontSize=11, fontWeight="bold", dy=-7, stroke="white",
        strokeWidth=0.2,
    )  # fmt: skip
    return text.encode(x=x, y=y)


def _edges(values: Array, axis: Axis) -> tuple[Array, Scale]:
    """Where cells around the values begin and end, half-way between them; one scale for all."""
    at = np.log10(values) if axis.log else np.asarray(values, float)
    if len(at) < 2:
        middles = at
        half = 0.5
        edges = np.array([*(middles - half), *(middles + half)])
    else:
        middle = (at[1:] + at[:-1]) / 2
        edges = np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])
    edges = 10**edges if axis.log else edges
    return edges, scale([edges], axis, exact=True)


def _value_scale(axis: Axis, values: list[float]) -> Any:
    alt = extra("altair")
    kind = "log" if axis.log else "linear"
    low, high = (min(values), max(values)) if values else (0.1, 1.0)
    return alt.Scale(type=kind, domain=[low, high], scheme="viridis", nice=False, zero=False)
