"""Figures as Altair charts, and those as PNG, SVG, PDF or a page that works offline."""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from initlab.formatting import on_one_line
from initlab.report.drawing.colors import colors_of
from initlab.report.drawing.drawable import drawable
from initlab.report.drawing.end_labels import end_labels
from initlab.report.drawing.grid_chart import grid_chart
from initlab.report.drawing.panel_chart import panel_chart, titled
from initlab.report.drawing.scales import left_panel, panel_scales
from initlab.report.drawing.shades import shades
from initlab.report.extra import extra
from initlab.report.figure import Figure, Grid, Panel

KINDS = ("png", "svg", "pdf", "html")
FONT = "Arial, Helvetica, sans-serif"  # vl-convert has a font of Arial's widths
WIDEST = 110  # characters of a line of notes under a title
PIXEL_RATIO = 2  # of a PNG: sharp on any screen
LINES = "#888888"
CONFIG = {
    "font": FONT,
    "title": {"fontSize": 15, "subtitleFontSize": 11, "subtitleColor": "#555555",
              "subtitlePadding": 4},
    "axis": {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal",
             "gridColor": "#ececec", "domainColor": LINES, "tickColor": LINES},
    "view": {"stroke": None},
    "legend": {"labelFontSize": 11, "titleFontSize": 11, "labelLimit": 260},
}  # fmt: skip


def chart(figure: Figure) -> Any:
    """The Altair chart of a figure, of what can be drawn; its title has the notes below it."""
    alt = extra("altair")
    palette, figure = colors_of(figure), drawable(figure)
    panels = [panel for panel in figure.panels if isinstance(panel, Panel)]
    axes = panel_scales(panels)
    scales = dict(zip(map(id, panels), axes, strict=True))
    size, columns = _layout(figure)
    named = {id(p): end_labels(p, scales[id(p)], size) for p in panels}
    if None in named.values():  # a legend for all, then
        named = dict.fromkeys(named)
    heading = on_one_line(figure.title)
    if len(figure.panels) == 1 and figure.panels[0].title:
        heading = f"{heading}: {on_one_line(figure.panels[0].title)}"
    colored = shades([panel for panel in figure.panels if isinstance(panel, Grid)])
    drawn = [
        grid_chart(panel, size, colored)
        if isinstance(panel, Grid)
        else panel_chart(panel, scales[id(panel)], palette, size, named[id(panel)])
        for panel in figure.panels
    ]
    if len(drawn) > 1:
        pairs = zip(drawn, figure.panels, strict=True)
        drawn = [titled(one, panel.title) for one, panel in pairs]
    whole = drawn[0] if len(drawn) == 1 else alt.concat(*drawn, columns=columns, spacing=24)
    notes = _notes(figure, palette, left_panel(panels, axes))
    title = alt.Title(
        heading,
        subtitle=[line for note in notes for line in _wrapped(note)],
        anchor="start",
        frame="group",
        offset=10,
    )
    return whole.properties(title=title, config=CONFIG, padding=12, background="white")


def picture(figure: Figure, kind: str) -> bytes:
    """A figure as the bytes of a file: png, svg, pdf, or html without any external reference."""
    spec = chart(figure).to_dict()
    convert = extra("vl_convert")
    if kind == "png":
        return bytes(convert.vegalite_to_png(spec, scale=PIXEL_RATIO))
    if kind == "svg":
        return str(convert.vegalite_to_svg(spec)).encode()
    if kind == "pdf":
        return bytes(convert.vegalite_to_pdf(spec))
    if kind == "html":
        return _page(spec, on_one_line(figure.title), convert.javascript_bundle()).encode()
    raise ValueError(f"{kind}: none of {', '.join(KINDS)}")


def key(figure: Figure) -> str:
    """What solid, dashed and shaded stand for, where a figure has more than one of them."""
    panels = [panel for panel in figure.panels if isinstance(panel, Panel)]
    lines = [line for panel in panels for line in panel.lines]
    bands = [band for panel in panels for band in panel.bands]
    parts = []
    if any(line.dashed for line in lines):
        parts += ["solid: measured"] if not all(line.dashed for line in lines) else []
        parts += ["dashed: predicted"]
    if any(not band.predicted for band in bands):
        parts += ["shaded: spread"]
    if any(band.predicted for band in bands):
        parts += ["pale: predicted band"]
    return "; ".join(parts).capitalize()


def _layout(figure: Figure) -> tuple[tuple[int, int], int]:
    """The size of a panel within its axes, in pixels, and how many stand side by side."""
    count = len(figure.panels)
    if count == 1:
        return (640, 360), 1
    return ((370, 270), 2) if count <= 4 else ((260, 200), 3)


def _notes(figure: Figure, palette: Mapping[str, str], beyond: Sequence[str]) -> list[str]:
    count = len(set(palette.values()))
    shared = f"{len(palette)} lines have {count} colours." if count < len(palette) else ""
    told = (key(figure), " ".join(figure.band_notes), *figure.notes, *beyond, shared)
    return [on_one_line(note) for note in told if note]


def _wrapped(note: str) -> Sequence[str]:
    import textwrap

    return textwrap.wrap(note, WIDEST)


def _page(spec: dict[str, Any], title: str, script: str) -> str:
    """One page that holds all it needs. A `</script>` within a text of the figure ends nothing."""
    spec.pop("$schema", None)  # the address of a document that nobody fetches
    options = {"mode": "vega-lite", "renderer": "svg", "actions": {"export": True, "source": False,
               "compiled": False, "editor": False}}  # fmt: skip
    data = json.dumps(spec).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>body {{ margin: 1rem; background: white; }} #chart {{ overflow-x: auto; }}</style>
<script>{script}</script>
</head>
<body>
<div id="chart" role="img" aria-label="{html.escape(title, quote=True)}"></div>
<script>
vegaEmbed("#chart", {data}, {json.dumps(options)}).catch(console.error);
</script>
</body>
</html>
"""
